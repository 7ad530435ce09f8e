"""Checks of contracts: they must compile, and read only tables and columns that there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from tidemark.compile.soda import custom_checks, placed, sodacl, tables_named
from tidemark.config.contract import Check
from tidemark.config.project import Table
from tidemark.errors import ConfigError, Finding, choose
from tidemark.lint.inspection import Inspection
from tidemark.sql import queries
from tidemark.sql.queries import SqlError
from tidemark.sql.tracing.columns import read_query
from tidemark.sql.types import METADATA_COLUMNS

# `avg(net_usd) between 5 and 500`: a metric of columns, which are all its arguments.
_METRIC = re.compile(r"[a-z_]+\((?P<arguments>[^)]*)\)")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about the checks of every contract that could be read."""
    for table in inspection.read.tables.values():
        try:
            sodacl(table.contract, table.name, datetime.now(UTC))
        except ConfigError as error:
            yield from error.findings
            continue
        for check in table.contract.checks:
            if check.kind == "sql":
                yield from _query(inspection, table, check)
            elif check.kind == "custom":
                yield from _custom(inspection, table, check)


def _query(inspection: Inspection, table: Table, check: Check) -> Iterator[Finding]:
    path = table.contract.path
    query = queries.parse(placed(check.query or "", table.name, check.column))
    yield from _tables(inspection, table, check, queries.tables_read(query))
    if not set(queries.tables_read(query)) <= set(inspection.schema):
        return
    try:
        resolved = read_query(query, inspection.schema)
    except SqlError as error:
        yield Finding(path, check.line, f"check `{check.name}` {error.message}", "correct the query")
        return
    for problem in resolved.problems():
        yield Finding(path, check.line, f"check `{check.name}`: {problem.message}", problem.fix)
    if len(resolved.outputs) != 1:
        message = f"check `{check.name}` gives {len(resolved.outputs)} columns"
        yield Finding(path, check.line, message, "select the one number that is compared")


def _custom(inspection: Inspection, table: Table, check: Check) -> Iterator[Finding]:
    columns = table.contract.column_names
    for text, config in custom_checks(check, table.name):
        named = [name for part in (text, *map(str, config.values())) for name in tables_named(part)]
        yield from _tables(inspection, table, check, named)
        metric = _METRIC.match(text)
        for name in _NAME.findall(metric["arguments"]) if metric else ():
            if name not in (*columns, *METADATA_COLUMNS):
                message = f"check `{check.name}` is about column `{name}`, which the contract lacks"
                yield Finding(table.contract.path, check.line, message, choose(name, columns))


def _tables(inspection: Inspection, table: Table, check: Check, names: Iterable[str]) -> Iterator[Finding]:
    for name in names:
        if name not in inspection.read.names:
            message = f"check `{check.name}` reads {name}, which does not exist"
            yield Finding(table.contract.path, check.line, message, choose(name, inspection.read.names))
