"""Runs the tests of a table's query: over the given rows it must give the expected ones.

What is tested is the query, or the transform, as it stands: not masks and histories, which the engine makes of its
rows. Both sides are cast to the contract's types, so that `10` and `10.00` are one amount.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructType
from sqlglot import exp

from tidemark.config.cases import load_cases, path_of
from tidemark.config.definition import transform_of
from tidemark.errors import ConfigError, choose
from tidemark.rows import quoted
from tidemark.spark.relations import query_over
from tidemark.sql import queries
from tidemark.sql.types import FRACTIONS, METADATA_COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.cases import Case
    from tidemark.config.files.yamltext import Document, Where
    from tidemark.config.project import Project, Table

Row = tuple[str | None, ...]
_NESTED = (ArrayType, MapType, StructType)


@dataclass(frozen=True)
class Outcome:
    """What came of one test: rows that were expected and did not come, rows that came and were not expected.

    `error`: the query could not be computed over what was given.
    """

    table: str
    name: str
    columns: tuple[str, ...] = ()
    missing: tuple[Row, ...] = ()
    unexpected: tuple[Row, ...] = ()
    error: str | None = None

    @property
    def passed(self) -> bool:
        return not self.missing and not self.unexpected and self.error is None


def outcomes(project: Project, spark: SparkSession, table: str) -> tuple[Outcome, ...]:
    """What comes of the tests of a table; raises `ConfigError` where their file is not valid."""
    cases, document = load_cases(path_of(project.config_dir, table))
    tested = project.table(table)
    if not tested.inputs:
        raise ConfigError(f"{table} has no query to test", next_step=f"remove {document.path}")
    return tuple(
        _outcome(project, spark, tested, case, document, ("tests", position))
        for position, case in enumerate(cases.tests)
    )


def _outcome(
    project: Project, spark: SparkSession, table: Table, case: Case, document: Document, where: Where
) -> Outcome:
    _refuse_unread(table, case)
    inputs = {
        name: _given(spark, project.table(name), case.given.get(name, ()), document, (*where, "given", name))
        for name in table.inputs
    }
    try:
        frame = _computed(spark, table, inputs)
        columns = case.columns or tuple(field.name.lower() for field in frame.schema.fields)
        types = _types(table, frame, columns)
        expected = _typed(spark, case.expect, columns, types, document, (*where, "expect"))
        wanted = _rows(expected, columns, types)
        found = _rows(frame, columns, types)
    except PySparkException as wrong:
        return Outcome(table.name, case.name, error=str(wrong).split("\n")[0])
    missing, unexpected = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    return Outcome(table.name, case.name, columns, tuple(missing.elements()), tuple(unexpected.elements()))


def _refuse_unread(table: Table, case: Case) -> None:
    for name in case.given:
        if name not in table.inputs:
            raise ConfigError(f"{table.name} does not read {name}", next_step=choose(name, table.inputs))


def _computed(spark: SparkSession, table: Table, inputs: Mapping[str, DataFrame]) -> DataFrame:
    if table.load.transform:
        return transform_of(table)(inputs)
    names = {name: queries.view_name(name) for name in inputs}
    sql = queries.bind(table.sql or "", names)
    return query_over(spark, sql, {names[name]: frame for name, frame in inputs.items()})


def _given(
    spark: SparkSession, table: Table, rows: Sequence[Mapping[str, Any]], document: Document, where: Where
) -> DataFrame:
    """Rows of an input, of its contract's types; what they do not say is null."""
    types = {column.name: column.type for column in table.contract.columns} | dict(METADATA_COLUMNS)
    for row in rows:
        for name in row:
            if name not in types:
                raise ConfigError(f"{table.name} has no column `{name}`", next_step=choose(name, types))
    return _typed(spark, rows, tuple(types), types, document, where)


def _types(table: Table, frame: DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """The contract's type of each column that is compared, or the query's own."""
    known = {column.name: column.type for column in table.contract.columns}
    given = {field.name.lower(): field.dataType for field in frame.schema.fields}
    for name in columns:
        if name not in given:
            raise ConfigError(f"the query of {table.name} gives no column `{name}`", next_step=choose(name, given))
    return {
        name: "string" if isinstance(given[name], _NESTED) else known.get(name, given[name].simpleString())
        for name in columns
    }


def _typed(
    spark: SparkSession,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    types: Mapping[str, str],
    document: Document,
    where: Where,
) -> DataFrame:
    """Rows as they are written in the file, cast to types."""
    texts = [
        [_literal(row.get(name), document.text((*where, position, name))) for name in columns]
        for position, row in enumerate(rows)
    ]
    values = ", ".join(f"({', '.join(row)})" for row in texts or [["NULL"] * len(columns)])
    names = ", ".join(f"`{name}`" for name in columns)
    casts = ", ".join(f"CAST(`{name}` AS {types[name]}) AS `{name}`" for name in columns)
    return spark.sql(f"SELECT {casts} FROM VALUES {values} AS given({names}){'' if rows else ' WHERE false'}")


def _literal(value: Any, written: str | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | dict):
        return exp.Literal.string(json.dumps(value)).sql(dialect=queries.DIALECT)
    text = str(value).lower() if isinstance(value, bool) else (written if written is not None else str(value))
    return exp.Literal.string(text).sql(dialect=queries.DIALECT)


def _rows(frame: DataFrame, columns: Sequence[str], types: Mapping[str, str]) -> list[Row]:
    """The rows as text; a test's rows are few, and are compared here."""
    given = {field.name.lower(): field for field in frame.schema.fields}
    shown = []
    for name in columns:
        field = given[name]
        value = F.to_json(quoted(field.name)) if isinstance(field.dataType, _NESTED) else quoted(field.name)
        typed = value.cast(types[name])  # as text from here on: an instant would be shown by this machine's clock
        shown.append((typed if types[name] in FRACTIONS else typed.cast("string")).alias(name))
    return [tuple(_text(value) for value in row) for row in frame.select(*shown).collect()]


def _text(value: Any) -> str | None:
    """A value as people read it; of a float as many digits as are surely right."""
    if value is None:
        return None
    return f"{value:.12g}" if isinstance(value, float) else str(value)
