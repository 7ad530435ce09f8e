"""The control store: small JSON records with compare-and-set, in SQLite on a laptop and in DynamoDB on AWS.

It is an index and a lock, never the truth about rows: that stands in the commits of the tables.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tidemark.aws.folder import make_private
from tidemark.errors import ConfigError, StateError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

ABSENT = 0
MOST_BYTES = 350_000
"""Of a record, key and all: DynamoDB takes no item above 400 KB, and a laptop finds the same out."""
_PACKED_FROM = 32_000  # characters; a release of a thousand tables is packed to a tenth
_PACKED = "zlib:"
OWNER = "environment"
_PRIVATE = 0o600


@dataclass(frozen=True)
class Record:
    """A stored value and its revision, which every write raises by one (the first is 1)."""

    key: str
    value: Mapping[str, Any]
    revision: int


class ConflictError(StateError):
    """Somebody else wrote the record since it was read."""


class StateStore(Protocol):
    """Records by kind (such as `table`, `committing`, `release`, `publish`, `lease`) and key."""

    def get(self, kind: str, key: str) -> Record | None:
        """The record, or None."""
        ...

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None = None) -> int:
        """Writes and returns the new revision.

        With `expected` the write happens only at that revision (`ABSENT`: only when there is none), else
        `ConflictError`.
        """
        ...

    def delete(self, kind: str, key: str) -> None:
        """Removes the record; nothing happens where there is none."""
        ...

    def list(self, kind: str) -> tuple[Record, ...]:
        """Every record of a kind, by key."""
        ...


def open_state(environment: Environment) -> StateStore:
    """The store that the environment names. Raises `ConfigError` when it is that of another environment.

    It belongs to the one that used it first: of two in one store, each would take the other's watermarks, leases and
    releases for its own.
    """
    store = _store(environment)
    owner = _owner(store, environment.name)
    if owner != environment.name:
        raise ConfigError(
            f"the control store {environment.state.location} belongs to the environment {owner}, not to "
            f"{environment.name}; nothing was read or written",
            next_step=f"correct home or state.location in env/{environment.name}.yaml; an environment keeps its name "
            "as long as its control store",
        )
    return store


def state_there(environment: Environment) -> StateStore:
    """The same for who only looks: where there is no store yet, none is made, and nothing is noted in it."""
    settings = environment.state
    is_there = settings.kind != "sqlite" or Path(settings.location).exists()
    return open_state(environment) if is_there else _Nowhere(settings.location)


@dataclass(frozen=True)
class _Nowhere:
    """A store that is not there."""

    location: str

    def get(self, kind: str, key: str) -> Record | None:
        return None

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None = None) -> int:
        raise StateError(f"there is no state store at {self.location}", step="state", next_step="tidemark run")

    def delete(self, kind: str, key: str) -> None:
        pass

    def list(self, kind: str) -> tuple[Record, ...]:
        return ()


def _store(environment: Environment) -> StateStore:
    settings = environment.state
    if settings.kind == "sqlite":
        return SqliteState(Path(settings.location))
    from tidemark.aws.clients import dynamodb_table

    return DynamoState(dynamodb_table(environment.aws, settings.location))


def _owner(store: StateStore, name: str) -> str:
    """The environment that the store belongs to: from now on `name`, where it has none yet."""
    noted = store.get(OWNER, OWNER)
    if noted is None:
        try:
            store.put(OWNER, OWNER, {"environment": name}, expected=ABSENT)
        except ConflictError:
            return _owner(store, name)
        return name
    return str(noted.value["environment"])


def _conflict(kind: str, key: str, expected: int) -> ConflictError:
    return ConflictError(
        f"{kind} {key} was not at revision {expected}: another run wrote it",
        step="state",
        next_step="let the other run finish (tidemark runs list), then run again",
    )


def _text(kind: str, key: str, value: Mapping[str, Any]) -> str:
    """The stored form of a value. Raises `StateError` for what is too large for a record."""
    text = json.dumps(value, default=str)
    if len(text) > _PACKED_FROM:
        text = _PACKED + base64.b64encode(zlib.compress(text.encode())).decode()
    size = len(kind.encode()) + len(key.encode()) + len(text)
    if size > MOST_BYTES:
        raise StateError(
            f"{kind} {key} does not fit into the control store; nothing was written there",
            step="state",
            seen=[f"{size:,} bytes, packed; a record holds at most {MOST_BYTES:,}"],
            next_step="give part of the tables a configuration and a state store of their own",
        )
    return text


def _value(text: str) -> Mapping[str, Any]:
    if text.startswith(_PACKED):
        text = zlib.decompress(base64.b64decode(text.removeprefix(_PACKED))).decode()
    value: Mapping[str, Any] = json.loads(text)
    return value


class SqliteState:
    """Records in one SQLite file; every call opens its own connection, so threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        make_private(path.parent)
        if not path.exists():
            path.touch(mode=_PRIVATE)  # what SQLite writes beside it gets the same mode
        with self._connection() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS records"
                " (kind TEXT, key TEXT, revision INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key))"
            )

    def get(self, kind: str, key: str) -> Record | None:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT key, value, revision FROM records WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
        return Record(row[0], _value(row[1]), row[2]) if row else None

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None = None) -> int:
        text = _text(kind, key, value)
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT revision FROM records WHERE kind = ? AND key = ?", (kind, key)).fetchone()
            revision = row[0] if row else ABSENT
            if expected is not None and revision != expected:
                raise _conflict(kind, key, expected)
            connection.execute(
                "INSERT OR REPLACE INTO records (kind, key, revision, value) VALUES (?, ?, ?, ?)",
                (kind, key, revision + 1, text),
            )
        return revision + 1

    def delete(self, kind: str, key: str) -> None:
        with self._connection() as connection:
            connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key))

    def list(self, kind: str) -> tuple[Record, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT key, value, revision FROM records WHERE kind = ? ORDER BY key", (kind,)
            ).fetchall()
        return tuple(Record(key, _value(text), revision) for key, text, revision in rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as connection:
                try:
                    yield connection
                except BaseException:
                    if connection.in_transaction:
                        connection.rollback()
                    raise
                if connection.in_transaction:
                    connection.commit()
        except sqlite3.Error as failure:
            raise StateError(
                f"the state store {self._path} could not be used: {failure}",
                step="state",
                next_step="check that the disk has room and the file may be written",
            ) from failure


class DynamoState:
    """Records in one DynamoDB table with the string keys `kind` (partition) and `key` (sort)."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, kind: str, key: str) -> Record | None:
        item = self._item(kind, key)
        return self._record(item) if item else None

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None = None) -> int:
        text, known = _text(kind, key, value), expected
        if known is None:
            current = self.get(kind, key)
            known = current.revision if current else ABSENT
        attempt = uuid.uuid4().hex
        item = {"kind": kind, "key": key, "revision": known + 1, "value": text, "attempt": attempt}
        if known == ABSENT:
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(revision)"}
        else:
            condition = {"ConditionExpression": "revision = :known", "ExpressionAttributeValues": {":known": known}}
        try:
            self._call("put_item", Item=item, **condition)
        except self._table.meta.client.exceptions.ConditionalCheckFailedException as lost:
            # A write that was done, and whose answer was lost, is tried again by the client and then refused.
            if self._item(kind, key).get("attempt") != attempt:
                raise _conflict(kind, key, known) from lost
        return known + 1

    def delete(self, kind: str, key: str) -> None:
        self._call("delete_item", Key={"kind": kind, "key": key})

    def list(self, kind: str) -> tuple[Record, ...]:
        arguments: dict[str, Any] = {
            "KeyConditionExpression": "kind = :kind",
            "ExpressionAttributeValues": {":kind": kind},
            "ConsistentRead": True,
        }
        records: list[Record] = []
        while True:
            page = self._call("query", **arguments)
            records += map(self._record, page["Items"])
            if "LastEvaluatedKey" not in page:
                return tuple(records)
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _item(self, kind: str, key: str) -> Mapping[str, Any]:
        """The item as it is stored now; empty where there is none."""
        item: Mapping[str, Any] = self._call("get_item", Key={"kind": kind, "key": key}, ConsistentRead=True).get(
            "Item", {}
        )
        return item

    def _call(self, operation: str, **arguments: Any) -> Any:
        from tidemark.aws.clients import AWS_FAILURES

        known = self._table.meta.client.exceptions
        try:
            return getattr(self._table, operation)(**arguments)
        except known.ConditionalCheckFailedException:
            raise
        except known.ResourceNotFoundException as missing:
            raise StateError(
                f"the DynamoDB table {self._table.name} of the state store does not exist",
                step="state",
                next_step="create it: Terraform does, with the string keys kind (partition) and key (sort)",
            ) from missing
        except AWS_FAILURES as failure:
            raise StateError(
                f"the DynamoDB table {self._table.name} of the state store could not be used: {failure}",
                step="state",
                next_step="check the network, and that the role may read and write the table; then run again",
            ) from failure

    @staticmethod
    def _record(item: Mapping[str, Any]) -> Record:
        return Record(str(item["key"]), _value(item["value"]), int(item["revision"]))
