"""Draws up the document of a plan from what its run has prepared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from tidemark.compile.ddl import add_column, create_table, widen_column
from tidemark.config.definition import fingerprint
from tidemark.plans import binding
from tidemark.plans.document import PlanDocument, Prediction, TablePlan
from tidemark.plans.predict import NOT_THERE

if TYPE_CHECKING:
    from tidemark.backfill.outline import Outline
    from tidemark.compile.ddl import Dialect
    from tidemark.config.project import Table
    from tidemark.control.runs import RunSummary, TableResult
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared


def draft(
    engine: Engine, summary: RunSummary, predicted: Mapping[str, Prediction], backfill: Outline | None = None
) -> PlanDocument:
    """The plan of the run, whose `summary` says what became of each table; inputs come first."""
    results = {result.table: result for result in summary.tables}
    waiting = {name: batch for name, batch in engine.prepared.items() if name in results and backfill is None}
    staged = binding.staged(engine.spark, waiting)
    created = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    return PlanDocument(
        plan=summary.run_id,
        environment=summary.environment,
        date=summary.date,
        created_at=created,
        expires_at=created + engine.environment.plans.keep,
        tables=tuple(
            _table(engine, results[table], predicted.get(table, Prediction()), staged.get(table))
            for table in engine.project.order(results)
        ),
        warnings=summary.warnings,
        backfill=backfill,
    )


def _table(engine: Engine, result: TableResult, predicted: Prediction, staged: str | None) -> TablePlan:
    told: dict[str, Any] = {
        "table": result.table,
        "status": result.status,
        "computed": result.computed,
        "books": result.books,
        "rejected": result.rejected,
        "newly_rejected": result.newly_rejected,
        "gate": result.gate,
        "error": result.error,
        "predicted": predicted,
    }
    prepared, table = engine.prepared.get(result.table), engine.table(result.table)
    if prepared is None:
        return TablePlan(**told, version=result.version, contract_version=table.contract.version)
    return TablePlan(
        **told,
        batch_id=prepared.batch_id,
        commits=not prepared.changes_nothing or prepared.target_version is None,
        reads=prepared.identity if table.load.source else {},
        inputs=prepared.inputs,
        input_ids=prepared.input_ids,
        version=prepared.target_version,
        table_id=prepared.target_id,
        after=prepared.after,
        epoch=prepared.epoch,
        contract_version=prepared.contract_version,
        definition=fingerprint(table),
        staged=staged,
        schema_changes=prepared.schema_changes,
        ddl=tuple(_ddl(engine, table, prepared, predicted)),
    )


def _ddl(engine: Engine, table: Table, prepared: Prepared, predicted: Prediction) -> Iterator[str]:
    """What the commit, and publishing it, mean in SQL."""
    if prepared.target_version is None:
        yield create_table(table.contract, table.load, "delta", table.name)
    for change in prepared.schema_changes:
        alter = widen_column if change.before else add_column
        yield alter(change.column, change.type, "delta", table.name)
    known = set(table.contract.column_names)
    for each in predicted.publishing:
        target = engine.environment.targets[each.target]
        dialect = cast("Dialect", engine.environment.connections[target.connection].kind)
        name = f"{target.schema_name}.{table.contract.name}"
        if each.why == NOT_THERE:
            yield create_table(table.contract, table.load, dialect, name)
            continue
        for change in prepared.schema_changes:
            if change.column in known and not change.before:
                yield add_column(change.column, change.type, dialect, name)
