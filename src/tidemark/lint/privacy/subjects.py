"""Where a person is: which columns of which tables hold the value that names one, by contracts and queries.

A person is named by a column and a value: `silver.customers.customer_id=CUST-000123`. Other columns hold the same value
where a contract's relationship says so, and where a query hands it on. What is found this way leads up to the tables
that were received, in which rows are deleted or made anonymous; the tables behind these are computed anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from tidemark.config.contract import Column
from tidemark.config.contract.model import Erasure
from tidemark.config.contract.privacy import ERASURE
from tidemark.errors import ConfigError, choose
from tidemark.sql import queries
from tidemark.sql.queries import SqlError
from tidemark.sql.tracing.columns import ReadQuery, read_query
from tidemark.sql.tracing.copies import Copied, copied
from tidemark.sql.tracing.derivation import Origin
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from tidemark.config.project import Table

INTEGERS = ("tinyint", "smallint", "int", "bigint")
_KEPT = 8  # projects at once: of one run there is one, tests make many
_lock = Lock()
_known: list[tuple[Mapping[str, Table], _Graph]] = []
_EXAMPLE = "silver.customers.customer_id=CUST-000123"


@dataclass(frozen=True)
class Treatment:
    """What is done to the rows of a table of its own (received, or a log) that name the person in one of `columns`.

    `erasure` None: its contract has to say. `cleared` are its other personal columns, where the row stays.
    """

    table: str
    columns: tuple[str, ...]
    erasure: Erasure | None
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trail:
    """The columns that hold the value which names a person, by table; `key` is the one that was typed.

    `folded`: a query on the way changes the case of letters or blanks, so that values are compared without them.
    """

    key: Origin
    places: Mapping[str, tuple[str, ...]]
    treatments: tuple[Treatment, ...]
    folded: bool = False

    @property
    def name(self) -> str:
        """The column that was typed, as people write it."""
        return ".".join(self.key)


def named(text: str) -> tuple[str, str]:
    """The column and the value of `KEY=VALUE`; raises `ConfigError` where there is none."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ConfigError("a person is named by a column and a value", next_step=f"write KEY=VALUE, as {_EXAMPLE}")
    return key.strip(), value.strip()


def canonical(column: Column, value: str, *, folded: bool = False) -> str:
    """The value as text that equals what the column holds as text; raises `ConfigError` for types that name nobody."""
    if column.type == "string":
        return value.strip().lower() if folded else value
    try:
        if column.type in INTEGERS:
            return str(int(value))
    except ValueError:
        raise ConfigError(f"`{column.name}` is a {column.type}, and what was given is none") from None
    raise ConfigError(
        f"`{column.name}` is a {column.type}: people are named by texts and whole numbers",
        next_step="name another column, which holds their id",
    )


def trail(tables: Mapping[str, Table], key: str) -> Trail:
    """Where the values of the column `key` are: `layer.table.column`, or a key's name that means one thing everywhere.

    Raises `ConfigError` where there is no such column, or where nobody can tell what it was made of.
    """
    graph = _graph(tables)
    origin = _found(tables, graph, key)
    found, unknown = graph.reached(origin)
    if unknown:
        table, column = min(unknown)
        raise ConfigError(
            f"{table}.{column} holds what names the person, and nobody can tell which columns of "
            f"{', '.join(tables[table].inputs)} it is made of",
            next_step=f"name them in {tables[table].contract.path.name}, as a relationship of `{column}`: "
            "`relationships: [{to: ../bronze/people.contract.yaml#schema/people/properties/id}]`",
        )
    places: dict[str, list[str]] = defaultdict(list)
    for table, column in sorted(found):
        places[table].append(column)
    ordered = {table: tuple(columns) for table, columns in places.items()}
    own = [_treatment(tables[table], columns) for table, columns in ordered.items() if is_own(tables[table])]
    return Trail(origin, ordered, tuple(own), graph.folds(found))


def naming_columns(found: Trail, table: Table) -> tuple[str, ...]:
    """The columns of a table in which the value stands as it is, and not masked."""
    there, contract = found.places.get(table.name, ()), table.contract
    return tuple(name for name in there if table.layer != "gold" or contract.column(name).mask is None)


def is_own(table: Table) -> bool:
    """Whether rows of the table are what was received or logged, and not computed anew from others."""
    return table.load.source is not None or table.load.write.mode == "append"


def untold(found: Trail, tables: Mapping[str, Table]) -> tuple[str, ...]:
    """What contracts have to say before a person can be erased, as sentences."""
    return tuple(
        f"{each.table}.{', '.join(each.columns)} is required, and the table has nothing personal besides: say in "
        f"{tables[each.table].contract.path.name} what becomes of these rows: "
        f"`customProperties: [{{property: {ERASURE}, value: delete}}]`, or `value: {{replaceBy: …}}` with a value that "
        "stands for nobody"
        for each in found.treatments
        if each.erasure is None
    )


def _treatment(table: Table, columns: tuple[str, ...]) -> Treatment:
    contract = table.contract
    naming = [contract.column(name) for name in columns]
    personal = [column for column in contract.columns if column.is_personal and column.name not in columns]
    said = [column.erasure for column in naming if column.erasure]
    by_itself = [column for column in naming if column.erasure is None]
    if any(each.action == "delete" for each in said) or any(_is_of(column, personal) for column in by_itself):
        return Treatment(table.name, columns, Erasure("delete"))
    if any(column.required for column in by_itself):
        return Treatment(table.name, columns, None)
    kept = next((each for each in said if each.action == "replace"), Erasure("clear"))
    if any(column.required for column in personal):
        return Treatment(table.name, columns, Erasure("delete"))
    return Treatment(table.name, columns, kept, tuple(column.name for column in personal))


