"""The queries and checks that ship in `config/`, run over a handful of literal rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from tidemark.compile.schema import METADATA_COLUMNS, spark_schema
from tidemark.config.project import Project
from tidemark.sql import queries


@dataclass(frozen=True)
class Queries:
    """One project over the rows that a test gives; a table that was given none is empty."""

    spark: SparkSession
    project: Project

    def give(self, name: str, *rows: Mapping[str, Any]) -> None:
        """Makes `rows` the content of a table; columns that a row leaves out are null."""
        schema = spark_schema(self.project.table(name).contract)
        for field in METADATA_COLUMNS.fields:
            schema = schema.add(field)
        unknown = {column for row in rows for column in row} - set(schema.fieldNames())
        assert not unknown, f"{name} has no column {unknown}"
        values = [tuple(row.get(column) for column in schema.fieldNames()) for row in rows]
        self.spark.createDataFrame(values, schema).createOrReplaceTempView(queries.view_name(name))

    def frame(self, name: str) -> DataFrame:
        """What the query of a table gives."""
        return self._select(self.project.table(name).sql or "")

    def rows(self, name: str) -> list[dict[str, Any]]:
        """What the query of a table gives, as dicts in the order of the table's keys."""
        keys = self.project.table(name).load.write.keys
        return [row.asDict() for row in self.frame(name).orderBy(*keys).collect()]

    def row(self, name: str) -> dict[str, Any]:
        """The one row that the query of a table gives."""
        (row,) = self.rows(name)
        return row

    def check(self, name: str, check: str) -> Any:
        """The number that a SQL check of a table gives."""
        (found,) = [each for each in self.project.table(name).contract.checks if each.name == check]
        return self._select((found.query or "").replace("{object}", name)).collect()[0][0]

    def _select(self, sql: str) -> DataFrame:
        read = queries.tables_read(queries.parse(sql))
        given = {row.viewName for row in self.spark.sql("SHOW VIEWS").collect()}
        for name in read:
            if queries.view_name(name) not in given:
                self.give(name)
        return self.spark.sql(queries.bind(sql, {name: queries.view_name(name) for name in read}))


def at(text: str) -> datetime:
    """`03-01 10:00` in 2025."""
    return datetime.fromisoformat(f"2025-{text}")


def day(text: str) -> date:
    """`03-01` in 2025."""
    return date.fromisoformat(f"2025-{text}")


def part(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    """The values of some columns of a row."""
    return tuple(row[name] for name in names)


def line(order_id: str, number: int = 1, **values: Any) -> dict[str, Any]:
    """An order line of one euro on Monday 2025-03-03."""
    return {
        "order_id": order_id,
        "line_number": number,
        "customer_id": "CUST-000001",
        "product_id": "PRD-00001",
        "status": "placed",
        "quantity": 1,
        "unit_price": Decimal("1.00"),
        "discount": Decimal("0.0000"),
        "currency": "EUR",
        "ordered_at": at("03-03 10:00"),
        "order_date": day("03-03"),
        "updated_at": at("03-03 10:00"),
        "is_deleted": False,
    } | values
