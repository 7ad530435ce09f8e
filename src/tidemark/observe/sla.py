"""Promises of jobs and tables, and whether they are kept: by contracts, the environment's file and the control store.

Nothing here needs Spark: what runs did is noted in the control store when they end, and so is how new tables are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

from tidemark.control.state import ABSENT, ConflictError
from tidemark.observe.ages import newest_rows
from tidemark.observe.run_report import count, duration

if TYPE_CHECKING:
    from tidemark.config.project import Project
    from tidemark.control.runs import RunSummary
    from tidemark.control.state import StateStore
    from tidemark.observe.alerts import Severity

Kind = Literal["runtime", "records", "freshness"]
NOTED = "sla run"
"""Records of what the newest run did for a job, or the newest load for a table, of which something is promised."""

_JOB = "job "
_HOUR = 3600.0


@dataclass(frozen=True)
class Promise:
    """What is promised of a table, or of a job (`job daily`): seconds at most, or rows at least."""

    subject: str
    kind: Kind
    limit: float
    severity: Severity = "error"
    column: str | None = None

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.kind}"

    @property
    def table(self) -> str | None:
        """The table that it is of; None: it is of a job."""
        return None if self.subject.startswith(_JOB) else self.subject


@dataclass(frozen=True)
class Judged:
    """A promise and what was seen (seconds, or rows); None: nothing is known yet. `run_id`: the run that it is of."""

    promise: Promise
    seen: float | None = None
    run_id: str = ""
    day: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether it is kept; None where nothing is known."""
        if self.seen is None:
            return None
        return self.seen >= self.promise.limit if self.promise.kind == "records" else self.seen <= self.promise.limit

    @property
    def told(self) -> str:
        """What was seen, and what was promised."""
        seen, limit = self.seen or 0.0, self.promise.limit
        if self.promise.kind == "records":
            day = f" on {self.day}" if self.day else ""
            return f"{count(round(seen))} rows were received{day}, promised {count(round(limit))} at least"
        if self.promise.kind == "runtime":
            return f"took {duration(seen)}, promised {duration(limit)} at most"
        what = "was last done" if self.promise.table is None else f"newest {self.promise.column}"
        return f"{what} {duration(seen)} ago, promised {duration(limit)} at most"

    @property
    def next_step(self) -> str:
        """Where to look."""
        if self.promise.kind == "freshness" and self.promise.table:
            return f"tidemark check --select {self.promise.table}"
        return f"tidemark runs show {self.run_id}" if self.run_id else "tidemark runs list"


def promises(project: Project) -> tuple[Promise, ...]:
    """Everything that is promised: of jobs in the environment's file, of tables there or else in their contracts."""
    settings = project.environment.sla
    return tuple(_all(project, settings.jobs, settings.tables))


def _all(project: Project, jobs: Mapping[str, Any], tables: Mapping[str, Any]) -> Iterator[Promise]:
    for name, level in jobs.items():
        yield from _of_level(f"{_JOB}{name}", level, None)
    for table in project.tables.values():
        freshness, level, service = table.contract.freshness, tables.get(table.name), table.contract.service
        column = freshness.column if freshness else None
        told = {each.kind: each for each in _of_level(table.name, level, column)} if level else {}
        if freshness is not None and "freshness" not in told:
            yield Promise(table.name, "freshness", float(freshness.hours) * _HOUR, freshness.severity, column)
        if service is not None and service.seconds is not None and "runtime" not in told:
            yield Promise(table.name, "runtime", service.seconds, service.severity)
        if service is not None and service.records is not None and "records" not in told:
            yield Promise(table.name, "records", service.records, service.severity)
        yield from told.values()


def _of_level(subject: str, level: Any, column: str | None) -> Iterator[Promise]:
    if level.runtime is not None:
        yield Promise(subject, "runtime", level.runtime.total_seconds(), level.severity)
    if level.records is not None:
        yield Promise(subject, "records", level.records, level.severity)
    if level.freshness is not None:
        yield Promise(subject, "freshness", level.freshness.total_seconds(), level.severity, column)


def of_run(every: Iterable[Promise], summary: RunSummary) -> tuple[Promise, ...]:
    """The promises of the run's job and of the tables that it worked on."""
    subjects = {f"{_JOB}{summary.called}", *(result.table for result in summary.tables)}
    return tuple(promise for promise in every if promise.subject in subjects)


def of_today(every: Iterable[Promise], day: date, now: datetime) -> tuple[Promise, ...]:
    """The promises that a run for this day tells of: one for the past says nothing of how old tables are now."""
    return tuple(each for each in every if day >= now.date() or not (each.table and each.kind == "freshness"))


def note_began(state: StateStore, every: Iterable[Promise], summary: RunSummary) -> None:
    """Notes that a job runs, so that it can be late before it ends."""
    subject = f"{_JOB}{summary.called}"
    if any(promise.subject == subject for promise in every):
        began = summary.started_at.isoformat()
        _change(state, subject, lambda known: {"first_at": began, **known, "began_at": began, "began": summary.run_id})


