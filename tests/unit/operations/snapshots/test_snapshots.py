"""A release goes to another place, the lake is destroyed, and a lake elsewhere goes on from it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.elsewhere import (
    elsewhere,
    exported,
    index,
    place,
    released,
    restored,
    rows_by_delta_rs,
    the_snapshot,
)
from tests.support.lakes.lake import Lake, at
from tests.support.lakes.shop_tables import TABLES, held, receive
from tidemark import faults
from tidemark.compute import tables
from tidemark.config.environment import load_environment
from tidemark.control import erasures, release, sealing
from tidemark.control.erasures import Receipt
from tidemark.delta.table import read_state
from tidemark.errors import ConfigError, TidemarkError
from tidemark.operations.snapshots import export, records
from tidemark.operations.snapshots.export import retire
from tidemark.operations.snapshots.restoring import refuse_unfit
from tidemark.operations.snapshots.verification import Fault, verify

LINES: list[tuple[Any, ...]] = [("o1", 2, "ann", 70, at(3), False), ("o2", 1, "bob", 1, at(3), True)]
CUSTOMERS: list[tuple[Any, ...]] = [("ann", "Kiel", at(2, 12), False), ("eve", "Ulm", at(1), False)]
OLDER_LEFT = "snapshot: there, older ones not removed"
ALL = {"bronze.lines", "bronze.customers", *TABLES}


@pytest.fixture(scope="module")
def exported_day(spark: SparkSession, first_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop after its first day was released and exported, for all tests."""
    root = tmp_path_factory.mktemp("exported")
    shutil.copytree(first_day, root, dirs_exist_ok=True)
    lake = Lake(spark, root)
    released(lake)
    exported(lake)
    return root


@pytest.fixture
def saved(spark: SparkSession, exported_day: Path, tmp_path: Path) -> Lake:
    """The shop with a snapshot of its only release."""
    shutil.copytree(exported_day, tmp_path / "saved")
    return Lake(spark, tmp_path / "saved")


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(point: str) -> Iterator[None]:
    def observe(reached: str) -> None:
        if reached == point:
            raise Killed

    end = faults.observed_by(observe)
    try:
        with pytest.raises(Killed):
            yield
    finally:
        end()


def next_day(lake: Lake) -> dict[str, Any]:
    receive(lake, LINES, CUSTOMERS)
    return lake.build_together(*TABLES)


def stored(lake: Lake) -> dict[str, bytes]:
    """What lies among the snapshots of a lake."""
    root = Path(place(lake).root)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def lies(lake: Lake, part: str, like: str) -> Path:
    """A file of the newest snapshot, where it lies."""
    items = place(lake).items(the_snapshot(lake).parts[part])
    return Path(place(lake).root, next(item.stored for item in items if re.search(like, item.name)))


