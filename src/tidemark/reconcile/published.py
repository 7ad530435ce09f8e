"""A gold table beside what a warehouse has of it: the version that was published there, with all of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from tidemark.compile.ddl import publish_columns
from tidemark.control import release
from tidemark.delta.table import OtherTableError, count_rows, read_version
from tidemark.errors import TargetError
from tidemark.publishing import open_target, published_id
from tidemark.reconcile.comparing import Comparison, Showing, not_compared
from tidemark.reconcile.dialects import DIALECTS, comparable, kind_of, scale_of
from tidemark.reconcile.found import Reconciled
from tidemark.reconcile.lake import lake_side, only
from tidemark.reconcile.sides import Field, Side
from tidemark.targets.base import WarehouseTarget
from tidemark.warehouses import Session, WarehouseError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.project import Table
    from tidemark.engine import Engine


def reconcile(engine: Engine, table: Table, target: str, showing: Showing) -> Reconciled:
    """Compares a gold table with a target that it is published to; `showing` says what of it may be shown.

    Raises `TargetError` when the warehouse does not answer.
    """
    opened, place = open_target(engine, target), engine.environment.targets[target]
    names = (table.name, f"{target} {place.schema_name}.{table.contract.name}")
    version, warehouse = opened.versions.get(table.name), opened.warehouse
    if version is None:
        return not_compared(table.name, names, f"it was not published yet: tidemark job publish_gold_to_{target}")
    if not isinstance(warehouse, WarehouseTarget):
        return not_compared(table.name, names, "its target cannot be asked for sums", version)
    if not table.contract.keys:
        return not_compared(table.name, names, "no key tells its rows apart: name a primary key", version)
    spark, path = engine.session(table.name), engine.table_path(table.name)
    try:
        frame = read_version(spark, path, version, published_id(engine, table.name, target))
        rows = count_rows(spark, path, version)
    except (OtherTableError, PySparkException) as gone:
        reason = f"version {version}, which it has, is not in the lake any more: publish a newer one ({_short(gone)})"
        return not_compared(table.name, names, reason, version)
    with warehouse.warehouse.session() as session:
        try:
            return _compared(engine, table, (session, warehouse), names, (frame, version, rows), showing)
        except WarehouseError as failure:
            raise TargetError(
                f"{names[1]} could not be compared at {warehouse.warehouse.place()}: {failure.trouble.value}",
                table=table.name,
                step="reconcile",
                seen=[failure.said],
                next_step=warehouse.warehouse.advice(failure.trouble),
            ) from None


def _compared(
    engine: Engine,
    table: Table,
    there: tuple[Session, WarehouseTarget],
    names: tuple[str, str],
    lake: tuple[DataFrame, int, int],
    showing: Showing,
) -> Reconciled:
    (session, target), (frame, version, rows) = there, lake
    fields, apart = _fields(table, session, target, frame)
    known = [each.name for each in fields]
    keys = table.contract.keys
    if lacking := [name for name in keys if name not in known]:
        reason = f"its key cannot be compared: {lacking[0]} ({apart.get(lacking[0], 'not there')})"
        return not_compared(table.name, names, reason, version)
    dialect = DIALECTS[target.warehouse.dialect]
    downstream = Side(dialect, target.relation(table), fields, keys, session.rows)
    with lake_side(engine.session(table.name), only(frame, known), table, known, keys, ()) as upstream:
        comparison = Comparison(table.name, upstream, downstream, names, showing, version, apart, rows=rows)
        released = release.latest(engine.state)
        newest = released.tables.get(table.name, version) if released else version
        if released and newest != version:
            comparison.notes.append(
                f"{released.name} has version {newest}, the warehouse has version {version}: not published yet"
            )
        return comparison.found()


def _fields(
    table: Table, session: Session, target: WarehouseTarget, frame: DataFrame
) -> tuple[tuple[Field, ...], dict[str, str]]:
    """The columns that both have, and why one cannot be compared."""
    dialect = DIALECTS[target.warehouse.dialect]
    columns = {column.name.lower(): column for column in session.columns(target.relation(table))}
    fields, apart = [], {}
    for name, spark_type in publish_columns(table.contract).items():
        column = columns.get(name.lower())
        if column is None or name not in frame.columns:
            apart[name] = "the warehouse does not have it" if column is None else "that version does not have it"
            continue
        kind, wanted = dialect.kind(column), kind_of(spark_type)
        if kind is None or not comparable(kind, wanted):
            apart[name] = f"{column.type} in the warehouse, {spark_type} in the lake"
        else:
            fields.append(Field(name, column.name, kind, wanted, scale_of(spark_type)))
    return tuple(fields), apart


def _short(failure: Exception) -> str:
    return str(failure).splitlines()[0][:200]