def note_cancelled(state: StateStore, summary: RunSummary) -> None:
    """Notes that a job does not run any more: somebody has cancelled it, which says nothing of how it does."""
    record = state.get(NOTED, f"{_JOB}{summary.called}")
    if record is not None and record.value.get("began") == summary.run_id:
        _change(state, record.key, lambda known: {**known, "began_at": None, "began": None})


def note_ended(state: StateStore, every: Iterable[Promise], summary: RunSummary, *, done: bool) -> None:
    """Notes what a run did for its job, and for its tables where it is a load; again is the same.

    Only that of which something is promised is noted.
    """
    asked = of_run(every, summary)
    promised = {promise.subject for promise in asked}
    received = {
        result.table: (result.books.extracted, result.seconds)
        for result in summary.tables
        if result.books and result.wrote
    }
    for subject in promised & received.keys() if summary.loads else ():
        rows, of_steps = received[subject]
        seconds = of_steps if summary.computes else None
        _change(state, subject, lambda known, r=rows, s=seconds: _noted(known, summary, r, s, done=True))
    job = f"{_JOB}{summary.called}"
    if job in promised:
        of_all = sum(rows for rows, _ in received.values())
        took = summary.seconds if done or _is_late(asked, job, summary.seconds) else None
        _change(state, job, lambda known: _noted(known, summary, of_all, took, done=done))


def _is_late(asked: Iterable[Promise], job: str, seconds: float) -> bool:
    """Whether a run has taken too long, whatever became of it: of one that failed sooner nothing else is known."""
    return any(each.subject == job and each.kind == "runtime" and seconds > each.limit for each in asked)


def _noted(
    known: Mapping[str, Any], summary: RunSummary, rows: int, seconds: float | None, *, done: bool
) -> dict[str, Any]:
    day, ended = summary.date.isoformat(), (summary.finished_at or _now()).isoformat()
    value = {"first_at": summary.started_at.isoformat(), **known}
    if value.get("began") == summary.run_id:
        value |= {"began_at": None, "began": None}
    before = value.get("before", 0) if value.get("run_id") == summary.run_id else value.get("rows", 0)
    if day >= value.get("day", day):  # days of the past do not tell of the newest one
        before = before if day == value.get("day") else 0
        value |= {"day": day, "before": before, "rows": before + rows, "run_id": summary.run_id}
    if seconds is not None:
        value |= {"seconds": seconds, "timed": summary.run_id}
    return value | ({"done_at": ended} if done else {})


def _change(state: StateStore, subject: str, changed: Any) -> None:
    while True:
        record = state.get(NOTED, subject)
        try:
            state.put(NOTED, subject, changed(record.value if record else {}), record.revision if record else ABSENT)
        except ConflictError:
            continue
        return


def judge(project: Project, state: StateStore, every: Iterable[Promise], now: datetime) -> tuple[Judged, ...]:
    """Whether promises are kept at this instant (UTC)."""
    asked = tuple(every)
    noted = {record.key: record.value for record in state.list(NOTED)} if asked else {}
    aged = [project.table(promise.table) for promise in asked if promise.table and promise.kind == "freshness"]
    newest = newest_rows(aged, state) if aged else {}
    return tuple(_judged(promise, noted.get(promise.subject, {}), newest, now) for promise in asked)


def _judged(promise: Promise, known: Mapping[str, Any], newest: Mapping[str, datetime], now: datetime) -> Judged:
    unknown = Judged(promise)
    if promise.kind == "freshness" and promise.table:
        found = newest.get(promise.table)
        return unknown if found is None else replace(unknown, seen=max(0.0, (now - found).total_seconds()))
    if promise.kind == "freshness":
        since = known.get("done_at") or known.get("first_at")
        return replace(unknown, seen=_since(since, now), run_id=known.get("run_id", "")) if since else unknown
    if promise.kind == "records":
        if "rows" not in known:
            return unknown
        return Judged(promise, known["rows"], known["run_id"], known["day"])
    running = _since(known["began_at"], now) if known.get("began_at") else 0.0
    if running > promise.limit:
        return Judged(promise, running, known["began"])
    return Judged(promise, known["seconds"], known["timed"]) if "seconds" in known else unknown


def counted(judged: Iterable[Judged]) -> str:
    """How many promises are broken or kept, and of how many nobody knows."""
    kept = Counter(each.kept for each in judged)
    broken, unknown = kept[False], kept[None]
    if not kept.total():
        return "nothing is promised"
    if unknown == kept.total():
        return f"{_are(unknown)} not known yet"
    told = f"{broken} of {kept.total()} promises are broken" if broken else f"{_are(kept[True])} kept"
    return f"{told}, {unknown} {_be(unknown)} not known yet" if unknown else told


def _are(promises: int) -> str:
    return f"{promises} {'promise' if promises == 1 else 'promises'} {_be(promises)}"


def _be(promises: int) -> str:
    return "is" if promises == 1 else "are"


def _since(text: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(text)).total_seconds()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