@pytest.mark.slow
def test_a_lake_that_is_gone_is_restored_elsewhere_and_the_next_day_comes_out_the_same(
    shop: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = released(shop)
    taken = exported(shop)
    rows, known = rows_by_delta_rs(shop, first), index(shop)
    twin = elsewhere(shop, tmp_path_factory.mktemp("twin"))
    shutil.copytree(shop.root / "home", twin.root / "home")
    next_day(twin)
    for gone in ("lake", "state"):
        shutil.rmtree(shop.root / "home" / gone)

    assert verify(place(shop), the_snapshot(shop)) == ()
    other = elsewhere(shop, tmp_path_factory.mktemp("other"))
    done = restored(shop, other)

    assert (set(done.tables), done.unknown, taken.new) == (ALL, (), True)
    assert rows_by_delta_rs(other, first) == rows
    assert index(other) == known
    assert release.every(other.engine().state) == (first,)
    next_day(other)
    assert held(other) == held(twin)
    second, of_twin = released(other), released(twin)
    assert second.number == 2
    assert dict(second.tables) == dict(of_twin.tables), "as many commits as where nothing was lost"
    assert exported(other).new, "the lake that was restored is exported in its turn"


@pytest.mark.slow
def test_what_is_there_already_is_not_copied_again(shop: Lake) -> None:
    released(shop)
    first = exported(shop)
    again = exported(shop)
    next_day(shop)
    released(shop)
    second = exported(shop)

    assert first.copied == first.files
    assert (again.new, again.copied) == (False, 0)
    added = {item.stored for item in items_of(shop, "r2")} - {item.stored for item in items_of(shop, "r1")}
    assert second.copied == len(added) < second.files
    assert verify(place(shop), the_snapshot(shop, "r1")) == ()


def items_of(lake: Lake, name: str) -> list[Any]:
    snapshots = place(lake)
    return [item for part in snapshots.wanted(name).parts.values() for item in snapshots.items(part)]


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    kept = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def gone(path: Path) -> None:
    path.unlink()


def test_a_file_that_is_corrupted_missing_or_swapped_is_found_and_named(saved: Lake, tmp_path: Path) -> None:
    corrupted, missing = lies(saved, "gold.sales", r"\.parquet$"), lies(saved, "silver.lines", r"0\.json$")
    swapped, other = lies(saved, "gold.totals", r"\.parquet$"), lies(saved, "gold.customers", r"\.parquet$")
    damaged(corrupted)
    gone(missing)
    shutil.copy(other, swapped)
    root = Path(place(saved).root)

    found = verify(place(saved), the_snapshot(saved))

    assert {(each.kind, each.part, each.stored) for each in found} == {
        ("corrupted", "gold.sales", corrupted.relative_to(root).as_posix()),
        ("missing", "silver.lines", missing.relative_to(root).as_posix()),
        ("swapped", "gold.totals", swapped.relative_to(root).as_posix()),
    }
    assert next(each for each in found if each.kind == "swapped").seen.endswith(other.name)
    new = elsewhere(saved, tmp_path / "other")
    with pytest.raises(TidemarkError, match="is not whole: 3 of its"):
        restored(saved, new)
    assert not (new.root / "home" / "lake").exists() or not list((new.root / "home" / "lake").rglob("*.parquet"))


@pytest.mark.parametrize("harm", [damaged, gone])
@pytest.mark.parametrize("of", ["gold.sales", None])
def test_a_list_that_is_not_as_it_was_written_is_found_too(
    saved: Lake, harm: Callable[[Path], None], of: str | None
) -> None:
    snapshot = the_snapshot(saved)
    listed = snapshot.parts[of] if of else snapshot.records
    harm(Path(place(saved).root, listed.listed))

    (fault,) = verify(place(saved), snapshot)

    assert isinstance(fault, Fault)
    assert (fault.part, fault.stored) == (of or "the control records", listed.listed)


@pytest.mark.slow
def test_a_document_that_somebody_has_changed_is_no_snapshot(saved: Lake) -> None:
    (path,) = Path(place(saved).root, "snapshots").iterdir()
    path.write_text(path.read_text().replace('"environment": "test"', '"environment": "prod"'))

    with pytest.raises(TidemarkError, match="its content is not the one that was written"):
        the_snapshot(saved)
    next_day(saved)
    released(saved)
    exported(saved)
    assert the_snapshot(saved).number == 2, "it keeps nobody from exporting"
    assert retire(place(saved), timedelta(0), now=datetime(2100, 1, 1)) == (), (
        "nor is anything that it may need removed"
    )


def test_what_verify_names_is_mended_by_another_export(shop: Lake) -> None:
    released(shop)
    exported(shop)
    gone(lies(shop, "gold.sales", r"\.parquet$"))
    gone(lies(shop, "silver.lines", r"0\.json$"))

    mended = exported(shop)

    assert (mended.new, mended.copied) == (False, 2)
    assert verify(place(shop), the_snapshot(shop)) == ()


@pytest.mark.parametrize(
    "point",
    [
        "snapshot: all copied, none there",
        pytest.param("silver.lines: copied, no snapshot", marks=pytest.mark.slow),
        pytest.param(OLDER_LEFT, marks=pytest.mark.slow),
    ],
)
def test_an_export_that_is_killed_is_done_again(shop: Lake, point: str) -> None:
    released(shop)
    with killed_at(point):
        exported(shop)
    exists = bool(place(shop).names())
    assert exists is (point == OLDER_LEFT)

    done = exported(shop)

    assert (done.new, len(place(shop).names())) == (not exists, 1)
    assert verify(place(shop), the_snapshot(shop)) == ()


@pytest.mark.parametrize("point", ["gold.sales: restored, no record of it", "restore: all there, not given free"])
def test_a_restore_that_is_killed_is_gone_on_with_and_nobody_uses_the_lake_before(
    saved: Lake, tmp_path: Path, point: str
) -> None:
    first = release.latest(saved.engine().state)
    assert first is not None
    other = elsewhere(saved, tmp_path / "other")
    with killed_at(point):
        restored(saved, other)

    with pytest.raises(TidemarkError, match="is being filled with the snapshot r1-"):
        sealing.claim_lake(other.engine().environment)
    restored(saved, other)

    sealing.claim_lake(other.engine().environment)
    assert rows_by_delta_rs(other, first) == rows_by_delta_rs(saved, first)


def test_a_lake_that_is_not_empty_is_not_written(saved: Lake, tmp_path: Path) -> None:
    other = elsewhere(saved, tmp_path / "other")
    restored(saved, other)
    before = {path: path.stat().st_mtime_ns for path in (other.root / "home").rglob("*.parquet")}

    with pytest.raises(ConfigError, match="into an empty lake, and this one is not") as refused:
        restored(saved, other)

    assert "the control store" in str(refused.value)
    assert before == {path: path.stat().st_mtime_ns for path in (other.root / "home").rglob("*.parquet")}


def test_a_snapshot_of_another_environment_wants_to_be_named(saved: Lake, tmp_path: Path) -> None:
    other = elsewhere(saved, tmp_path / "other")
    path = other.root / "config" / "env" / "test.yaml"
    path.with_name("drill.yaml").write_text(path.read_text().replace("name: test", "name: drill"))

    drill = load_environment(other.root / "config", "drill")
    with pytest.raises(ConfigError, match="is of the environment test, not of drill"):
        refuse_unfit(place(saved), the_snapshot(saved), drill, None)
    refuse_unfit(place(saved), the_snapshot(saved), drill, "test")


def test_snapshots_of_one_environment_are_not_another_ones_to_write(saved: Lake) -> None:
    with pytest.raises(ConfigError, match="belong to the environment test, not to prod"):
        place(saved).claim("prod")


@pytest.mark.slow
def test_as_many_are_kept_as_the_environment_says_and_what_they_share_stays(shop: Lake) -> None:
    for _ in range(3):
        released(shop)
        exported(shop)
        next_day(shop) if len(place(shop).names()) < 2 else receive(shop, [("o9", 1, "ann", 9, at(5), False)])
    released(shop)
    exported(shop)
    names = place(shop).names()
    before = stored(shop)

    assert retire(place(shop), 2) == tuple(names[:-2])

    assert place(shop).names() == names[-2:]
    for name in names[-2:]:
        assert verify(place(shop), the_snapshot(shop, name)) == ()
    used = {item.stored for name in names[-2:] for item in items_of(shop, name)}
    left = {name for name in stored(shop) if name.startswith("files/")}
    assert left == used < {name for name in before if name.startswith("files/")}


@pytest.mark.slow
def test_snapshots_that_are_older_than_they_are_kept_go_but_for_the_newest(shop: Lake) -> None:
    released(shop)
    exported(shop)
    next_day(shop)
    released(shop)
    exported(shop)
    newest = place(shop).names()[-1]

    assert retire(place(shop), timedelta(days=30)) == ()
    assert len(retire(place(shop), timedelta(days=30), now=datetime(2100, 1, 1))) == 1
    assert place(shop).names() == [newest]


def test_a_file_that_is_gone_is_told_and_there_is_no_snapshot(shop: Lake) -> None:
    released(shop)
    engine = shop.engine()
    begun = export.begin(engine, export.wanted(engine, None))
    vacuumed = next(Path(shop.path("gold.sales")).rglob("*.parquet"))
    vacuumed.unlink()

    with pytest.raises(TidemarkError, match=r"gold.sales.*gone|gone.*there is no snapshot") as told:
        export.take(begun, "gold.sales")
    engine.leases.release("snapshots")

    assert vacuumed.name in str(told.value)
    assert place(shop).names() == []


@pytest.mark.slow
def test_an_older_release_is_exported_as_it_was(shop: Lake, tmp_path: Path) -> None:
    first, day_one = released(shop), held(shop)
    next_day(shop)
    released(shop)
    day_two = held(shop)
    exported(shop, "r1")

    other = elsewhere(shop, tmp_path / "other")
    restored(shop, other)

    assert held(other) == day_one
    assert {name: entry["version"] for name, entry in index(other).items()} == dict(first.tables)
    next_day(other)
    assert held(other) == day_two, "nothing that was seen later keeps a table from following"


@pytest.mark.slow
def test_a_table_that_lags_behind_its_inputs_goes_on_by_what_changed(shop: Lake, tmp_path: Path) -> None:
    receive(shop, LINES, CUSTOMERS)
    released(shop)
    exported(shop)
    other = elsewhere(shop, tmp_path / "other")
    restored(shop, other)
    shop.build_together(*TABLES)

    found = other.build_together(*TABLES)

    assert held(other) == held(shop)
    prepared = found["silver.lines"].prepared
    assert prepared is not None
    assert prepared.operation != "overwrite"


@pytest.mark.slow
def test_marks_of_deleted_rows_and_change_feeds_go_along(shop: Lake, tmp_path: Path) -> None:
    path = shop.path("gold.sales")
    properties = "'delta.enableDeletionVectors' = true, 'delta.enableChangeDataFeed' = true"
    shop.spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ({properties})")
    shop.spark.sql(f"OPTIMIZE delta.`{path}`")
    shop.spark.sql(f"DELETE FROM delta.`{path}` WHERE order_id = 'o2'")
    engine = shop.engine()
    tables.note_version(engine, "gold.sales", read_state(shop.spark, path).version)
    assert list(Path(path).rglob("deletion_vector_*.bin"))
    released(shop)
    exported(shop)

    other = elsewhere(shop, tmp_path / "other")
    restored(shop, other)

    assert other.read("gold.sales") == shop.read("gold.sales")
    assert "o2" not in {row[0] for row in other.read("gold.sales")}


@pytest.mark.slow
def test_every_kind_of_record_is_decided(shop: Lake) -> None:
    released(shop)
    next_day(shop)
    shop.build_together(*TABLES)
    with sqlite3.connect(shop.root / "home" / "state" / "state.db") as connection:
        kinds = {kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM records")}

    assert kinds <= {*records.AS_THEY_ARE, *records.CUT_BACK, *records.LEFT}


@pytest.mark.slow
def test_after_an_erasure_no_snapshot_of_before_is_restored_or_made(shop: Lake, tmp_path: Path) -> None:
    released(shop)
    exported(shop)
    next_day(shop)
    released(shop)
    receipt = Receipt("ab" * 32, "k1", "silver.lines.customer", False, "me", "2025-03-01T00:00:00", (), until=1)
    erasures.note(shop.engine().state, receipt)
    place(shop).note_erased(receipt)

    with pytest.raises(TidemarkError, match="is of before the erasure of a person"):
        restored(shop, elsewhere(shop, tmp_path / "other"))
    with pytest.raises(TidemarkError, match="is of before the erasure of a person"):
        exported(shop, "r1")
    exported(shop)
    restored(shop, elsewhere(shop, tmp_path / "later"))


def test_the_configuration_is_in_it_without_hidden_files(shop: Lake) -> None:
    (shop.root / "config" / ".env").write_text("PASSWORD=c4nary")
    released(shop)
    exported(shop)

    names = {item.name for item in place(shop).items(the_snapshot(shop).parts["_config"])}

    assert {"env/test.yaml", "gold/sales.sql", "gold/sales.contract.yaml"} <= names
    assert not any(b"c4nary" in content for content in stored(shop).values())


def test_a_snapshot_says_what_it_is(shop: Lake) -> None:
    made = released(shop)
    exported(shop)
    told = the_snapshot(shop).told_shortly()

    assert (told["release"], told["environment"], told["tables"]) == ("r1", "test", len(ALL))
    assert json.loads(json.dumps(told))["snapshot"] == f"r1-{made.run_id[:8]}"
