"""What lint looks at: the tables as far as they can be read, and their queries with resolved columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidemark.config.environment import Environment, load_environment
from tidemark.config.project import ReadTables, Table, read_tables
from tidemark.errors import ConfigError, Finding
from tidemark.sql import queries as sqltext
from tidemark.sql.queries import SqlError
from tidemark.sql.tracing.columns import ReadQuery, Schema, read_query
from tidemark.sql.types import METADATA_COLUMNS


@dataclass(frozen=True)
class Inspection:
    """A configuration folder under the glass; `environment` is None where it cannot be read."""

    read: ReadTables
    environment: Environment | None
    schema: Schema
    queries: Mapping[str, ReadQuery]
    findings: tuple[Finding, ...]

    def written(self, table: Table) -> frozenset[str] | None:
        """The columns that are there when a table is written: the contract's and its query's.

        None where that cannot be said: the query cannot be read, or is Python.
        """
        query = self.queries.get(table.name)
        if query is None and table.layer != "bronze":
            return None
        return frozenset((*table.contract.column_names, *(query.outputs if query else ())))


def inspect(folder: Path, env: str) -> Inspection:
    """Reads environment, tables and queries; raises `ConfigError` when there is no such environment."""
    findings: list[Finding] = []
    environment = None
    try:
        environment = load_environment(folder, env)
    except ConfigError as error:
        if not error.findings:
            raise
        findings += error.findings
    read = read_tables(folder)
    schema = {name: _columns(table) for name, table in read.tables.items()}
    queries: dict[str, ReadQuery] = {}
    for name, table in read.tables.items():
        if table.sql is None:
            continue
        try:
            query = sqltext.parse(table.sql)
            if set(sqltext.tables_read(query)) <= set(schema):
                queries[name] = read_query(query, schema)
        except SqlError as error:
            fix = "write one Spark SQL query: SELECT … FROM layer.table"
            path = table.sql_path or table.contract.path
            findings.append(Finding(path, error.line, f"the query of {name} {error.message}", fix))
    return Inspection(read, environment, schema, queries, tuple(findings))


def engine_columns(table: Table) -> frozenset[str]:
    """The contract's columns that the engine makes, not the query: those of a history."""
    write = table.load.write
    return frozenset(write.made) if write.mode == "scd2" else frozenset()


def helper_columns(table: Table) -> frozenset[str]:
    """The columns that the engine only uses to write: they may be in the query and need not be in the contract."""
    return frozenset(table.load.write.helpers)


def _columns(table: Table) -> dict[str, str]:
    return {column.name: column.type for column in table.contract.columns} | dict(METADATA_COLUMNS)
