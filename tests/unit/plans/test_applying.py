"""A plan is the run: it changes nothing, what it predicts comes true, and what has moved since is refused by name."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.plans import apply, of, plan
from tests.support.lakes.plans import staging as plan_folder
from tests.support.lakes.saved import Beginnings
from tests.support.lakes.shop_tables import CUSTOMER_SCHEMA, LINE_SCHEMA, TABLES, held, receive
from tidemark import steps
from tidemark.books import Books
from tidemark.control import commits, release
from tidemark.errors import PlanError
from tidemark.observe import drift
from tidemark.operations import restore as restoring
from tidemark.operations import staging
from tidemark.plans import binding, store
from tidemark.plans.applying import batches
from tidemark.plans.document import PlanDocument

LINES: list[tuple[Any, ...]] = [
    ("o1", 2, "ann", 70, at(3), False),
    ("o2", 1, "bob", 1, at(3), True),
    ("o4", 1, "eve", 4, at(3), False),
    (None, 1, "eve", 4, at(3), False),
]
CUSTOMERS: list[tuple[Any, ...]] = [("ann", "Kiel", at(2, 12), False), ("eve", "Ulm", at(1), False)]
BRONZE = ("bronze.lines", "bronze.customers")


def news(lake: Lake) -> dict[str, DataFrame]:
    """What the sources of the shop have on the next day."""
    return {
        "bronze.lines": lake.frame(LINE_SCHEMA, LINES),
        "bronze.customers": lake.frame(CUSTOMER_SCHEMA, CUSTOMERS),
    }


def next_day(lake: Lake) -> dict[str, Books | None]:
    """The next day without a plan; gives the books of every table."""
    loaded = {table: lake.load(table, frame) for table, frame in news(lake).items()}
    loaded |= lake.build_together(*TABLES)
    return {table: done.prepared.books if done.prepared else None for table, done in loaded.items()}


@pytest.fixture
def planned_shop(beginnings: Beginnings, first_day: Path) -> tuple[Lake, PlanDocument]:
    """The shop after its first day, and a plan of the next."""
    return beginnings.of(plan_next_day, first_day)


def plan_next_day(lake: Lake, first_day: Path) -> PlanDocument:
    lake.begin_with(first_day)
    return plan(lake, news(lake), *TABLES)


@pytest.fixture
def ready(planned_shop: tuple[Lake, PlanDocument]) -> Lake:
    return planned_shop[0]


@pytest.fixture
def made(planned_shop: tuple[Lake, PlanDocument]) -> PlanDocument:
    return planned_shop[1]


def seen(lake: Lake) -> dict[str, Any]:
    """Everything that a reader can see of a lake, and everything that decides what the next run reads."""
    state = lake.engine().state
    kinds = (restoring.replay.KIND, drift.KIND, "table", "release", "publish", "seen", commits.KIND)
    return {
        "rows": {table: lake.delta(table).count() for table in (*BRONZE, *TABLES)},
        "logs": sorted(str(each) for each in (lake.root / "home" / "lake").glob("*/*/_delta_log/*.json")),
        "errors": lake.errors("bronze.lines"),
        "drift": (lake.root / "home" / "lake" / "_drift").exists(),
        "state": {kind: state.list(kind) for kind in kinds},
    }


def test_a_plan_changes_nothing_that_anybody_sees(shop: Lake) -> None:
    before = seen(shop)
    document = plan(shop, news(shop) | {"bronze.customers": with_tier(shop)}, *TABLES)
    assert of(document, "bronze.lines").books == Books(4, 3, 1, 0, inserted=3)
    assert seen(shop) == before


def with_tier(lake: Lake) -> DataFrame:
    """The customers with a column that nobody has seen before."""
    return lake.frame(f"{CUSTOMER_SCHEMA}, tier string", [(*row, "gold") for row in CUSTOMERS])


def test_what_is_predicted_is_what_a_run_does(shop: Lake, tmp_path_factory: pytest.TempPathFactory) -> None:
    twin = Lake(shop.spark, Path(shutil.copytree(shop.root, tmp_path_factory.mktemp("twin"), dirs_exist_ok=True)))
    document = plan(shop, news(shop), *TABLES)

    assert PlanDocument.from_json(json.loads(json.dumps(document.to_json()))) == document

    happened = next_day(twin)

    assert {table: of(document, table).books for table in happened} == happened
    apply(shop, document)
    assert held(shop) == held(twin)
    assert [row["payload"] for row in shop.errors("bronze.lines")] == [
        row["payload"] for row in twin.errors("bronze.lines")
    ]


@pytest.mark.slow
def test_a_run_instead_of_the_plan_does_the_same(ready: Lake, made: PlanDocument) -> None:
    happened = next_day(ready)
    assert {table: of(made, table).books for table in happened} == happened


def test_the_commits_are_those_of_the_plan(ready: Lake, made: PlanDocument) -> None:
    applied = apply(ready, made)

    for table in (*BRONZE, *TABLES):
        planned = of(made, table)
        found = restoring.read_state(ready.spark, ready.path(table))
        assert found.batch_id == planned.batch_id
        assert Books.from_json(found.metadata["books"]) == planned.books
        assert found.metadata["run_id"] == ready.engines[-1].run.run_id
        assert found.version == applied.versions[table]
    inputs = restoring.read_state(ready.spark, ready.path("silver.lines")).metadata["inputs"]
    assert inputs == {"bronze.lines": applied.versions["bronze.lines"]}, "an input is the version that this apply made"
    assert all(each is None for each in ready.build_together(*TABLES).values() if each.prepared), (
        "nothing is left to do"
    )


def test_rejected_rows_come_into_the_lane_once_whoever_was_there_before(ready: Lake, made: PlanDocument) -> None:
    engine = ready.engine()
    ready.receive(engine, "bronze.lines", news(ready)["bronze.lines"])  # a run that fails its gate after this
    engine.leases.release("bronze.lines")
    (before,) = ready.errors("bronze.lines")

    applied = apply(ready, made)

    assert ready.errors("bronze.lines") == [before]
    assert applied.rejected["bronze.lines"].rows == 0


def test_rejected_rows_are_counted_as_planned(ready: Lake, made: PlanDocument) -> None:
    applied = apply(ready, made)
    assert applied.rejected["bronze.lines"].by_rule == {"order_id.required": 1}
    (error,) = ready.errors("bronze.lines")
    assert error["batch_id"] == of(made, "bronze.lines").batch_id


def test_drift_is_logged_when_the_plan_is_applied(shop: Lake) -> None:
    document = plan(shop, {"bronze.customers": with_tier(shop)})
    assert of(document, "bronze.customers").ddl == ("ALTER TABLE bronze.customers ADD COLUMNS (`tier` STRING)",)

    apply(shop, document)

    log = shop.spark.read.format("delta").load(str(shop.root / "home" / "lake" / "_drift"))
    assert [(row.column_name, row.change, row.run_id) for row in log.collect()] == [
        ("tier", "added", shop.engines[-1].run.run_id)
    ]
    assert shop.read("bronze.customers", "tier").count(("gold",)) == len(CUSTOMERS)


def written(lake: Lake) -> None:
    receive(lake, lines=[("o9", 1, "ann", 1, at(4), False)])


def rewritten(lake: Lake) -> None:
    lake.write("silver/lines.sql", "SELECT order_id, line, customer, amount, updated_at, is_deleted FROM bronze.lines ")


def with_a_new_contract(lake: Lake) -> None:
    path = lake.root / "config" / "gold" / "totals.contract.yaml"
    path.write_text(path.read_text().replace("version: 1.0.0", "version: 1.1.0"))


def restored(lake: Lake) -> None:
    written(lake)
    lake.build_together(*TABLES)
    engine = lake.engine()
    state = restoring.read_state(lake.spark, lake.path("gold.totals"))
    then = release.Release(1, "x", engine.run.date, engine.run.as_of, {"gold.totals": 0})
    restoring.restore(engine, restoring.Step("gold.totals", state.version or 0, 0), then.name)


def removed(lake: Lake) -> None:
    (batch,) = Path(lake.path("gold.sales")).glob(f"batch-*{_newest_plan(lake)}")
    shutil.rmtree(batch)


def forgotten(lake: Lake) -> None:
    shutil.rmtree(lake.root / "home" / "lake" / "_staging" / f"run_id={_newest_plan(lake)}" / "gold.customers")


def without_the_table(lake: Lake) -> None:
    for path in (lake.root / "config" / "gold").glob("totals.*"):
        path.unlink()


def too_old(lake: Lake) -> None:
    engine = lake.engine()
    record = engine.state.get(store.KIND, _newest_plan(lake))
    assert record is not None
    engine.state.put(store.KIND, record.key, {**record.value, "expires_at": "2025-03-01T12:30:00"})


def _newest_plan(lake: Lake) -> str:
    (record,) = lake.engine().state.list(store.KIND)
    return record.key


def refusal(lake: Lake, made: PlanDocument) -> str:
    """What an apply says that must not write anything."""
    before = seen(lake)
    with pytest.raises(PlanError) as refused:
        apply(lake, made)
    assert seen(lake) == before
    return str(refused.value)


def test_everything_that_has_moved_is_named_and_nothing_is_written(ready: Lake, made: PlanDocument) -> None:
    for move in (written, rewritten, with_a_new_contract, removed, forgotten):
        move(ready)
    lines = refusal(ready, made).splitlines()
    assert lines[0] == f"plan {made.plan[:8]} cannot be applied any more; nothing was written (apply)"
    assert re.fullmatch(r"  bronze.lines was written by run \S+: it is at version 2, and was at version 1", lines[1])
    assert lines[2:] == [
        "  silver.lines: its query, load file or contract has changed",
        "  gold.totals: its contract is 1.1.0 now, and was 1.0.0",
        "  gold.customers: its batch is no longer in staging",
        "  gold.sales: its batch is no longer in staging",
        "  next      tidemark plan makes a new one",
    ]

    without_the_table(ready)
    assert "gold.totals is no longer in the configuration" in refusal(ready, made)
    too_old(ready)
    assert "it could be applied until 2025-03-01 12:30 UTC" in refusal(ready, made)


def test_a_batch_that_lacks_a_file_is_not_applied(ready: Lake, made: PlanDocument) -> None:
    for file in Path(ready.path("gold.sales")).glob(f"batch-*{made.plan}/*.parquet"):
        file.unlink()

    assert "gold.sales: its batch is no longer in staging" in refusal(ready, made)


def _files(lake: Lake, made: PlanDocument, table: str) -> list[Path]:
    """The Parquet files that are staged for a table."""
    found = sorted(Path(lake.path(table)).glob(f"batch-*{made.plan}/**/*.parquet"))
    staging = lake.root / "home" / "lake" / "_staging" / f"run_id={made.plan}"
    return found or sorted(staging.rglob(f"*{table.partition('.')[2]}*/**/*.parquet"))


def _swap(file: Path, content: bytes) -> None:
    """Puts another file in the place of one, as whoever has no need of its checksum would."""
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    file.write_bytes(content)


def test_a_staged_file_swapped_for_another_of_as_many_rows_is_not_applied(ready: Lake, made: PlanDocument) -> None:
    (file, *_) = _files(ready, made, "gold.sales")
    original = file.read_bytes()
    rows = pq.read_table(file)
    column = next(name for name in rows.column_names if pa.types.is_integer(rows.schema.field(name).type))
    at = rows.column_names.index(column)
    raised = pyarrow.compute.add(rows[column], pa.scalar(1, rows.schema.field(column).type))
    with BytesIO() as forged:
        pq.write_table(rows.set_column(at, rows.schema.field(column), raised), forged)
        _swap(file, forged.getvalue())
    assert pq.read_metadata(file).num_rows == rows.num_rows
    assert "gold.sales: what is staged is not what was planned" in refusal(ready, made)

    _swap(file, original)
    beside = file.with_name(f"part-x-{file.name}")
    beside.write_bytes(original)
    assert "gold.sales" in refusal(ready, made)
    beside.unlink()
    assert set(apply(ready, made).versions) == {*BRONZE, *TABLES}


@pytest.mark.parametrize("name", [pytest.param("manifest.json", marks=pytest.mark.slow), "columns.json"])
def test_what_lies_beside_staged_rows_is_bound_too(ready: Lake, made: PlanDocument, name: str) -> None:
    found = (ready.root / "home" / "lake" / "_staging" / f"run_id={made.plan}").rglob(name)
    (file,) = (each for each in found if "bronze" in str(each) and "lines" in str(each))
    text = file.read_text()
    assert "}" in text
    _swap(file, text.replace("}", "} ", 1).encode())
    assert "bronze.lines: what is staged is not what was planned" in refusal(ready, made)


def test_a_plan_whose_numbers_were_changed_is_not_applied(ready: Lake, made: PlanDocument) -> None:
    sales = of(made, "gold.sales")
    assert sales.books is not None
    other = sales.model_copy(update={"books": replace(sales.books, inserted=sales.books.inserted + 1)})
    unbound = tuple(each.model_copy(update={"staged": None}) for each in made.tables)
    for update in (
        {"tables": tuple(other if each is sales else each for each in made.tables)},
        {"tables": unbound},
        {"expires_at": made.expires_at + timedelta(days=1)},
    ):
        store.save(plan_folder(ready), made.model_copy(update=update))
        assert "its document is not the one that was made" in refusal(ready, made)
    store.save(plan_folder(ready), made)
    assert set(apply(ready, made).versions) == {*BRONZE, *TABLES}


def test_a_document_is_the_same_after_it_was_stored(made: PlanDocument) -> None:
    again = PlanDocument.from_json(json.loads(json.dumps(made.to_json())))
    assert binding.digest(again) == binding.digest(made)


@pytest.mark.slow
def test_a_table_that_was_restored_has_moved(ready: Lake, made: PlanDocument) -> None:
    restored(ready)
    assert "gold.totals was restored: it is at version 2, epoch 1 (planned: 0)" in refusal(ready, made)


def test_an_input_that_the_plan_does_not_write_must_not_move_either(shop: Lake) -> None:
    receive(shop, customers=CUSTOMERS)
    document = plan(shop, {}, "gold.customers")
    receive(shop, customers=[("zoe", "Ulm", at(4), False)])

    with pytest.raises(PlanError, match=r"bronze.customers, which is an input, is at version 2, and was at version 1"):
        apply(shop, document)


@pytest.mark.slow
def test_two_plans_of_the_same_batches_have_files_of_their_own(shop: Lake) -> None:
    first, second = (plan(shop, news(shop), *TABLES, identity={"window": 1}) for _ in range(2))
    assert [table.batch_id for table in first.tables] == [table.batch_id for table in second.tables]
    for folder in (shop.root / "home" / "lake").glob(f"*/*/*-{second.plan}"):
        shutil.rmtree(folder)

    assert refusal(shop, second).count("its batch is no longer in staging") == len(second.tables)
    assert set(apply(shop, first).versions) == {*BRONZE, *TABLES}


def test_what_died_in_an_apply_is_committed_to_the_end_bronze_too(ready: Lake, made: PlanDocument) -> None:
    died = ready.engine()
    _, waiting = batches(died, store.find(died.state, made.plan), made)
    commits.begin(died.state, died.run, "apply", {name: each.batch_id for name, each in waiting.items()}, made.plan)
    steps.commit(died, "bronze.lines", waiting["bronze.lines"])

    engine = ready.engine()
    (interrupted,) = commits.interrupted(engine.state)
    for table, batch in staging.staged(engine, interrupted).items():
        steps.commit(engine, table, batch)

    assert {table: restoring.read_state(ready.spark, ready.path(table)).batch_id for table in (*BRONZE, *TABLES)} == {
        table: of(made, table).batch_id for table in (*BRONZE, *TABLES)
    }
    assert restoring.read_state(ready.spark, ready.path("gold.totals")).metadata["run_id"] == died.run.run_id


def test_nothing_new_is_a_plan_without_changes(shop: Lake) -> None:
    document = plan(shop, {}, *TABLES)
    assert not document.changes
    assert [asdict(each.books) if each.books else None for each in document.tables] == [None] * len(TABLES)
    assert apply(shop, document).versions == {}
