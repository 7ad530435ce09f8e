"""A run, and what it did, as data: one `RunSummary` per run, stored as `runs/<run_id>.json`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, time
from datetime import date as Day
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from tidemark.books import Books
from tidemark.control import runfiles
from tidemark.control.processes import is_gone
from tidemark.errors import ConfigError, TidemarkError
from tidemark.instants import as_utc

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

FORMAT = 1
_AT_ONCE = 16  # summaries that are fetched side by side
SHORT_ID = 8  # characters of a run id that people read and type

RunStatus = Literal["running", "done", "failed", "gate failed", "interrupted", "killed"]
TableStatus = Literal[
    "committed", "unchanged", "prepared", "checked", "taken back", "failed", "gate failed", "stopped", "unfinished"
]
LOADING = frozenset({"daily", "ingest", "build-layer", "apply"})
"""Flows that take in what is new today; others take in what somebody asks for (`backfill`, `replay`), or nothing."""


@dataclass(frozen=True)
class Run:
    """One run: its id, its logical date, and the instant (UTC) past which it looks at nothing.

    A run that `plans` commits nothing: what it would write beside the tables (drift, rejected rows) stays in its
    staging, until the plan is applied. `allows` names the limits of tables that it lets pass. `traced`: the trace that
    it is a part of, where it did not begin one.
    """

    run_id: str
    date: Day
    as_of: datetime
    started_at: datetime
    plans: bool = False
    allows: frozenset[str] = frozenset()
    traced: str = ""

    @property
    def trace_id(self) -> str:
        """The id that logs, Spark's jobs and lineage events of this run have in common (W3C): `traced`, or its own."""
        return self.traced or uuid.uuid5(uuid.NAMESPACE_OID, self.run_id).hex

    @classmethod
    def start(
        cls,
        day: Day | None = None,
        *,
        as_of: datetime | None = None,
        plans: bool = False,
        allows: Collection[str] = (),
        traced: str = "",
    ) -> Run:
        """A new run for `day` (default: today, UTC); it sees the day to its end, and never past the present.

        With `as_of` (UTC) it sees nothing later than that instant.
        """
        now = datetime.now(UTC).replace(tzinfo=None)
        day = day or now.date()
        if day > now.date():
            raise ConfigError(f"the date {day} lies in the future", next_step="give today's date or an earlier one")
        end_of_day = datetime.combine(day, time.max)
        seen_to = min(end_of_day, now, as_utc(as_of or now))
        return cls(str(uuid.uuid4()), day, seen_to, now, plans, frozenset(allows), traced)


@dataclass(frozen=True)
class GateSummary:
    """The outcome of a table's checks: how many passed, the words of those that did not, where the results lie."""

    passed: int
    total: int
    failed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    evidence: str | None = None


@dataclass(frozen=True)
class FilesSummary:
    """What maintenance did to a table's files: how many it had and has, and the bytes that were removed.

    `plan`: the open plan for whose sake they were not put together.
    """

    before: int
    after: int
    freed: int
    plan: str | None = None


@dataclass(frozen=True)
class TableResult:
    """What a run did to one table.

    `seconds` is the time its steps took, `steps` that of each. `rejected` counts broken rules (`status.enum`) over
    rows new in the error lane, `newly_rejected` these rows (None: nobody counted them). `version` is the Delta
    version after the run (None: the table does not exist), `table_id` the Delta id of the table that it is of.
    `computed` says what a silver or gold table was computed from: what changed in its inputs, everything (and why),
    or nothing. `chunk` is the part of the past that a backfill is taking in. `verified`: how it compared with what its
    inputs make it (`compute.verify.Verified`), where that was looked at; `reconciled`: how it compared with its source
    and in its warehouses (`reconcile.found.Reconciled`).
    """

    table: str
    status: TableStatus
    seconds: float = 0.0
    steps: Mapping[str, float] = field(default_factory=dict)
    books: Books | None = None
    version: int | None = None
    gate: GateSummary | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    computed: str | None = None
    files: FilesSummary | None = None
    chunk: str | None = None
    verified: Mapping[str, Any] | None = None
    table_id: str | None = None
    reconciled: tuple[Mapping[str, Any], ...] = ()
    newly_rejected: int | None = None

    @property
    def layer(self) -> str:
        return self.table.partition(".")[0]

    @property
    def name(self) -> str:
        return self.table.partition(".")[2]

    @property
    def in_trouble(self) -> bool:
        return self.status in ("failed", "gate failed", "stopped", "unfinished")

    @property
    def wrote(self) -> bool:
        """Whether its table has what the books count as written: those of a backfill leave out a chunk that failed."""
        return self.status in ("committed", "unchanged") or (self.in_trouble and self.chunk is not None)


