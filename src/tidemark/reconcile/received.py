"""A source beside the bronze table that was received from it, up to where it was read.

A log of versions is compared by the whole key where the source keeps versions too, and else by its newest ones. Rows
that the source has changed since are left out, and so are those that wait in the error lane.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tidemark.compile.casts import casts_of
from tidemark.delta.table import count_rows, read_state, read_version
from tidemark.errors import SourceDownError, SourceError
from tidemark.reconcile import leftout
from tidemark.reconcile.comparing import Comparison, Showing, not_compared
from tidemark.reconcile.dialects import DIALECTS, comparable, kind_of, scale_of
from tidemark.reconcile.found import Reconciled
from tidemark.reconcile.lake import lake_side, newest_versions, only
from tidemark.reconcile.sides import Field, Side
from tidemark.sources import source_for
from tidemark.sources.unload import UnloadSource, comparisons
from tidemark.sources.watermark import Tie, Window
from tidemark.warehouses import Session, Warehouse, WarehouseError, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.project import Table
    from tidemark.delta.table import TargetState
    from tidemark.engine import Engine
    from tidemark.reconcile.dialects import Dialect, Kind


class _NotComparedError(Exception):
    """Why nobody can compare the two."""


@dataclass(frozen=True)
class _Source:
    """What is known of the source: its session, its table, and the columns of both sides."""

    session: Session
    relation: str
    dialect: Dialect
    fields: tuple[Field, ...]
    apart: dict[str, str]
    read_to: str | None
    living: str | None = None
    """What is so of the rows that the source does not mark as deleted; None: it marks none."""

    @property
    def where(self) -> tuple[str, ...]:
        return (self.read_to,) if self.read_to else ()

    def side(self, keys: Sequence[str], fields: Sequence[Field], where: Sequence[str]) -> Side:
        return Side(self.dialect, self.relation, fields, keys, self.session.rows, where)


def reconcile(engine: Engine, table: Table, showing: Showing) -> Reconciled:
    """Compares the newest version of a bronze table with its source; `showing` says what of it may be shown.

    Raises `SourceError` when the source does not answer.
    """
    source = table.load.source
    if source is None:
        raise SourceError(f"{table.name} has no source")
    spark, path = engine.session(table.name), engine.table_path(table.name)
    names = (f"{source.connection} {source.object}", table.name)
    state = read_state(spark, path)
    if state.version is None:
        return not_compared(table.name, names, "the table does not exist yet: tidemark run receives it")
    connection = engine.connect(source.connection)
    reader = source_for(connection.kind)
    if not isinstance(reader, UnloadSource):
        return not_compared(table.name, names, f"its source ({connection.kind}) cannot be asked for sums")
    warehouse = reader.warehouse(connection)
    frame = read_version(spark, path, state.version, state.table_id)
    try:
        with (
            _known(table, warehouse, state, frame) as known,
            _compared(engine, table, state, known, frame, showing) as comparison,
        ):
            return replace(comparison, names=names).found()
    except _NotComparedError as reason:
        return not_compared(table.name, names, str(reason), state.version)
    except WarehouseError as failure:
        raise (SourceDownError if failure.trouble.passes else SourceError)(
            f"{source.object} could not be compared at {warehouse.place()}: {failure.trouble.value}",
            table=table.name,
            step="reconcile",
            seen=[failure.said],
            next_step=warehouse.advice(failure.trouble),
        ) from None


@contextmanager
def _known(table: Table, warehouse: Warehouse, state: TargetState, frame: DataFrame) -> Iterator[_Source]:
    """What the source has of the table's columns, and of what it has been read to."""
    load, dialect, zoned = table.load, DIALECTS[warehouse.dialect], casts_of(table.contract, table.load)
    fields_of = load.source.fields if load.source else {}
    with warehouse.session() as session:
        relation = warehouse.name(load.source.object if load.source else "")
        columns = {column.name.lower(): column for column in session.columns(relation)}
        fields, apart = [], {}
        for column in table.contract.columns:
            there = columns.get(fields_of.get(column.name, column.name).lower())
            if column.name in load.filled or column.name not in frame.columns:
                continue
            wanted, kind = kind_of(column.type), dialect.kind(there) if there else None
            if there is None:
                apart[column.name] = "the source does not have it"
            elif column.name in load.cast:
                apart[column.name] = "the load file adapts it"
            elif column.name in zoned and warehouse.is_local(there):
                apart[column.name] = "its times in the source are those of a time zone"
            elif kind is None or not comparable(kind, wanted):
                apart[column.name] = f"{there.type} in the source, {column.type} in the lake"
            else:
                fields.append(Field(column.name, there.name, kind, wanted, scale_of(column.type)))
        read_to = _read_to(table, warehouse, state, {column.name for column in columns.values()})
        flag = load.write.deletes.flag if load.write.deletes else None
        marks = columns.get(fields_of.get(flag, flag).lower()) if flag else None
        living = not_set(quoted(marks.name), dialect.kind(marks)) if marks else None
        yield _Source(session, relation, dialect, tuple(fields), apart, read_to, living)


def not_set(flag: str, kind: Kind | None) -> str:
    """What is so of rows of which the flag is not true, in the SQL of each side.

    Numbers and texts mean what they mean to a load.
    """
    match kind:
        case "number":
            return f"COALESCE({flag}, 0) = 0"
        case "text":
            return f"LOWER(TRIM(COALESCE({flag}, ''))) NOT IN ('true', 't', 'yes', 'y', '1')"
        case _:
            return f"NOT COALESCE({flag}, FALSE)"


