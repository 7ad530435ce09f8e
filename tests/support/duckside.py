"""Sides of a reconciliation in DuckDB: the SQL that warehouses get, run in this process."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from tidemark.reconcile.dialects import Kind, RedshiftDialect
from tidemark.reconcile.sides import Answers, Field, Side


class DuckDialect(RedshiftDialect):
    """DuckDB: like Redshift, but for functions that it does not have."""

    title = "DuckDB"

    def number(self, text: str) -> str:
        return f"CAST(('0x' || SUBSTR(MD5({text}), 18)) AS BIGINT)"

    def date(self, value: str) -> str:
        return f"STRFTIME({value}, '%Y-%m-%d')"

    def instant(self, value: str, kind: Kind) -> str:
        return f"STRFTIME(CAST({value} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f')"


class Queries:
    """One DuckDB, and what it was asked."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.asked: list[str] = []
        self.answers: list[Answers] = []

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def ask(self, sql: str) -> Answers:
        self.asked.append(sql)
        self.answers.append(list(self.connection.execute(sql).fetchall()))
        return self.answers[-1]

    def side(self, relation: str, columns: Sequence[tuple[str, Kind]], keys: Sequence[str]) -> Side:
        fields = [Field(name, name, kind, kind) for name, kind in columns]
        return Side(DuckDialect(), relation, fields, keys, self.ask)