@dataclass(frozen=True)
class Publication:
    """One table brought to one warehouse: rows written and removed, and the rows it holds after (None: it failed).

    `version`: the table's version in the lake that it has there now.
    """

    table: str
    target: str
    inserted: int = 0
    deleted: int = 0
    rows_after: int | None = None
    error: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class LineageSummary:
    """What became of a run's lineage events: how many are at the place `where`, how many wait under the lineage root
    for a later run, how many nobody will have, and why not all are there.
    """

    sent: int
    where: str
    waiting: int = 0
    lost: int = 0
    why: str | None = None


@dataclass(frozen=True)
class SnapshotTaken:
    """What an export has made: the snapshot and its place, how large it is, and how much of that was copied now.

    `new`: it was not there before. `retired` are snapshots that were over.
    """

    name: str
    where: str
    files: int
    size: int
    copied: int
    copied_size: int
    new: bool = True
    retired: tuple[str, ...] = ()


@dataclass(frozen=True)
class Warned:
    """Something that did not stop the run and that a person should look at.

    `told`: alert channels have been told already, or do not have to be.
    """

    table: str | None
    message: str
    next_step: str | None = None
    told: bool = False


@dataclass(frozen=True)
class RunSummary:
    """One run from start to end. Instants are UTC; `release` is what readers see after the run.

    `allowed` are the limits that it was told to let pass. `metrics` are those that it wrote (`observe.metrics`), of the
    job and by table. `process` is where it ran, as `host:pid`. A run that was killed could not say so: it is read as
    `killed` when it says `running` and its process, on this machine, is gone. `expired`: how many files were removed
    because they had rested for their time, by where they lay.
    """

    run_id: str
    flow: str
    environment: str
    date: date
    started_at: datetime
    status: RunStatus = "running"
    finished_at: datetime | None = None
    release: str | None = None
    released: bool = False
    tables: tuple[TableResult, ...] = ()
    published: tuple[Publication, ...] = ()
    warnings: tuple[Warned, ...] = ()
    error: str | None = None
    process: str = ""
    allowed: tuple[str, ...] = ()
    job: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    lineage: LineageSummary | None = None
    trace_id: str = ""
    expired: Mapping[str, int] = field(default_factory=dict)
    snapshot: SnapshotTaken | None = None

    @property
    def called(self) -> str:
        """The job that it was of: a deployment's or command's name, or else the flow's."""
        return self.job or self.flow

    @property
    def loads(self) -> bool:
        return self.flow in LOADING

    @property
    def computes(self) -> bool:
        """Whether it is a load that computed what it committed: an apply commits what a plan has computed."""
        return self.loads and self.flow != "apply"

    @property
    def seconds(self) -> float:
        """Time from start to end, or until now while it runs."""
        end = self.finished_at or datetime.now(UTC).replace(tzinfo=None)
        return (end - self.started_at).total_seconds()

    @property
    def short_id(self) -> str:
        return self.run_id[:SHORT_ID]

    @property
    def quarantined(self) -> int:
        return sum(result.books.quarantined for result in self.tables if result.books)

    @property
    def rejected_by_rule(self) -> dict[str, int]:
        """Broken rules over all tables, most frequent first."""
        total: dict[str, int] = {}
        for result in self.tables:
            for rule, count in result.rejected.items():
                total[rule] = total.get(rule, 0) + count
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def to_json(self) -> dict[str, Any]:
        """The stored form; instants and dates as ISO text."""
        stored: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_iso))
        return {"format": FORMAT, **stored, "rejected_by_rule": self.rejected_by_rule}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RunSummary:
        """Reads the stored form back; what a later version added to it is left out."""
        values = {item.name: stored[item.name] for item in fields(cls) if item.name in stored}
        values["date"] = date.fromisoformat(values["date"])
        instants = {name: values[name] for name in ("started_at", "finished_at") if values.get(name)}
        values |= {name: datetime.fromisoformat(text) for name, text in instants.items()}
        values["tables"] = tuple(_table_result(item) for item in values.get("tables", ()))
        values["published"] = tuple(Publication(**item) for item in values.get("published", ()))
        values["allowed"] = tuple(values.get("allowed", ()))
        values["lineage"] = LineageSummary(**values["lineage"]) if values.get("lineage") else None
        taken = values.get("snapshot")
        values["snapshot"] = SnapshotTaken(**{**taken, "retired": tuple(taken["retired"])}) if taken else None
        values["warnings"] = tuple(Warned(**item) for item in values.get("warnings", ()))
        return cls(**values)


