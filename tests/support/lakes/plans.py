"""Plans of a small lake, made and applied by the engine's own steps, as the flows do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.aws.folder import Folder, open_folder
from tidemark.control.runs import RunSummary, TableResult
from tidemark.errorlane.quarantine import Rejected
from tidemark.observe import drift
from tidemark.plans import store
from tidemark.plans.applying import batches
from tidemark.plans.document import PlanDocument, TablePlan
from tidemark.plans.drafting import draft
from tidemark.plans.predict import predict, published_releases
from tidemark.sources import Extract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.engine import Engine


@dataclass(frozen=True)
class Applied:
    """What applying has done: the versions it made, and what came into the error lane, by table."""

    versions: Mapping[str, int | None]
    rejected: Mapping[str, Rejected]


def plan(lake: Lake, received: Mapping[str, DataFrame], *built: str, **extract: Any) -> PlanDocument:
    """A plan that can be applied: frames that sources give, and tables that are built from them."""
    engine, results = lake.engine(plans=True), []
    for table, frame in received.items():
        shaped = Extract(table=table, given=frame, watermark={}, identity={}, full=False, source_system="test")
        drift.observe(engine, engine.table(table), shaped)
        _, new_errors = lake.receive(engine, table, frame, **extract)
        results.append(_result(table, engine, {"order_id.required": new_errors} if new_errors else {}))
    for table in built:
        checked = steps.build(engine, table)
        if checked is None:
            steps.stay(engine, table)
            results.append(TableResult(table, "unchanged", version=engine.committed.get(table), computed="nothing"))
        else:
            lake.prepare(engine, table, checked)
            results.append(_result(table, engine, {}, computed=checked.reason or "what changed"))
    run = engine.run
    summary = RunSummary(run.run_id, "plan", "test", run.date, run.started_at, tables=tuple(results))
    published = published_releases(engine.state, tuple(engine.environment.targets))
    predicted = {result.table: predict(engine, result.table, published) for result in results}
    document = draft(engine, summary, predicted)
    store.save(staging(lake), document)
    store.note_open(engine.state, document)
    for table in (*received, *built):
        engine.leases.release(table)
    return document


def _result(table: str, engine: Engine, rejected: Mapping[str, int], computed: str | None = None) -> TableResult:
    books = engine.prepared[table].books
    return TableResult(table, "prepared", books=books, rejected=rejected, computed=computed)


def apply(lake: Lake, made: PlanDocument) -> Applied:
    """Commits the plan."""
    engine = lake.engine()
    found = store.find(engine.state, made.plan)
    document, waiting = batches(engine, found, store.load(staging(lake), found.plan))
    planned = {table.table: table for table in document.tables}
    rejected = {
        table: steps.tell(engine, table, batch, tuple(planned[table].rejected)) for table, batch in waiting.items()
    }
    versions = {table: steps.commit(engine, table, batch).version for table, batch in waiting.items()}
    store.note_applied(engine.state, found.plan, engine.run.run_id, "r1")
    return Applied(versions, rejected)


def staging(lake: Lake) -> Folder:
    return open_folder(str(lake.root / "home" / "lake" / "_staging"))


def of(document: PlanDocument, table: str) -> TablePlan:
    """What the plan says of one table."""
    return next(each for each in document.tables if each.table == table)
