"""Histories (`mode: scd2`): their columns, and what they make of their contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tidemark.config.contract import Contract
from tidemark.config.files.writing import AllBut, WriteSpec
from tidemark.config.files.yamltext import Document, Where
from tidemark.config.project import Table
from tidemark.errors import Finding, choose
from tidemark.lint.inspection import Inspection
from tidemark.sql.tracing.columns import ReadQuery
from tidemark.sql.types import TIMES, check_literal, decimal_digits, is_numeric

_WRITE = "write"
_UNKNOWN = (_WRITE, "unknown_member")


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about every table that is a history."""
    for name, table in inspection.read.tables.items():
        if table.load.write.mode == "scd2":
            document = inspection.read.documents[name]
            yield from _columns(table.contract, table.load.write, document)
            if table.sql is not None and table.sql_path is None:
                yield from _taken_over(inspection, table, document)
            yield from _validity(table.contract, table.load.write, document)
            yield from _tombstones(inspection, table, document)
            if table.load.write.unknown_member:
                yield from _unknown_member(table.contract, table.load.write, document)


def _columns(contract: Contract, write: WriteSpec, document: Document) -> Iterator[Finding]:
    track: tuple[Where, Sequence[str]] = (
        ((_WRITE, "track", "all_but"), write.track.all_but)
        if isinstance(write.track, AllBut)
        else ((_WRITE, "track"), write.track)
    )
    overwrite = write.overwrite if isinstance(write.overwrite, tuple) else ()
    for where, names in (track, ((_WRITE, "overwrite"), overwrite)):
        for position, name in enumerate(names):
            if name not in contract.column_names:
                message = f"{'.'.join(map(str, where[:2]))}: there is no column `{name}`"
                yield document.finding((*where, position), message, choose(name, contract.column_names))
    for name in write.made:
        if name not in contract.column_names:
            message = f"the history {contract.table} has no column `{name}`, which the engine fills"
            yield Finding(contract.path, 1, message, f"add `{name}` to the contract")


def _taken_over(inspection: Inspection, table: Table, document: Document) -> Iterator[Finding]:
    """Without a query, every column is the input's column of the same name."""
    (name,) = table.inputs
    given = inspection.schema.get(name)
    if given is None:
        return
    write = table.load.write
    for column in table.contract.columns:
        if column.name not in given and column.name not in write.made:
            message = f"{name} has no column `{column.name}`, and {table.name} has no query that makes it"
            fix = f"{choose(column.name, given)}, or add {table.contract.name}.sql"
            yield Finding(table.contract.path, column.line, message, fix)
    for helper in write.helpers:
        if helper not in given and helper not in table.contract.column_names:
            message = f"{name} has no column `{helper}`, and {table.name} has no query that makes it"
            yield document.finding((_WRITE,), message, f"{choose(helper, given)}, or add {table.contract.name}.sql")


def _tombstones(inspection: Inspection, table: Table, document: Document) -> Iterator[Finding]:
    query = inspection.queries.get(table.name)
    found = undated_tombstones(table, inspection.read.tables, query) if query else None
    if found:
        yield document.finding((_WRITE, "deletes"), *found)


def undated_tombstones(table: Table, tables: Mapping[str, Table], query: ReadQuery) -> tuple[str, str] | None:
    """What is wrong where a history reads a log of full extracts by the change times of its rows, and what to write.

    The log's tombstones have those of the last row: by them, what is missing would never have been there.
    """
    write, deletes = table.load.write, table.load.write.deletes
    if deletes is None or deletes.flag is None or deletes.at is not None:
        return None
    dated_by, flagged_by = (
        query.origins(name) if name and name in query.outputs else frozenset()
        for name in (write.effective_from, deletes.flag)
    )
    for name in table.inputs:
        source, how = (tables[name].load.source, tables[name].load.write.deletes) if name in tables else (None, None)
        if source is None or how is None or how.missing != "soft" or (name, how.flag) not in flagged_by:
            continue
        times = {column for owner, column in dated_by if owner == name}
        if times and not times & {source.taken_at, "_ingest_ts"}:
            taken = source.taken_at or "seen_at"
            message = (
                f"what {name} lacks would be deleted from the change time of its last row, as if it had never been"
            )
            more = "" if source.taken_at else f", `taken_at: {taken}` in the source of {name}"
            return message, f"write `deletes: {{flag: {deletes.flag}, at: {taken}}}`{more}, and select that column"
    return None


def _validity(contract: Contract, write: WriteSpec, document: Document) -> Iterator[Finding]:
    types = {column.name: column.type for column in contract.columns}
    names = write.validity
    start, end = types.get(names.start), types.get(names.end)
    if start is None or end is None:
        return
    if start != end:
        message = f"`{names.start}` is a {start} and `{names.end}` a {end}"
        yield Finding(contract.path, contract.column(names.end).line, message, "give both the type of `effective_from`")
    if start not in TIMES and not is_numeric(start):
        message = f"`{names.start}` is a {start}, by which versions have no order in time"
        yield Finding(contract.path, contract.column(names.start).line, message, "make it a timestamp, date or number")
    if types.get(names.current, "boolean") != "boolean":
        message = f"`{names.current}` is a {types[names.current]}"
        yield Finding(contract.path, contract.column(names.current).line, message, "make it a boolean")
    where = (_WRITE, "validity", "open_end")
    if names.open_end is None:
        if contract.column(names.end).required:
            message = f"`{names.end}` is required, and open rows have none"
            fix = f"remove `required` there, or write `validity: {{open_end: …}}` in {document.path.name}"
            yield Finding(contract.path, contract.column(names.end).line, message, fix)
    elif wrong := _wrong_literal(names.open_end, end):
        yield document.finding(where, wrong, f"write a value that a {end} can have")


def _unknown_member(contract: Contract, write: WriteSpec, document: Document) -> Iterator[Finding]:
    given = write.unknown_member if isinstance(write.unknown_member, dict) else {}
    types = {column.name: column.type for column in contract.columns}
    for name, value in given.items():
        if name not in types:
            yield document.finding((*_UNKNOWN, name), f"there is no column `{name}`", choose(name, types))
        elif name in write.made:
            yield document.finding((*_UNKNOWN, name), f"`{name}` is filled by the engine", "leave it out")
        elif wrong := _wrong_literal(value, types[name]):
            yield document.finding((*_UNKNOWN, name), wrong, f"write a value that a {types[name]} can have")
    for name in write.keys:
        if name in types and name not in given and not _has_unknown_value(types[name]):
            message = f"the unknown member has no key: there is none for a {types[name]} like `{name}`"
            yield document.finding(_UNKNOWN, message, f"write `unknown_member: {{{name}: …}}`")
    for column in contract.columns:
        if column.required and column.name not in {*write.keys, *write.made, *given}:
            message = f"the unknown member has no `{column.name}`, which is required"
            fix = f"write `unknown_member: {{{column.name}: …}}`, or remove `required` from it"
            yield document.finding(_UNKNOWN, message, fix)


def _has_unknown_value(column_type: str) -> bool:
    """Whether `unknown`, -1 or 1900-01-01 is a value of the type."""
    digits = decimal_digits(column_type)
    return digits[0] > digits[1] if digits else is_numeric(column_type) or column_type != "boolean"


def _wrong_literal(value: object, column_type: str) -> str | None:
    if column_type == "string":
        return None
    try:
        check_literal(str(value).lower() if isinstance(value, bool) else str(value), column_type)
    except ValueError as wrong:
        return str(wrong)
    return None