def _read_to(table: Table, warehouse: Warehouse, state: TargetState, columns: set[str]) -> str | None:
    """The rows of the source that were read by now, as its watermark says; None: all of them."""
    if table.load.watermark is None:
        return None
    if state.watermark.get("high") is None:
        raise _NotComparedError("nobody knows how far the source was read: tidemark run notes it with the next rows")
    window = Window.from_json(state.watermark)
    missing = [name for name in (window.column, *(tie.column for tie in window.ties)) if name not in columns]
    if missing:
        raise _NotComparedError(f"the source has no {missing[0]} any more, by which it was read")
    until = replace(window, low=None, ties=tuple(Tie(tie.column, None, tie.high) for tie in window.ties))
    return f"({comparisons(warehouse).of(until)}) OR {quoted(window.column)} IS NULL"


@contextmanager
def _compared(
    engine: Engine, table: Table, state: TargetState, known: _Source, frame: DataFrame, showing: Showing
) -> Iterator[Comparison]:
    """Both sides, without the rows that need not be the same."""
    keys, is_state = _keys(table, known)
    names = [each.name for each in known.fields]
    deletes = table.load.write.deletes
    gone = deletes.flag if deletes and deletes.flag in frame.columns else None
    source_where, lake_where = list(known.where), []
    if gone and deletes and deletes.missing:
        kind = kind_of(frame.schema[gone].dataType.simpleString())
        lake_where.append(not_set(f"`{gone}`", kind))  # its tombstones are the engine's
    elif known.living and table.load.write.mode == "upsert":
        source_where.append(known.living)
    upstream = known.side(keys, known.fields, source_where)
    kinds: Mapping[str, Kind] = {each.name: each.wanted for each in known.fields if each.name in keys}
    waiting = leftout.quarantined(engine.environment, table, {name: kinds[name] for name in keys})
    if len(waiting) > leftout.MOST:
        raise _NotComparedError(f"more than {leftout.MOST} rows wait in its error lane: replay or discard them")
    follows = is_state and known.read_to is not None
    moved = _moved(known, upstream) if follows else frozenset()
    unsettled = None
    if len(moved) > leftout.MOST:  # most of them are new: those that are not are looked for where rows differ
        moved, unsettled = (
            frozenset(),
            "too many rows of the source have changed since it was read: run, then reconcile",
        )
    rows = newest_versions(frame, table, keys) if table.load.write.mode == "append" else frame
    lacked = [gone] if gone and gone not in names and lake_where else []
    with lake_side(engine.session(table.name), only(rows, [*names, *lacked]), table, names, keys, lake_where) as lake:
        comparison = Comparison(
            table.name,
            upstream.without(waiting),
            lake.without(waiting | moved),
            ("", ""),
            showing,
            state.version or 0,
            known.apart,
            rows=count_rows(engine.session(table.name), engine.table_path(table.name), state.version or 0),
            unsettled=unsettled,
            moved=(lambda each: _moved(known, upstream, each)) if follows else None,
        )
        left_out = {"in the error lane": len(waiting), "changed since": len(moved), "not read yet": _later(known)}
        comparison.left_out.update({why: count for why, count in left_out.items() if count})
        yield comparison


def _keys(table: Table, known: _Source) -> tuple[tuple[str, ...], bool]:
    """The columns that tell rows apart, and whether the source has one row of each: a state, not a log of versions."""
    keys = table.load.write.keys or table.contract.keys
    if not keys:
        raise _NotComparedError("no key tells its rows apart: name `keys` in the load file")
    have = {each.name for each in known.fields}
    if lacking := [name for name in keys if name not in have]:
        raise _NotComparedError(
            f"its key cannot be compared: {lacking[0]} ({known.apart.get(lacking[0], 'not there')})"
        )
    watermark = table.load.watermark
    versions = set(watermark.columns) & set(keys) if watermark else set()
    things = tuple(name for name in keys if name not in versions)
    if not versions or not things:
        return keys, True
    side = known.side(things, known.fields, known.where)
    where = " AND ".join(f"({each})" for each in (*known.where, side.has_key()))
    rows, different = known.session.one(
        f"SELECT COUNT(*), COUNT(DISTINCT {side.key_hash()}) FROM {known.relation} WHERE {where}"
    )
    return (things, True) if rows == different else (keys, False)


def _moved(known: _Source, side: Side, keys: Collection[int] = ()) -> frozenset[int]:
    """The keys, or those of the given ones, of rows that the source has changed, or got, since it was read."""
    only_these = f" AND {side.key_hash()} IN ({', '.join(map(str, sorted(keys)))})" if keys else ""
    found = known.session.rows(
        f"SELECT {side.key_hash()} FROM {known.relation} WHERE NOT ({known.read_to}){only_these}"
        f" LIMIT {leftout.MOST + 1}"
    )
    return frozenset(int(row[0]) for row in found)


def _later(known: _Source) -> int:
    """How many rows of the source were not read yet."""
    if known.read_to is None:
        return 0
    (rows,) = known.session.one(f"SELECT COUNT(*) FROM {known.relation} WHERE NOT ({known.read_to})")
    return int(rows)
