"""Others write the tables too: whatever they do, and whenever, it is followed, repaired, or refused and told.

The verdicts stand here, once; docs/other-writers.md is held against them. Whatever the verdict, the lake in the end is
what a person works out who knows what was received and what others did: never silently another.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes import others
from tests.support.lakes.lake import Lake
from tests.support.lakes.others import ACTIONS, BRONZE, DAYS, GOLD, MODES, SILVER, SPAN, Others, Visit, day, describe

DOC = Path(__file__).parents[3] / "docs" / "other-writers.md"
FOLLOWED, REPAIRED, REFUSED, UNTIL_MENDED = "followed", "repaired", "refused", "refused until mended"
_ALWAYS = (FOLLOWED,) * 6
_ROWS = (FOLLOWED, FOLLOWED, REFUSED, REFUSED, REFUSED, FOLLOWED)
_BROUGHT_BACK = (REPAIRED, REFUSED, REFUSED, REFUSED, REFUSED, REPAIRED)
_FOREIGN = (UNTIL_MENDED,) * 6
VERDICTS: dict[str, tuple[str, ...]] = {
    "dropped": (FOLLOWED, REFUSED, REFUSED, REFUSED, REFUSED, FOLLOWED),
    "dropped and made anew": _FOREIGN,
    "replaced": _FOREIGN,
    "cloned over": _FOREIGN,
    "restored": _BROUGHT_BACK,
    "vacuumed": _ROWS,
    "optimized": _ALWAYS,
    "z-ordered": _ALWAYS,
    "column added": _ALWAYS,
    "column dropped": _BROUGHT_BACK,
    "column renamed": _BROUGHT_BACK,
    "type changed": _FOREIGN,
    "comment, property": _ALWAYS,
    "constraint added": _ALWAYS,
    "deleted from": _ROWS,
    "updated": _ROWS,
    "inserted into": _ROWS,
    "merged into": _ROWS,
    "inserted into by delta-rs": _ROWS,
}
CELLS = list(product(MODES, ACTIONS, SPAN))
FEW = [
    ("upsert", "deleted from", "in the commit"),
    ("upsert", "restored", "between runs"),
    ("append", "optimized", "after prepare"),
    ("scd2", "updated", "after commit"),
    ("replace", "replaced", "after gate"),
    ("upsert", "dropped", "before prepare"),
]


@pytest.fixture(scope="session")
def second_day(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the three tables after two days, for each mode made once."""
    made: dict[str, Path] = {}

    def of(mode: str) -> Path:
        if mode not in made:
            made[mode] = tmp_path_factory.mktemp(f"people-{mode}")
            lake = Lake(spark, made[mode])
            describe(lake, mode)
            for rows in DAYS[:2]:
                assert not day(lake, rows).refused
        return made[mode]

    return of


def outcome(lake: Lake, action: str, moment: str, table: str = SILVER) -> str:
    """What becomes of a day on which others come, and of the next ones, until the lake is quiet again."""
    visit = Visit(moment, lambda: ACTIONS[action](Others(lake, table)), table)
    then = day(lake, DAYS[2], visit)
    assert visit.came
    # What a log refuses the source gives again.
    due = [*(DAYS[2] if BRONZE in then.refused else []), *DAYS[3]]
    following = day(lake, due)
    for refusal in following.refused.values():
        others.mend(lake, refusal)
    last = day(lake, due if BRONZE in following.refused else [])
    assert not last.refused, last.refused
    if following.refused:
        return UNTIL_MENDED
    return REFUSED if then.refused else FOLLOWED


def check(lake: Lake, mode: str, action: str) -> None:
    """The tables are what a person works out, and a run that finds nothing new commits nothing."""
    silver = lake.read(SILVER, "id", "name", "n")
    assert silver == others.touched(mode, action)
    assert lake.read(GOLD, "id", "rows", "name", "n") == others.summed(silver)
    commits_nothing(lake)


def commits_nothing(lake: Lake) -> None:
    before = versions(lake)
    assert not day(lake, []).refused
    assert versions(lake) == before


