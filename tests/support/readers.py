"""Readers of Delta tables that are not Spark, delta-rs and DuckDB, and what they are asked and should answer."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[2]
Rows = Counter[str]
FILE = "_file_of_the_row"
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, wanted: found == wanted,
    ">": lambda found, wanted: found > wanted,
    "<=": lambda found, wanted: found <= wanted,
}


@dataclass(frozen=True)
class Filter:
    """A condition on one column; `value` is as in an `Answer`: instants are microseconds, dates are days."""

    column: str
    operator: str
    type: str = ""
    value: Any = None

    def holds(self, found: Any) -> bool:
        if self.operator == "IS NULL":
            return found is None
        if self.operator == "IS NOT NULL":
            return found is not None
        return found is not None and COMPARED[self.operator](_order(found), _order(self.value))

    def sql(self, dialect: Dialect) -> str:
        compared = f" {dialect.literal(self.type, self.value)}" if self.type else ""
        return f"{dialect.quote}{self.column}{dialect.quote} {self.operator}{compared}"


def _order(value: Any) -> Any:
    """Spark's order, and SQL's mostly: NaN is above all numbers."""
    return (math.isnan(value), 0 if math.isnan(value) else value) if isinstance(value, float) else value


@dataclass(frozen=True)
class Dialect:
    """How a reader's SQL writes what is not the same in all of them."""

    quote: str
    date: str
    timestamp: str
    binary: str
    number: str

    def literal(self, type_: str, value: Any) -> str:
        if type_ == "string":
            return "'" + str(value).replace("'", "''") + "'"
        if type_ in ("date", "timestamp"):
            return {"date": self.date, "timestamp": self.timestamp}[type_].format(value)
        if type_ == "binary":
            return self.binary.format(value.hex())
        if type_ in ("float", "double"):
            return self.number.format(value=value, type=type_, arrow={"float": "Float32", "double": "Float64"}[type_])
        if type_.startswith("decimal"):
            return self.number.format(value=f"{value:f}", type=type_, arrow=type_.replace("decimal", "Decimal128"))
        return str(value)


SPARK = Dialect("`", "date_from_unix_date({})", "timestamp_micros({})", "X'{}'", "CAST('{value}' AS {type})")
DELTA_RS = Dialect(
    '"',
    "arrow_cast(arrow_cast({}, 'Int32'), 'Date32')",
    """arrow_cast({}, 'Timestamp(Microsecond, Some("UTC"))')""",
    "X'{}'",
    "arrow_cast('{value}', '{arrow}')",
)
DUCKDB = Dialect(
    '"',
    "(DATE '1970-01-01' + {})",
    "make_timestamp({})::TIMESTAMPTZ",
    "from_hex('{}')",
    "CAST('{value}' AS {type})",
)


class Answer:
    """Rows as plain Python values: days for dates, microseconds for instants."""

    def __init__(self, table: pa.Table) -> None:
        self.columns = list(table.column_names)
        values = [_plain(column).to_pylist() for column in table.columns]
        self.rows = list(zip(*values, strict=True))

    def of(self, column: str) -> list[Any]:
        at = self.columns.index(column)
        return [row[at] for row in self.rows]

    def where(self, condition: Filter | None) -> Iterator[int]:
        """The numbers of the rows for which it holds."""
        if condition is None:
            yield from range(len(self.rows))
        else:
            yield from (number for number, value in enumerate(self.of(condition.column)) if condition.holds(value))

    def counted(self) -> Rows:
        return Counter(map(repr, self.rows))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date(column.type) else column


def versions(table: str) -> list[int]:
    return sorted(int(file.stem) for file in Path(table, "_delta_log").glob("*.json") if file.stem.isdigit())


