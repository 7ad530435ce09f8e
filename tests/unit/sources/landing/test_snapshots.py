"""Which files are read where one file is a version of another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tidemark.config.project import Table, load_project
from tidemark.errors import SourceError
from tidemark.sources.landing.snapshots import pick
from tidemark.sources.watermark import SourceFile

NOON = datetime(2025, 3, 20, 12)
REPLACE: dict[str, Any] = {"mode": "replace"}
UPSERT: dict[str, Any] = {"mode": "upsert", "keys": ["id"]}
MISSING: dict[str, Any] = UPSERT | {"deletes": {"missing": "hard"}}
BY_DAY: dict[str, Any] = {"mode": "replace", "partition_by": ["day"]}


def table(lake: Lake, write: dict[str, Any], snapshot: str | None = None) -> Table:
    source = {"connection": "shop", "object": "x", "format": "csv"} | ({"snapshot": snapshot} if snapshot else {})
    load = {"source": source, "write": write} | ({"partition_by": ["day"]} if "partition_by" in write else {})
    lake.table("bronze.x", "id! int\nday date", load)
    return load_project(lake.root / "config", "test").table("bronze.x")


def file(name: str, minute: int = 0, size: int = 9) -> SourceFile:
    put = NOON + timedelta(minutes=minute)
    return SourceFile(f"/landing/x/{name}", size, name, put, written=put)


def names(files: Sequence[SourceFile]) -> list[str]:
    return [each.path.removeprefix("/landing/x/") for each in files]


@pytest.mark.parametrize("write", [REPLACE, MISSING], ids=["replace", "missing"])
@pytest.mark.parametrize(
    ("word", "files", "counts"),
    [
        ("file", [file("2.csv", 2), file("1.csv", 1)], ["2.csv"]),
        ("file", [file("2.csv"), file("1.csv")], ["2.csv"]),
        ("folder", [file("a/1.csv", 3), file("b/1.csv", 1), file("b/2.csv", 4)], ["b/1.csv", "b/2.csv"]),
        ("day", [file("1.csv"), file("2.csv", 60 * 24), file("3.csv", 60 * 24 + 5)], ["2.csv", "3.csv"]),
        (None, [file("people.csv")], ["people.csv"]),
        (None, [file("dt=2025-03-02/a.csv", 1), file("dt=2025-03-01/a.csv", 9)], ["dt=2025-03-02/a.csv"]),
        (
            None,
            [file("dt=2025-03-02/a.csv"), file("dt=2025-03-02/b.csv"), file("dt=2025-03-01/a.csv")],
            ["dt=2025-03-02/a.csv", "dt=2025-03-02/b.csv"],
        ),
        (None, [file("part-0000.csv"), file("part-0001.csv", 1)], ["part-0000.csv", "part-0001.csv"]),
        (None, [file("part-00000-ab.csv"), file("part-00001-ab.csv")], ["part-00000-ab.csv", "part-00001-ab.csv"]),
        (None, [file("full.csv"), file("none.csv", 5, size=0)], ["full.csv"]),
    ],
)
def test_the_newest_snapshot_counts_whole(
    lake: Lake, write: dict[str, Any], word: str | None, files: list[SourceFile], counts: list[str]
) -> None:
    picked = pick(table(lake, write, word), files, files)

    assert names(picked.files) == counts
    left = [each for each in files if each.size and each not in picked.files]
    assert len(picked.notices) == bool(left)
    assert not picked.by_age


@pytest.mark.parametrize("write", [REPLACE, MISSING], ids=["replace", "missing"])
@pytest.mark.parametrize(
    "files",
    [
        [file("2025-03-01.csv"), file("2025-03-02.csv", 1)],
        [file("part-00000-ab.csv"), file("part-00000-cd.csv", 1)],
        [file("dt=2025-03-01/a.csv"), file("a.csv", 1)],
        [file("de/part-0.csv"), file("fr/part-0.csv")],
    ],
)
def test_what_can_be_mistaken_is_refused_and_a_word_helps(
    lake: Lake, write: dict[str, Any], files: list[SourceFile]
) -> None:
    with pytest.raises(SourceError, match="which files make a snapshot") as refused:
        pick(table(lake, write), files, files)

    assert "snapshot: file" in str(refused.value.next_step)
    assert len(pick(table(lake, write, "file"), files, files).files) == 1


def test_a_snapshot_that_grew_is_read_as_a_whole(lake: Lake) -> None:
    old, part, late = (file("dt=2025-03-01/a.csv"), file("dt=2025-03-02/a.csv", 1), file("dt=2025-03-02/b.csv", 2))

    picked = pick(table(lake, REPLACE), [old, part, late], [late])

    assert names(picked.files) == ["dt=2025-03-02/a.csv", "dt=2025-03-02/b.csv"]
    assert picked.again == (part,)


def test_a_snapshot_older_than_the_one_that_was_received_is_passed_over(lake: Lake) -> None:
    new, late = file("dt=2025-03-02/a.csv", 1), file("dt=2025-03-01/a.csv", 9)

    picked = pick(table(lake, REPLACE), [new, late], [late])

    assert picked.files == ()
    assert "older snapshots" in picked.notices[0]


def test_where_nothing_says_what_a_snapshot_is_an_older_file_that_comes_late_is_refused(lake: Lake) -> None:
    known, late = file("b.csv", 5), file("a.csv", 1)

    with pytest.raises(SourceError, match="which files make a snapshot"):
        pick(table(lake, REPLACE), [known, late], [late])

    assert names(pick(table(lake, REPLACE), [late, known], [known]).files) == ["b.csv"]


def test_partitions_are_replaced_by_all_files_with_their_age(lake: Lake) -> None:
    first, second = file("1.csv", 1), file("2.csv", 2)

    unsaid = pick(table(lake, BY_DAY), [first, second], [first, second])
    said = pick(table(lake, BY_DAY, "file"), [first, second], [first, second])

    assert unsaid.by_age == said.by_age == ((second,), (first,))
    assert (unsaid.is_sure, said.is_sure) == (False, True)


def test_partitions_of_a_later_snapshot_stay_when_an_older_one_comes_late(lake: Lake) -> None:
    oldest, late, newest = (file(f"{day}.csv", day) for day in (1, 2, 3))

    picked = pick(table(lake, BY_DAY, "file"), [oldest, late, newest], [late])

    assert picked.by_age == ((newest,), (late,))
    assert picked.again == (newest,)


def test_a_file_that_comes_late_is_read_with_those_after_it(lake: Lake) -> None:
    before, late, after = (file(f"dt=2025-03-0{day}/a.csv", 9 - day) for day in (1, 2, 3))

    picked = pick(table(lake, UPSERT), [before, late, after], [late])

    assert names(picked.files) == ["dt=2025-03-02/a.csv", "dt=2025-03-03/a.csv"]
    assert picked.again == (after,)
    assert pick(table(lake, {"mode": "append"}), [before, late, after], [late]).files == (late,)