def versions(lake: Lake) -> list[int]:
    logs = [Path(lake.path(table), "_delta_log") for table in (BRONZE, SILVER, GOLD)]
    return [max(int(file.stem) for file in log.glob("*.json")) for log in logs]


def verdict(mode: str, action: str, moment: str) -> str:
    """As the guide says; a log is not computed anew, so that columns do not come back to it by themselves."""
    if mode == "append" and action in ("column dropped", "column renamed"):
        return UNTIL_MENDED
    told = VERDICTS[action][SPAN.index(moment)]
    return FOLLOWED if told == REPAIRED else told


@pytest.mark.parametrize(("mode", "action", "moment"), FEW, ids=[" ".join(cell) for cell in FEW])
def test_what_others_do_is_followed_repaired_or_refused(
    spark: SparkSession, second_day: Callable[[str], Path], tmp_path: Path, mode: str, action: str, moment: str
) -> None:
    shutil.copytree(second_day(mode), tmp_path, dirs_exist_ok=True)
    lake = Lake(spark, tmp_path)

    assert outcome(lake, action, moment) == verdict(mode, action, moment)

    check(lake, mode, action)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "action", "moment"), CELLS, ids=[" ".join(cell) for cell in CELLS])
def test_every_cell(
    spark: SparkSession, second_day: Callable[[str], Path], tmp_path: Path, mode: str, action: str, moment: str
) -> None:
    shutil.copytree(second_day(mode), tmp_path, dirs_exist_ok=True)
    lake = Lake(spark, tmp_path)

    assert outcome(lake, action, moment) == verdict(mode, action, moment)

    check(lake, mode, action)


MOMENTS = ("between runs", "after prepare", "in the commit", "after commit")


@pytest.mark.slow
@pytest.mark.parametrize(("action", "moment"), list(product(ACTIONS, MOMENTS)))
def test_what_others_do_to_a_log_of_what_was_received(
    spark: SparkSession, second_day: Callable[[str], Path], tmp_path: Path, action: str, moment: str
) -> None:
    shutil.copytree(second_day("upsert"), tmp_path, dirs_exist_ok=True)
    lake = Lake(spark, tmp_path)

    found = outcome(lake, action, moment, BRONZE)

    assert found == verdict("append", action, moment)
    bronze = lake.read(BRONZE, "id", "name", "n", "at")
    if action not in ("dropped", "dropped and made anew", "restored"):
        assert sorted(row[:3] for row in bronze) == others.edited(sorted(row[:3] for row in others.received()), action)
    newest = {row[0]: row[:3] for row in sorted(bronze, key=lambda row: row[3])}
    silver = lake.read(SILVER, "id", "name", "n")
    assert silver == sorted(newest.values())
    assert lake.read(GOLD, "id", "rows", "name", "n") == others.summed(silver)
    commits_nothing(lake)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "moment"), [cell for cell in product(ACTIONS, MOMENTS) if cell[0] != "type changed"]
)
def test_what_others_do_to_the_last_table(
    spark: SparkSession, second_day: Callable[[str], Path], tmp_path: Path, action: str, moment: str
) -> None:
    shutil.copytree(second_day("upsert"), tmp_path, dirs_exist_ok=True)
    lake = Lake(spark, tmp_path)

    assert outcome(lake, action, moment, GOLD) == verdict("upsert", action, moment)

    assert lake.read(SILVER, "id", "name", "n") == others.computed("upsert")
    assert lake.read(GOLD, "id", "rows", "name", "n") == others.edited(others.summed(others.computed("upsert")), action)
    commits_nothing(lake)


def test_the_guide_says_the_same() -> None:
    rows = [line.strip("| \n").split("|") for line in DOC.read_text("utf-8").splitlines() if line.startswith("| ")]
    told = {cells[0].strip(): tuple(cell.strip() for cell in cells[1:]) for cells in rows if len(cells) == 7}

    assert told.pop("what others do") == SPAN
    assert told == VERDICTS
