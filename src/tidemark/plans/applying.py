"""What a plan is held against before it is applied: everything that it was made from must still be so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tidemark.config.definition import fingerprint
from tidemark.delta.footers import count_rows
from tidemark.delta.table import read_state
from tidemark.errors import PlanError
from tidemark.lint.privacy import admission
from tidemark.plans import binding
from tidemark.spark import storage
from tidemark.write import manifest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.engine import Engine
    from tidemark.plans.document import PlanDocument, TablePlan
    from tidemark.plans.store import Plan
    from tidemark.write.manifest import Prepared


def batches(engine: Engine, plan: Plan, document: PlanDocument | None) -> tuple[PlanDocument, dict[str, Prepared]]:
    """The plan's document, and its batches as this run commits them, inputs first.

    To be called with the leases of their tables. Raises `PlanError` that names everything that has moved since, and
    `ConfigError` where one may not be loaded any more: an exception has ended, say.
    """
    if plan.is_expired():
        raise _refusal(plan, [f"it could be applied until {plan.expires_at:%Y-%m-%d %H:%M} UTC"])
    if document is None:
        raise _refusal(plan, [*_written(engine, plan), "what it has staged is gone"])
    if plan.digest != binding.digest(document):
        raise _refusal(plan, ["its document is not the one that was made, or was made by an earlier version"])
    planned = [table for table in document.tables if table.batch_id]
    for table in planned:
        if table.table in engine.project.tables:
            admission.admit(engine.project.tables, table.table)
    moved = [line for table in planned for line in _moved(engine, table)]
    moved += _moved_inputs(engine, planned)
    found = {table.table: _staged(engine, plan, table) for table in planned}
    moved += [f"{name}: its batch is no longer in staging" for name, batch in found.items() if batch is None]
    if not moved:
        moved = _swapped(engine, planned, {name: batch for name, batch in found.items() if batch})
    if moved:
        raise _refusal(plan, moved)
    return document, {name: replace(batch, run_id=engine.run.run_id) for name, batch in found.items() if batch}


def _refusal(plan: Plan, seen: list[str]) -> PlanError:
    return PlanError(
        f"plan {plan.short_id} cannot be applied any more; nothing was written",
        step="apply",
        seen=seen,
        next_step="tidemark plan makes a new one",
    )


def _written(engine: Engine, plan: Plan) -> Iterator[str]:
    """The tables that were written since, where no more is known of a plan than their versions."""
    for name, version in plan.tables.items():
        now = read_state(engine.session(name), engine.table_path(name)).version
        if now != version:
            yield f"{name} is at {_version(now)}, and was at {_version(version)}"


def _moved(engine: Engine, planned: TablePlan) -> Iterator[str]:
    """How a table is not what it was when it was planned."""
    name = planned.table
    if name not in engine.project.tables:
        yield f"{name} is no longer in the configuration"
        return
    table = engine.table(name)
    if table.contract.version != planned.contract_version:
        yield f"{name}: its contract is {table.contract.version} now, and was {planned.contract_version}"
    elif fingerprint(table) != planned.definition:
        yield f"{name}: its query, load file or contract has changed"
    state = read_state(engine.session(name), engine.table_path(name))
    if None not in (planned.table_id, state.table_id) and state.table_id != planned.table_id:
        yield f"{name} was dropped and made anew, or replaced"
    elif state.epoch != planned.epoch:
        yield f"{name} was restored: it is at version {state.version}, epoch {state.epoch} (planned: {planned.epoch})"
    elif state.version != planned.version or state.batch_id != planned.after:
        by = f" by run {state.metadata.get('run_id')}" if state.batch_id != planned.after else ""
        yield f"{name} was written{by}: it is at {_version(state.version)}, and was at {_version(planned.version)}"


def _swapped(engine: Engine, planned: list[TablePlan], batches: Mapping[str, Prepared]) -> list[str]:
    """The tables whose staged files are not those that were planned, however many rows and bytes they have."""
    try:
        now = binding.staged(engine.spark, batches)
    except binding.UNREADABLE as failure:
        kind = type(failure).__name__  # what it says may show what is in the file
        return [f"what is staged cannot be read as it was written ({kind})"]
    return [
        f"{each.table}: what is staged is not what was planned" for each in planned if now[each.table] != each.staged
    ]


def _moved_inputs(engine: Engine, planned: list[TablePlan]) -> Iterator[str]:
    """Inputs that the plan does not write itself, and that are not what they were."""
    own = {table.table for table in planned}
    read = {
        (name, version, table.input_ids.get(name))
        for table in planned
        for name, version in table.inputs.items()
        if name not in own
    }
    for name, version, known in sorted(read, key=lambda each: each[0]):
        now = read_state(engine.session(name), engine.table_path(name))
        if now.version != version:
            yield f"{name}, which is an input, is at {_version(now.version)}, and was at {_version(version)}"
        elif None not in (known, now.table_id) and known != now.table_id:
            yield f"{name}, which is an input, was dropped and made anew, or replaced"


def _version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _staged(engine: Engine, plan: Plan, planned: TablePlan) -> Prepared | None:
    """The batch, if all of it still lies in staging."""
    spark = engine.session(planned.table)
    batch = manifest.load(spark, engine.staging_path(planned.table, plan.plan))
    if batch is None or batch.batch_id != planned.batch_id or not _is_whole(spark, batch):
        return None
    return batch


def _is_whole(spark: SparkSession, batch: Prepared) -> bool:
    folders = {batch.data, *((*batch.rewrite.whole, *batch.rewrite.feed) if batch.rewrite else ())}
    return all(storage.exists(spark, each) for each in folders) and count_rows(spark, batch.data) == batch.staged
