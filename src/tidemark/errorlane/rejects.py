"""The error lane without Spark: what was rejected and why, and what became of it.

A rejected row is open until it is replayed into its table, or discarded by a person. The ledger of that lies in the
table's error lane, under a name that Spark passes over when it reads the lane: JSON lines of `error_id`, `status`,
`run_id` and `at`. An error that stands in no file of it is open. Maintenance puts the files of old days together; a row
then says itself which run has rejected it, and a line of the ledger which batch has closed its error.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

LEDGER = "_ledger"
NOTE = "_compacting.json"
"""In a table's lane, while files of it are put together (`compaction`)."""
RUN, COMPACTED, SEEN_BY = "run_id=", "compacted-", "seen_by"
LEDGER_SCHEMA = "error_id string, status string, run_id string, at string"

Status = Literal["open", "replayed", "discarded"]
REPLAYED: Status = "replayed"
DISCARDED: Status = "discarded"
_PASSES = 10
_PLACE = re.compile(r"(?P<layer>[^/]+)/(?P<name>[^/]+)/dt=(?P<dt>[^/]+)/run_id=(?P<run>[^/]+)/[^/]+\.json")


@dataclass(frozen=True)
class Reason:
    """One rule that a row broke; `value` is what stood in the column."""

    rule: str
    column: str
    value: str | None
    message: str

    @property
    def code(self) -> str:
        """`column.rule`, as summaries show it."""
        return f"{self.column}.{self.rule}"


@dataclass(frozen=True)
class RejectedRow:
    """A row in the error lane: what it was (`payload`, JSON text), where it came from, what is wrong with it."""

    error_id: str
    table: str
    day: str
    run_id: str
    reasons: tuple[Reason, ...]
    payload: str
    origin: str
    batch_id: str

    def to_json(self) -> dict[str, Any]:
        """The row with its payload as an object."""
        return {
            "error_id": self.error_id,
            "table": self.table,
            "day": self.day,
            "run_id": self.run_id,
            "reasons": [
                {"rule": each.rule, "column": each.column, "value": each.value, "message": each.message}
                for each in self.reasons
            ],
            "payload": _payload(self.payload),
            "origin": self.origin,
            "batch_id": self.batch_id,
        }


@dataclass(frozen=True)
class Filters:
    """Which rows to show. `run` is the start of a run id, `rule` is `enum` or `status.enum`; None means all."""

    table: str | None = None
    run: str | None = None
    rule: str | None = None

    def admits_file(self, table: str, run_id: str) -> bool:
        may_have = self.run is None or run_id.startswith((self.run, COMPACTED))
        return (self.table is None or table == self.table) and may_have

    def admits(self, row: RejectedRow) -> bool:
        of_run = self.run is None or row.run_id.startswith(self.run)
        return of_run and (self.rule is None or any(self.rule in (reason.rule, reason.code) for reason in row.reasons))


@dataclass(frozen=True)
class Compaction:
    """Files of a lane that are put together, under the run `into`: while this is `writing`, the new ones do not count;
    then those that are `replaced` do not."""

    state: Literal["writing", "written"]
    into: str
    replaced: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, text: str) -> Compaction:
        stored = json.loads(text)
        return cls(stored["state"], stored["into"], frozenset(stored["from"]))

    def counts(self, name: str) -> bool:
        """Whether a file of the lane counts."""
        return f"/{RUN}{self.into}/" not in name if self.state == "writing" else name not in self.replaced


def compaction(lane: Folder) -> Compaction | None:
    """The compaction of a table's lane that is under way, or has died; None where there is none."""
    text = lane.read_text(NOTE)
    return None if text is None else Compaction.from_json(text)


def rejected_rows(lanes: Folder, filters: Filters) -> Iterator[RejectedRow]:
    """The rows of the error lane (the environment's `errors` root) that the filters admit, file by file."""
    tables = [_start(filters)] if filters.table else [f"{layer}/{name}" for layer, name in _tables(lanes)]
    for table in tables:
        yield from _Reading(lanes, table, filters).rows()


def _tables(lanes: Folder) -> Iterator[tuple[str, str]]:
    return ((layer, name) for layer in lanes.folders() for name in lanes.below(layer).folders())


