"""A silver or gold table to be, from its query: the columns that Spark says it gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql.types import ArrayType, MapType, NullType, StructType, TimestampNTZType
from sqlglot import exp

from tidemark.compile.schema import METADATA_COLUMNS, spark_schema
from tidemark.config.contract import LAYERS, Contract
from tidemark.config.contract import Column as ContractColumn
from tidemark.config.contract.properties import NAME
from tidemark.config.files.yamltext import read_text
from tidemark.config.load import Load
from tidemark.config.project import SQL_SUFFIX, Table
from tidemark.errors import ConfigError, choose
from tidemark.lint.privacy.personal import Sight
from tidemark.sketch.drafts import Column, Draft
from tidemark.sketch.personal import fitting
from tidemark.spark.relations import query_over
from tidemark.sql import queries
from tidemark.sql.types import SIMPLE_TYPES, SOURCE_ORDER, logical_type

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType

_NESTED = (ArrayType, MapType, StructType)
_HINT = "It is computed as a whole whenever an input changes; by what changed: docs/adding-a-table.md, `on`."


def table_of(path: Path, config_dir: Path) -> str:
    """The table whose query a file is; raises `ConfigError` for a file that lies elsewhere."""
    layer, name = path.absolute().parent.name, path.name.removesuffix(SQL_SUFFIX)
    if path.absolute().parent.parent != config_dir.absolute() or layer not in LAYERS[1:] or not NAME.fullmatch(name):
        advice = f"put it where its table is to be: {config_dir}/gold/{name}{SQL_SUFFIX}"
        raise ConfigError(f"{path} is no query of a silver or gold table", next_step=advice)
    return f"{layer}.{name}"


def draft(table: str, path: Path, tables: Mapping[str, Table], spark: SparkSession) -> Draft:
    """The table as its query makes it, computed as a whole.

    Raises `ConfigError` where the query cannot be read, or reads tables that there are not.
    """
    sql = read_text(path)
    try:
        parsed = queries.parse(sql)
    except queries.SqlError as wrong:
        raise ConfigError(f"{path}:{wrong.line}: the query {wrong.message}", next_step="correct it") from None
    inputs = queries.tables_read(parsed)
    for name in inputs:
        if name not in tables:
            raise ConfigError(f"{path} reads {name}, which does not exist", next_step=choose(name, tables))
    if not inputs:
        raise ConfigError(f"{path} reads no table", next_step="write FROM layer.table")
    frame = _empty(sql, {name: tables[name] for name in inputs}, spark, path)
    types = {field.name.lower(): _type(field.dataType) for field in frame if field.name != SOURCE_ORDER}
    odd = [name for name in types if not NAME.fullmatch(name)]
    if odd:
        raise ConfigError(f"{path} gives a column `{odd[0]}`", next_step="give it a name: … AS total")
    known = {column for name in inputs for column in tables[name].contract.column_names}
    grouped = tuple(name for name in _grouped(parsed, known) if name in types)
    load = {"inputs": {name: {"refresh": "full"} for name in inputs}, "write": {"mode": "replace"}}
    masks = _masks(table, sql, types, load, tables, path)
    columns = tuple(Column(name, each, logical_type(each), mask=masks.get(name)) for name, each in types.items())
    return Draft(table, columns, load, f"From the query {path.name}.", (_HINT,), grouped)


def _empty(sql: str, tables: Mapping[str, Table], spark: SparkSession, path: Path) -> StructType:
    """The columns of a query over tables without a row."""
    views = {name: queries.view_name(name) for name in tables}
    schemas = {name: StructType([*spark_schema(table.contract), *METADATA_COLUMNS]) for name, table in tables.items()}
    frames = {views[name]: spark.createDataFrame([], schema) for name, schema in schemas.items()}
    try:
        return query_over(spark, queries.bind(sql, views), frames).schema
    except (AnalysisException, ParseException) as wrong:
        told = str(wrong).split(";")[0].split("\n")[0]
        raise ConfigError(f"{path} is no query that Spark takes: {told}", next_step="correct it") from None


def _type(of: DataType) -> str:
    if isinstance(of, (*_NESTED, NullType)):
        return "string"
    if isinstance(of, TimestampNTZType):
        return "timestamp"
    name = of.simpleString()
    return name if name in SIMPLE_TYPES or name.startswith("decimal") else "string"


def _grouped(query: exp.Query, known: Collection[str]) -> tuple[str, ...]:
    """The columns of the result that rows are grouped by: no two rows have the same values in all of them.

    A name in GROUP BY is that of a column that is read (`known`), where there is one, before it is that of the result:
    `SELECT upper(country) AS country … GROUP BY country` may give a country twice.
    """
    group = query.args.get("group") if isinstance(query, exp.Select) else None
    if group is None or any(group.args.get(each) for each in ("rollup", "cube", "grouping_sets", "all")):
        return ()
    shown = {each.unalias().sql(): each.alias_or_name.lower() for each in query.expressions}
    selected = {each.alias_or_name.lower(): each.unalias() for each in query.expressions}
    names = []
    for each in group.expressions:
        if isinstance(each, exp.Literal) and each.is_int and 0 < int(each.name) <= len(query.expressions):
            names.append(query.expressions[int(each.name) - 1].alias_or_name.lower())
        elif each.sql() in shown:
            names.append(shown[each.sql()])
        elif isinstance(each, exp.Column) and _is_of_result(each, selected, known):
            names.append(each.name.lower())
        else:
            return ()
    return tuple(names)


def _is_of_result(column: exp.Column, selected: Mapping[str, exp.Expr], known: Collection[str]) -> bool:
    """Whether a column of GROUP BY has the values of the result's column of this name."""
    given, name = selected.get(column.name.lower()), column.name.lower()
    if isinstance(given, exp.Column):
        return given.name.lower() == name or name not in known
    return given is not None and name not in known


def _masks(
    table: str, sql: str, types: Mapping[str, str], load: dict[str, Any], tables: Mapping[str, Table], path: Path
) -> dict[str, str]:
    """How each column is masked in which personal data of the inputs can be seen."""
    columns = tuple(ContractColumn(name, each) for name, each in types.items())
    contract = Contract(table, "1.0.0", columns, (), (), None, (), path)
    made = Table(table, contract, Load.model_validate(load), sql, path)
    eye = Sight({**tables, table: made})
    masks = {}
    for column in columns:
        seen = eye.behind(made, column)
        if seen:
            owner, name = min(seen, key=lambda origin: (origin[1] != column.name, origin))
            found = eye.tables[owner].contract.column(name).mask
            masks[column.name] = fitting(found or "redact", column.type)
    return masks
