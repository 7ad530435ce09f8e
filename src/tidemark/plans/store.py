"""Plans in the control store: which can still be applied. Their documents lie in the staging of their runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from tidemark.control import commits
from tidemark.control.release import indexed_versions
from tidemark.control.runs import SHORT_ID
from tidemark.control.state import ConflictError
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.control.state import Record, StateStore
    from tidemark.plans.document import PlanDocument

KIND = "plan"
_FILE = "plan.json"
_LATE = timedelta(hours=1)  # an apply may have begun just before the plan expired
_TOLD = timedelta(days=30)
"""So long after it could have been applied it can still be asked what became of a plan."""

Status = Literal["open", "applied", "superseded", "expired"]


@dataclass(frozen=True)
class Plan:
    """A plan that passed its gates; its id is that of the run that made it.

    `tables` gives the version that each table with a batch had (None: it did not exist). `digest` is that of the
    document as it was made, `planned_by` who made it; `run_id`, `release`, `applied_by` and `approved_by` say how it
    was applied, and by whom. `allows` are the limits of tables that it lets pass, `days` how many it reads again.
    """

    plan: str
    status: Status
    date: date
    expires_at: datetime
    tables: Mapping[str, int | None]
    run_id: str | None = None
    release: str | None = None
    digest: str | None = None
    planned_by: str = ""
    applied_by: str = ""
    approved_by: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()
    days: int = 0

    @property
    def short_id(self) -> str:
        return self.plan[:SHORT_ID]

    def is_expired(self, late: timedelta = timedelta(0)) -> bool:
        """Whether it is too old, and has been so for the time `late`."""
        return _now() > self.expires_at + late


def save(staging: Folder, document: PlanDocument) -> str:
    """Writes the document into the staging of the plan's run; gives its path."""
    return staging.write_text(_path(document.plan), json.dumps(document.to_json(), indent=1))


def load(staging: Folder, plan: str) -> PlanDocument | None:
    """The document of a plan; None when its staging is gone."""
    from tidemark.plans.document import PlanDocument

    text = staging.read_text(_path(plan))
    return None if text is None else PlanDocument.from_json(json.loads(text))


def note_open(
    state: StateStore, document: PlanDocument, planned_by: str = "", allows: Sequence[str] = (), days: int = 0
) -> None:
    """From now on the plan can be applied, as long as its document stays as it is."""
    from tidemark.plans.binding import digest

    value = {
        "status": "open",
        "date": document.date,
        "expires_at": document.expires_at.isoformat(),
        "tables": {table.table: table.version for table in document.tables if table.batch_id},
        "digest": digest(document),
        "planned_by": planned_by,
        "allows": list(allows),
        "days": days,
    }
    state.put(KIND, document.plan, value)


def note_applying(state: StateStore, plan: str, applied_by: str, approved_by: Sequence[str]) -> None:
    """Who is about to apply the plan, and who has approved that."""
    record = state.get(KIND, plan)
    if record is not None:
        state.put(KIND, plan, {**record.value, "applied_by": applied_by, "approved_by": list(approved_by)})


def note_applied(state: StateStore, plan: str, run_id: str, release: str) -> None:
    """The run has committed all of the plan, which is part of the release."""
    record = state.get(KIND, plan)
    if record is not None:
        state.put(KIND, plan, {**record.value, "status": "applied", "run_id": run_id, "release": release})


def find(state: StateStore, plan: str) -> Plan:
    """The plan whose id is, or begins with, `plan`; raises `ConfigError` when there is not exactly one."""
    found = [record for record in state.list(KIND) if record.key.startswith(plan)]
    if len(found) == 1:
        return _plan(found[0])
    what = f"{len(found)} plans begin" if found else "there is no plan that begins"
    raise ConfigError(f"{what} with {plan!r}", next_step="tidemark plan makes one; one that failed cannot be applied")


def still_open(state: StateStore) -> tuple[Plan, ...]:
    """The plans that can be applied, as far as the control store knows."""
    return tuple(plan for plan in map(_plan, state.list(KIND)) if plan.status == "open")


def retire(state: StateStore) -> None:
    """Closes plans that nobody can apply any more, by their age or because a table has moved on; forgets old ones."""
    versions = indexed_versions(state)
    records = state.list(KIND)
    # Looked up last: of a plan that is being applied right now, the tables have moved by its own commits.
    busy = {run.plan for run in commits.interrupted(state)}
    for record in records:
        plan = _plan(record)
        if plan.status == "open" and plan.plan not in busy and (over := _over(plan, versions)):
            _close(state, record, over)
        elif plan.status != "open" and plan.plan not in busy and plan.is_expired(_TOLD):
            state.delete(KIND, record.key)


def _over(plan: Plan, versions: Mapping[str, Any]) -> Status | None:
    if any(_is_later(versions.get(table), version) for table, version in plan.tables.items()):
        return "superseded"
    return "expired" if plan.is_expired(_LATE) else None


def _is_later(now: int | None, planned: int | None) -> bool:
    return now is not None and (planned is None or now > planned)


def _close(state: StateStore, record: Record, status: Status) -> None:
    try:
        state.put(KIND, record.key, {**record.value, "status": status}, expected=record.revision)
    except ConflictError:
        return  # somebody has just applied or closed it


def _plan(record: Record) -> Plan:
    value = record.value
    return Plan(
        plan=record.key,
        status=value["status"],
        date=date.fromisoformat(value["date"]),
        expires_at=datetime.fromisoformat(value["expires_at"]),
        tables=value["tables"],
        run_id=value.get("run_id"),
        release=value.get("release"),
        digest=value.get("digest"),
        planned_by=value.get("planned_by", ""),
        applied_by=value.get("applied_by", ""),
        approved_by=tuple(value.get("approved_by", ())),
        allows=tuple(value.get("allows", ())),
        days=value.get("days", 0),
    )


def _path(plan: str) -> str:
    return f"run_id={plan}/{_FILE}"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
