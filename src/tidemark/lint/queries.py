"""Queries against the tables they read, the load file that lists these, and the contract they must fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tidemark.config.project import Table
from tidemark.errors import Finding, choose, close_match
from tidemark.lint.inspection import Inspection, engine_columns, helper_columns
from tidemark.sql import queries
from tidemark.sql.queries import SqlError, line_of
from tidemark.sql.tracing.columns import ReadQuery
from tidemark.sql.types import METADATA_COLUMNS, SOURCE_ORDER


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about the query of every table that has one; a query that does not parse was reported before."""
    for name, table in inspection.read.tables.items():
        if table.sql is None or table.sql_path is None:
            continue
        yield from _tables(inspection, table, table.sql)
        query = inspection.queries.get(name)
        if query is not None:
            for problem in query.problems():
                yield Finding(table.sql_path, problem.line, problem.message, problem.fix)
            yield from _outputs(table, query)


def _tables(inspection: Inspection, table: Table, sql: str) -> Iterator[Finding]:
    """Tables that the query reads and the load file does not list, and the other way round."""
    try:
        query = queries.parse(sql)
    except SqlError:
        return
    path = table.sql_path or table.contract.path
    for bare in queries.unqualified_tables(query):
        candidates = [name for name in inspection.read.names if name.endswith(f".{bare.name.lower()}")]
        fix = f"write {' or '.join(candidates)}" if candidates else "write layer.table"
        yield Finding(path, line_of(bare), f"table `{bare.name}` has no layer", fix)
    document = inspection.read.documents[table.name]
    read: dict[str, int] = {}
    for node in queries.table_nodes(query):
        read.setdefault(queries.full_name(node), line_of(node))
    for name, line in read.items():
        if name not in inspection.read.names:
            yield Finding(path, line, f"table {name} does not exist", choose(name, inspection.read.names))
        elif name not in table.inputs:
            fix = f"add `{name}:` to the inputs in {document.path.name}"
            yield Finding(path, line, f"the query reads {name}, which is no input", fix)
    for name in table.inputs:
        if name not in read:
            message = f"input {name} is not read by {path.name}"
            yield document.finding(("inputs", name), message, "remove it, or read it in the query")


def _outputs(table: Table, query: ReadQuery) -> Iterator[Finding]:
    contract, path = table.contract, table.sql_path or table.contract.path
    made, helpers = engine_columns(table), helper_columns(table)
    missing = [name for name in contract.column_names if name not in query.outputs and name not in made]
    for name in missing:
        fix = f"select it in {path.name}, or remove it from the contract"
        message = f"column `{name}` is in the contract, but {path.name} does not give it"
        yield Finding(contract.path, contract.column(name).line, message, fix)
    for name, count in Counter(query.outputs).items():
        line = query.output_line(name)
        if count > 1:
            yield Finding(path, line, f"the query gives `{name}` {count} times", "keep one, or rename the others")
        if (name in METADATA_COLUMNS and name != SOURCE_ORDER) or name in made:
            yield Finding(path, line, f"`{name}` is filled by the engine", "leave it out of the query")
        elif name not in (*contract.column_names, *helpers, SOURCE_ORDER):
            near = close_match(name, missing)
            fix = f"did you mean `{near}`?" if near else f"leave it out, or add it to {contract.path.name}"
            yield Finding(path, line, f"the query gives `{name}`, which the contract lacks", fix)