class _Reading:
    """One pass over the lane of a table. Where its files are put together meanwhile, it goes on with the new ones."""

    def __init__(self, lanes: Folder, below: str, filters: Filters) -> None:
        self._lane = lanes.below(below)
        self._below = below
        self._filters = filters
        self._given: set[tuple[str, str, str]] = set()

    def rows(self) -> Iterator[RejectedRow]:
        for _ in range(_PASSES):
            note, names = compaction(self._lane), self._lane.names()
            if note != compaction(self._lane):
                continue  # it went on while the files were listed
            try:
                for name in names:
                    if note is None or note.counts(name):
                        yield from self._of_file(name)
            except FileNotFoundError:
                continue
            return
        raise TidemarkError(
            f"the files of the error lane changed {_PASSES} times while they were read",
            step="errors",
            evidence=self._lane.root,
            next_step="ask again when the maintenance of its table is over",
        )

    def _of_file(self, name: str) -> Iterator[RejectedRow]:
        place = _PLACE.fullmatch(f"{self._below}/{name}")
        if place is None:
            return
        table = f"{place['layer']}.{place['name']}"
        if not self._filters.admits_file(table, place["run"]):
            return
        for line in self._lane.lines(name):
            if line.strip():
                row = _row(line, table, place, self._lane.path(name))
                if self._is_new(row) and self._filters.admits(row):
                    yield row

    def _is_new(self, row: RejectedRow) -> bool:
        known = (row.day, row.run_id, row.error_id)
        if known in self._given:
            return False
        self._given.add(known)
        return True


@dataclass(frozen=True)
class Entry:
    """A row in the error lane and what became of it."""

    row: RejectedRow
    status: Status

    def to_json(self) -> dict[str, Any]:
        return self.row.to_json() | {"status": self.status}


def entries(lane: Folder, filters: Filters) -> Iterator[Entry]:
    """The rows that the filters admit, each with its status in the ledger."""
    known = closed(lane, _start(filters))
    for row in rejected_rows(lane, filters):
        yield Entry(row, known.get(row.error_id, "open"))


def replayed_folder(batch_id: str) -> str:
    """Where, in a table's lane, the errors stand that a batch has closed."""
    return f"{LEDGER}/replayed-{batch_id}"


def batch_of(name: str) -> str | None:
    """The batch whose errors a file of the ledger closes, where it is of one alone."""
    folder = name.removeprefix(f"{LEDGER}/").partition("/")[0]
    return folder.removeprefix("replayed-") if folder.startswith("replayed-") else None


def discard(lanes: Folder, error_ids: Mapping[str, Iterable[str]], who: str) -> int:
    """Closes errors, by table, as not wanted; returns how many. Nothing is removed from the lane."""
    count = 0
    for table, ids in error_ids.items():
        lines = [json.dumps({"error_id": each, "status": DISCARDED, "run_id": who, "at": noted_at()}) for each in ids]
        layer, _, name = table.partition(".")
        lanes.write_text(f"{layer}/{name}/{LEDGER}/discarded-{uuid.uuid4()}.json", "\n".join(lines) + "\n")
        count += len(lines)
    return count


def closed(lanes: Folder, below: str = "") -> dict[str, Status]:
    """The status of every error that is not open any more, read without Spark."""
    for _ in range(_PASSES):
        try:
            return _closed(lanes, below)
        except FileNotFoundError:
            continue  # files were put together meanwhile: each line stands in another one by now
    raise TidemarkError(
        f"the files of the ledger changed {_PASSES} times while they were read",
        step="errors",
        evidence=lanes.path(below),
        next_step="ask again when the maintenance of its table is over",
    )


def _closed(lanes: Folder, below: str) -> dict[str, Status]:
    found: dict[str, Status] = {}
    for name in lanes.names(below):
        if f"/{LEDGER}/" in f"/{name}" and name.endswith(".json"):
            for line in lanes.lines(name):
                if line.strip():
                    noted = json.loads(line)
                    found[noted["error_id"]] = noted["status"]
    return found


def noted_at() -> str:
    """The time that goes into the ledger: UTC, to the second."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def _start(filters: Filters) -> str:
    return filters.table.replace(".", "/", 1) if filters.table else ""


def _row(line: str, table: str, place: re.Match[str], path: str) -> RejectedRow:
    try:
        stored = json.loads(line)
        reasons = tuple(
            Reason(each["rule"], each.get("column") or "_record", each.get("value"), each.get("message") or "")
            for each in stored.get("reasons", ())
        )
        error_id = str(stored["error_id"])
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise TidemarkError(
            f"the error lane holds a line that cannot be read: {broken}",
            table=table,
            step="errors",
            evidence=path,
            next_step="move the file away; the table itself is not affected",
        ) from broken
    return RejectedRow(
        error_id=error_id,
        table=table,
        day=place["dt"],
        run_id=str(stored.get(SEEN_BY) or place["run"]),
        reasons=reasons,
        payload=str(stored.get("payload", "")),
        origin=str(stored.get("origin", "")),
        batch_id=str(stored.get("batch_id", "")),
    )


def _payload(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