def conditions(types: dict[str, str], answer: Answer, places: Sequence[float]) -> Iterator[Filter]:
    """For every column: nulls, and comparisons with values of it, from these places of all in their order (0 to 1)."""
    for column, type_ in types.items():
        yield Filter(column, "IS NULL")
        yield Filter(column, "IS NOT NULL")
        if type_.startswith(("struct", "array", "map")):
            continue
        # NaN is asked for by `>`. Literals have no -0.0: delta-kernel reads that bound as 0.0, which is above it.
        values = {_without_sign(value) for value in answer.of(column) if value is not None and value == value}
        ordered = sorted(values)
        for value in {ordered[round(place * (len(ordered) - 1))] for place in places} if ordered else ():
            operators = ("=",) if type_ in ("boolean", "binary") else COMPARED
            yield from (Filter(column, operator, type_, value) for operator in operators)


def _without_sign(value: Any) -> Any:
    return 0.0 if isinstance(value, float) and value == 0 else value


@dataclass(frozen=True, eq=False)
class Asked:
    """A condition on one version of a table, Spark's rows for it, and the names of the files where they lie."""

    table: str
    version: int
    condition: Filter | None
    expected: Rows
    files: frozenset[str]


def asked(spark: SparkSession, table: str, places: Sequence[float] = (0, 0.5, 1)) -> Iterator[Asked]:
    """Every version of the table, whole and by each condition. The rows are Spark's of the whole version."""
    for version in versions(table):
        frame = spark.read.format("delta").option("versionAsOf", version).load(table)
        located = frame.withColumn(FILE, F.col("_metadata.file_name")).toArrow()
        files = [unquote(name) for name in located[FILE].to_pylist()]
        answer = Answer(located.drop_columns([FILE]))
        for condition in (None, *conditions(dict(frame.dtypes), answer, places)):
            rows = list(answer.where(condition))
            held = Counter(repr(answer.rows[at]) for at in rows)
            yield Asked(table, version, condition, held, frozenset(files[at] for at in rows))


def _query(each: Asked, dialect: Dialect) -> str:
    return "SELECT * FROM t" + (f" WHERE {each.condition.sql(dialect)}" if each.condition else "")


def by_spark(spark: SparkSession, questions: Sequence[Asked]) -> Iterator[Rows]:
    for each in questions:
        frame = spark.read.format("delta").option("versionAsOf", each.version).load(each.table)
        wanted = frame.where(each.condition.sql(SPARK)) if each.condition else frame
        yield Answer(wanted.toArrow()).counted()


def by_delta_rs(questions: Sequence[Asked]) -> Iterator[Rows]:
    for (table, version), those in groupby(questions, key=lambda each: (each.table, each.version)):
        builder = QueryBuilder().register("t", DeltaTable(table, version=version))
        for each in those:
            yield Answer(pa.table(builder.execute(_query(each, DELTA_RS)).read_all())).counted()


def by_duckdb(python: Path, folder: Path, questions: Sequence[Asked]) -> Iterator[Rows]:
    """By the DuckDB of `python`'s environment, which leaves its answers in `folder`."""
    queries = [{"table": each.table, "version": each.version, "sql": _query(each, DUCKDB)} for each in questions]
    command = [str(python), str(ROOT / "tests" / "support" / "duckdb_queries.py"), str(folder)]
    subprocess.run(command, input=json.dumps(queries), check=True, text=True, timeout=300)
    for number in range(len(queries)):
        with pa.memory_map(str(folder / f"{number}.arrow")) as file:
            yield Answer(pa.ipc.open_file(file).read_all()).counted()


def install_duckdb(folder: Path) -> Path:
    """The Python of a new environment with the locked DuckDB and its delta extension: not the DuckDB of the others."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python), "--require-hashes"]
    subprocess.run([*install, "-r", str(ROOT / "requirements" / "duckdb.txt")], check=True)
    return python


def unlike(questions: Sequence[Asked], answers: Iterator[Rows]) -> list[str]:
    """The questions to which the answers are not Spark's rows."""
    return [
        f"{each.table} at {each.version}, {each.condition}: {dict(found - each.expected)} too many, "
        f"{dict(each.expected - found)} missing"
        for each, found in zip(questions, answers, strict=True)
        if found != each.expected
    ]