def _judged(summary: RunSummary) -> RunSummary:
    if summary.status != "running" or not is_gone(summary.process):
        return summary
    return replace(summary, status="killed", finished_at=summary.started_at)


def _iso(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a run summary")


def _table_result(stored: Mapping[str, Any]) -> TableResult:
    values = dict(stored)
    if values.get("books"):
        values["books"] = Books.from_json(values["books"])
    if values.get("gate"):
        gate = values["gate"]
        values["gate"] = GateSummary(**{**gate, "failed": tuple(gate["failed"]), "warnings": tuple(gate["warnings"])})
    if values.get("files"):
        values["files"] = FilesSummary(**values["files"])
    values["reconciled"] = tuple(values.get("reconciled", ()))
    return TableResult(**values)


class RunStore:
    """The summaries of all runs, in the environment's `runs` root."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def save(self, summary: RunSummary) -> str:
        """Writes (or replaces) the run's file and returns where it lies."""
        runfiles.mark(self._folder, summary.run_id, summary.started_at)
        return self._folder.write_text(f"{summary.run_id}.json", json.dumps(summary.to_json(), indent=1))

    def load(self, run: str) -> RunSummary:
        """The run whose id is, or begins with, `run`; raises `ConfigError` when there is not exactly one.

        One that has been packed away counts only where no other begins so; of these, those of the newest day.
        """
        if run and "/" not in run and (found := self._own(run)):
            return found
        matches = self._beginning_with(run)
        if len(matches) == 1:
            return matches[0]
        seen = f"{len(matches)} runs begin with {run!r}" if matches else f"there is no run {run!r}"
        raise ConfigError(f"{seen} in {self._folder.root}", next_step="tidemark runs list")

    def latest(self, limit: int | None = None) -> tuple[RunSummary, ...]:
        """The runs, newest first."""
        found: dict[str, RunSummary] = {}
        for run_id in runfiles.newest(self._folder):
            if len(found) == limit:
                break
            if run_id not in found and (summary := self._own(run_id)):
                found[run_id] = summary
        if limit is None or len(found) < limit:
            rest = [run_id for run_id in runfiles.own_files(self._folder) if run_id not in found]
            found |= {run_id: summary for run_id in rest if (summary := self._own(run_id))}
            self._add_packed(found, limit)
        return tuple(sorted(found.values(), key=lambda run: run.started_at, reverse=True)[:limit])

    def since(self, day: date, most: int) -> tuple[RunSummary, ...]:
        """Runs that began on this day or later and have files of their own, newest first; `most` of them."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(self._own, islice(runfiles.newest(self._folder, day), most))
            return tuple(summary for summary in found if summary is not None)

    def loads(self, most: int) -> tuple[RunSummary, ...]:
        """The loads among the newest runs that have files of their own, newest first; `most` runs are looked at."""
        return tuple(run for run in self.since(date.min, most) if run.loads)

    def pack(self, before: date) -> int:
        """Puts the runs of each day before this one into one file of the day; gives how many runs that were."""
        return runfiles.pack(self._folder, before, lambda run_id: self.load(run_id).started_at)

    def _add_packed(self, found: dict[str, RunSummary], limit: int | None) -> None:
        for path, lines in runfiles.packs(self._folder):
            if limit is not None and len(found) >= limit:
                break
            for summary in (self._parsed(path, line) for line in lines):
                found.setdefault(summary.run_id, summary)

    def _beginning_with(self, run: str) -> list[RunSummary]:
        names = [name for name in self._folder.starting(run) if name.endswith(runfiles.SUMMARY)]
        if names:
            return [self._parsed(name, self._folder.read_text(name)) for name in names]
        for path, lines in runfiles.packs(self._folder):
            packed = [summary for line in lines if (summary := self._parsed(path, line)).run_id.startswith(run)]
            if packed:
                return [summary for summary in packed if summary.run_id == run] or packed
        return []

    def _own(self, run_id: str) -> RunSummary | None:
        name = run_id + runfiles.SUMMARY
        text = self._folder.read_text(name)
        return None if text is None else self._parsed(name, text)

    def _parsed(self, name: str, text: str | None) -> RunSummary:
        try:
            return _judged(RunSummary.from_json(json.loads(text or "")))
        except (ValueError, KeyError, TypeError) as broken:
            raise TidemarkError(
                f"the run summary {self._folder.path(name)} cannot be read: {broken}",
                step="runs",
                next_step="move the file away; the tables themselves are not affected",
            ) from broken
