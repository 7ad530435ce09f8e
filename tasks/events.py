"""Events of a lake, told to Prefect: whoever wants to react to them builds an automation on their names.

`tidemark.release.created`, `tidemark.gate.failed`, `tidemark.drift.seen` and `tidemark.sla.breached`. The resource is
the table (`tidemark.table.gold.fact_sales`) or the release; Prefect adds the run that they come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect.events import emit_event

from tidemark.compile.soda import freshness_name
from tidemark.shown import line

if TYPE_CHECKING:
    from tidemark.compute.gate.quality import GateResult
    from tidemark.control.release import Release
    from tidemark.engine import Engine
    from tidemark.sources import Change

RELEASE_CREATED = "tidemark.release.created"
GATE_FAILED = "tidemark.gate.failed"
DRIFT_SEEN = "tidemark.drift.seen"
SLA_BREACHED = "tidemark.sla.breached"

_LONGEST_LIST = 50
_NOT_PASSED = ("fail", "error", "warn")


def release_created(engine: Engine, release: Release) -> None:
    """There is a new release."""
    name = engine.environment.name
    resource = {
        "prefect.resource.id": f"tidemark.release.{name}.{release.name}",
        "prefect.resource.name": release.name,
        "tidemark.environment": name,
    }
    payload = {"run_id": release.run_id, "date": release.date.isoformat(), "tables": dict(release.tables)}
    emit_event(RELEASE_CREATED, resource, payload=payload)


def gate_passed_or_not(engine: Engine, result: GateResult) -> None:
    """Tells of a gate that failed, and of a broken promise of freshness, whether it fails the gate or only warns."""
    if not result.passed:
        failed = [line(f"{check.name}: {check.value}") for check in result.failures]
        _of_table(engine, GATE_FAILED, result.table, {"failed": failed[:_LONGEST_LIST], "evidence": result.path})
    freshness = engine.table(result.table).contract.freshness
    if freshness is None:
        return
    for check in result.checks:
        if check.name == freshness_name(freshness) and check.outcome in _NOT_PASSED:
            payload = {"promised_hours": freshness.hours, "hours": check.value, "column": freshness.column}
            _of_table(engine, SLA_BREACHED, result.table, payload)


def drift_seen(engine: Engine, table: str, changes: Iterable[Change]) -> None:
    """Tells of columns of a source that are not what they were."""
    told = [line(change) for change in changes]
    if told:
        _of_table(engine, DRIFT_SEEN, table, {"changes": told[:_LONGEST_LIST]})


def _of_table(engine: Engine, event: str, table: str, payload: dict[str, Any]) -> None:
    resource = {
        "prefect.resource.id": f"tidemark.table.{table}",
        "prefect.resource.name": table,
        "tidemark.environment": engine.environment.name,
        "tidemark.layer": table.partition(".")[0],
    }
    emit_event(event, resource, payload={"run_id": engine.run.run_id, **payload})