def _is_of(column: Column, personal: list[Column]) -> bool:
    """Whether a row that names somebody in this column is about that person, where the contract does not say."""
    return column.key_position is not None or column.is_personal or bool(personal)


def _found(tables: Mapping[str, Table], graph: _Graph, key: str) -> Origin:
    table, _, column = key.rpartition(".")
    if table:
        known = tables.get(table)
        if known is None:
            raise ConfigError(f"table `{table}` does not exist", next_step=choose(table, tables))
        if column not in known.contract.column_names:
            raise ConfigError(
                f"{table} has no column `{column}`", next_step=choose(column, known.contract.column_names)
            )
        return table, column
    holding = [(name, key) for name, each in tables.items() if key in each.contract.keys]
    if not holding:
        keys = {each for table in tables.values() for each in table.contract.keys}
        raise ConfigError(f"no table has a key `{key}`", next_step=choose(key, keys))
    reached = [graph.reached(origin)[0] for origin in holding]
    widest = max(zip(holding, reached, strict=True), key=lambda each: len(each[1]))
    if not set(holding) <= widest[1]:
        raise ConfigError(
            f"`{key}` does not mean the same in {', '.join(table for table, _ in holding)}",
            next_step=f"say which: {widest[0][0]}.{key}=…",
        )
    return widest[0]


def _graph(tables: Mapping[str, Table]) -> _Graph:
    """The graph of a project, which is looked at once."""
    with _lock:
        for known, graph in _known:
            if known is tables:
                return graph
    graph = _Graph(tables)
    with _lock:
        _known.append((tables, graph))
        del _known[:-_KEPT]
    return graph


class _Graph:
    """What columns are copies of, and what they refer to."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._copies: dict[Origin, Copied] = {}
        self._readers: dict[Origin, set[Origin]] = defaultdict(set)
        self._referring: dict[Origin, set[Origin]] = defaultdict(set)
        columns = {name: _columns(table) for name, table in tables.items()}
        for name, table in tables.items():
            read = _read(table, columns)
            for own, reference in _references(table):
                self._referring[self._known(table, own, reference)].add((name, own))
            for column in table.contract.columns:
                here = (name, column.name)
                if read is not None:
                    self._copies[here] = copied(read, column.name)
                    for origin in self._copies[here].origins:
                        self._readers[origin].add(here)

    def reached(self, origin: Origin) -> tuple[set[Origin], set[Origin]]:
        """All columns that hold the values of one, and those of them whose own origin cannot be told.

        From a column that was typed or that refers to another the way leads up and down, from one that was only handed
        on it leads down: what it was joined or merged with on the way is of other people.
        """
        up: set[Origin] = set()
        waiting, found = [origin], set[Origin]()
        while waiting or found:
            while waiting:
                here = waiting.pop()
                if here not in up:
                    up.add(here)
                    waiting += self._above(here)
            found = self._below(up)
            waiting = [each for place in up | found for each in self._referring[place] if each not in up]
            if not waiting:
                break
        return up | found, {each for each in up if self._is_unknown(each)}

    def folds(self, places: set[Origin]) -> bool:
        return any(self._copies[each].folded for each in places if each in self._copies)

    def _above(self, here: Origin) -> list[Origin]:
        references = [to for column, to in _references(self._tables[here[0]]) if column == here[1]]
        copies = self._copies.get(here, Copied()).origins
        return [each for each in (*references, *sorted(copies)) if self._is_column(each)]

    def _below(self, places: set[Origin]) -> set[Origin]:
        found, waiting = set[Origin](), list(places)
        while waiting:
            for reader in self._readers[waiting.pop()]:
                if reader not in found:
                    found.add(reader)
                    waiting.append(reader)
        return found

    def _is_unknown(self, here: Origin) -> bool:
        table = self._tables[here[0]]
        if not table.inputs or self._copies.get(here, Copied()).origins:
            return False
        upstream, waiting = set[str](), list(table.inputs)
        while waiting:
            name = waiting.pop()
            if name not in upstream and name in self._tables:
                upstream.add(name)
                waiting += self._tables[name].inputs
        return not any(to in upstream for column, (to, _) in _references(table) if column == here[1])

    def _is_column(self, origin: Origin) -> bool:
        table, column = origin
        return table in self._tables and column in self._tables[table].contract.column_names

    def _known(self, table: Table, column: str, reference: Origin) -> Origin:
        if self._is_column(reference):
            return reference
        raise ConfigError(
            f"the relationship of {table.name}.{column} leads to {'.'.join(reference)}, which does not exist: who is "
            "meant there would not be found",
            next_step=f"correct it in {table.contract.path.name}",
        )


def _references(table: Table) -> Iterator[tuple[str, Origin]]:
    """Each column of the table that refers to another, and that one."""
    for reference in table.contract.references:
        for column, to in zip(reference.columns, reference.to, strict=True):
            yield column, (reference.table, to)


def _columns(table: Table) -> dict[str, str]:
    return {column.name: column.type for column in table.contract.columns} | dict(METADATA_COLUMNS)


def _read(table: Table, schema: Mapping[str, Mapping[str, str]]) -> ReadQuery | None:
    if table.sql is None or not table.inputs:
        return None
    try:
        return read_query(queries.parse(table.sql), schema)
    except SqlError:
        return None


def holders(found: Trail, tables: Mapping[str, Table], ordered: Sequence[str]) -> tuple[str, ...]:
    """The tables that hold the value, and those computed from them, in this order, in which inputs come first."""
    wanted: dict[str, None] = {}
    for name in ordered:
        if name in found.places or not wanted.keys().isdisjoint(tables[name].inputs):
            wanted[name] = None
    return tuple(wanted)
