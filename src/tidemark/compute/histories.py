"""Histories: versions held against the contract, and what comes of those that keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.compile.casts import casts_of
from tidemark.errors import ConfigError
from tidemark.lint.histories import undated_tombstones
from tidemark.rows import ORDER, judging
from tidemark.rows.alignment import align, with_flag
from tidemark.sql.queries import SqlError, parse
from tidemark.sql.tracing.columns import read_query
from tidemark.sql.types import METADATA_COLUMNS, TIMES, is_numeric
from tidemark.write.batch import Checked
from tidemark.write.modes import scd2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

    from tidemark.compile.masks import MaskKey
    from tidemark.config.project import Table
    from tidemark.rows.alignment import Held
    from tidemark.write.batch import Affected


def identified(versions: DataFrame, table: Table) -> DataFrame:
    """The versions with what masks must not change of them."""
    return scd2.identified(versions, table.contract, table.load.write, casts_of(table.contract, table.load))


def refuse_undated(table: Table, tables: Mapping[str, Table]) -> None:
    """Raises `ConfigError` where rows that vanish from a full extract would be deleted from before they vanished."""
    if table.sql is None or not any(tables[name].load.missing == "soft" for name in table.inputs):
        return
    schema = {
        name: {column.name: column.type for column in tables[name].contract.columns} | dict(METADATA_COLUMNS)
        for name in table.inputs
    }
    try:
        query = read_query(parse(table.sql), schema)
    except SqlError:
        return  # nobody can follow it: it is run as it stands
    if found := undated_tombstones(table, tables, query):
        message, fix = found
        raise ConfigError(f"{table.name} was not built: {message}", next_step=fix)


def check(
    table: Table,
    versions: DataFrame,
    affected: Affected | None,
    *,
    source_system: str,
    held: Held | None = None,
    key: MaskKey | None = None,
) -> Checked:
    """Holds versions (identified, masked, with their origin) against the contract; what is judged is their history.

    A version that breaks a rule is rejected before history is made, and stays in what is judged, as bad. `held` is what
    the table has; `key` makes surrogate keys of what is personal.
    """
    write = table.load.write
    flag = write.deletes.flag if write.deletes else None
    if lacking := [name for name in write.made if name not in table.contract.column_names]:
        raise ConfigError(
            f"the history {table.name} has no column `{lacking[0]}`, which the engine fills",
            next_step=f"add it to {table.contract.path}",
        )
    _refuse_another_clock(table, versions)
    contract = scd2.of_versions(table.contract, write)
    helpers = {name for name in versions.columns if scd2.is_helper(name)}
    helpers |= {ORDER, *write.helpers} - set(table.contract.column_names)
    fields = {write.validity.start: write.effective_from or ""}
    casts = casts_of(contract, table.load)
    alignment = align(versions, contract, fields, table.load.on_unknown, helpers, casts, held, table.load.partition_by)
    alignment = scd2.judged_as_versions(with_flag(alignment, contract, flag), contract, write)
    rows = scd2.history(judging.judged(versions, contract, alignment), table.contract, write, key)
    if write.unknown_member:
        member = scd2.unknown_member(rows, table.contract, write)
        rows = rows.unionByName(member if affected is None else affected.rows_of(member))
    return Checked(
        table=table.name,
        source=versions,
        judged=rows,
        alignment=alignment,
        identity={},
        source_system=source_system,
        contract=contract,
    )


def _refuse_another_clock(table: Table, versions: DataFrame) -> None:
    """Raises `ConfigError` where deletes are dated by another kind of value than versions are."""
    write = table.load.write
    at = write.deletes.at if write.deletes else None
    given = {field.name.lower(): field.dataType.simpleString() for field in versions.schema.fields}
    start = table.contract.column(write.validity.start).type
    received = given.get((at or "").lower(), start)
    if received.startswith(TIMES) == (start in TIMES) and is_numeric(received) == is_numeric(start):
        return
    raise ConfigError(
        f"the history {table.name} is dated by a {start}, and its deletes by `{at}`, a {received}",
        next_step="name a column of the same kind in `deletes.at`, or leave it out of the load file",
    )
