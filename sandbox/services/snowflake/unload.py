"""`COPY INTO 's3://…' FROM (SELECT …) FILE_FORMAT = (TYPE = PARQUET)`: a query streamed into Parquet files.

Options: HEADER (FALSE names the columns `_COL_0`, …), OVERWRITE, SINGLE, MAX_FILE_SIZE (bytes, default 16 MB),
DETAILED_OUTPUT, INCLUDE_QUERY_ID, STORAGE_INTEGRATION (ignored); FILE_FORMAT takes TYPE = PARQUET and COMPRESSION =
SNAPPY, AUTO or NONE. Files are named as Snowflake names them; an empty result writes none. As in the real warehouse
time zones do not go into Parquet, and files that exist are an error without OVERWRITE, which replaces files of the same
name and leaves others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from fakesnow.transforms.options import parse_options
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from s3fs import S3FileSystem

BATCH_ROWS = 50_000
DEFAULT_FILE_BYTES = 16 * 1024 * 1024
COMPRESSIONS = {"SNAPPY": "snappy", "AUTO": "snappy", "NONE": "none"}
SWITCHES = ("HEADER", "OVERWRITE", "SINGLE", "DETAILED_OUTPUT", "INCLUDE_QUERY_ID")


@dataclass(frozen=True)
class UnloadedFile:
    """One file written: its name below the location, bytes and rows."""

    name: str
    size: int
    rows: int


@dataclass(frozen=True)
class Unload:
    """One unload statement, its inner query already in DuckDB's dialect."""

    location: str
    query: Expr
    switches: frozenset[str]
    file_bytes: int
    compression: str

    @staticmethod
    def matches(expression: Expr) -> bool:
        """Whether the statement copies into a location, not into a table."""
        if not isinstance(expression, exp.Copy) or not isinstance(expression.this, exp.Table):
            return False
        target = expression.this.this
        return isinstance(target, exp.Literal) or (isinstance(target, exp.Var) and target.name.startswith("@"))

    @classmethod
    def from_expression(cls, copy: Expr) -> Unload:
        """Reads the statement's options. Raises ProgrammingError on what is not supported."""
        location = copy.this.this.name
        if not location.startswith("s3://"):
            raise _refused(f"COPY INTO {location}: only 's3://…' locations can be unloaded to", errno=2, state="0A000")
        source = copy.args["files"][0]
        query = source.this if isinstance(source, exp.Subquery) else exp.select("*").from_(source)
        switches: set[str] = set()
        file_bytes, compression = DEFAULT_FILE_BYTES, ""
        for param in copy.args.get("params") or []:
            name, value = param.this.name.upper(), param.args.get("expression")
            if name in SWITCHES:
                if _is_true(value):
                    switches.add(name)
            elif name == "FILE_FORMAT":
                compression = _compression(parse_options(param.expressions))
            elif name == "MAX_FILE_SIZE":
                file_bytes = int(value.name)
            elif name != "STORAGE_INTEGRATION":
                raise _refused(f"COPY INTO <location> … {name}: not supported by the stand-in", errno=2, state="0A000")
        if not compression:
            raise _refused("COPY INTO <location>: the stand-in unloads FILE_FORMAT = (TYPE = PARQUET) only", 2, "0A000")
        return cls(location, query, frozenset(switches), file_bytes, compression)

    def run(self, duck: DuckDBPyConnection, store: S3FileSystem, params: Any) -> Expr:
        """Writes the files; gives a SELECT of the answer that Snowflake gives to the statement."""
        folder, stem = self.location.rsplit("/", 1)
        if "OVERWRITE" not in self.switches and store.find(folder, prefix=stem):
            raise _refused(
                f"Files already existing at the unload destination: {self.location}. "
                "Use overwrite option to force unloading.",
                errno=1030,
                state="22000",
            )
        # A relation streams; the result of `execute` would be held whole.
        reader = duck.sql(self.query.sql(dialect="duckdb"), params=params).to_arrow_reader(BATCH_ROWS)
        with closing(reader):
            files = list(self._write(_storable(reader.schema), reader, store))
        return _answer(files, detailed="DETAILED_OUTPUT" in self.switches)

    def _write(self, schema: pa.Schema, reader: pa.RecordBatchReader, store: S3FileSystem) -> Iterator[UnloadedFile]:
        names = schema.names if "HEADER" in self.switches else [f"_COL_{index}" for index in range(len(schema))]
        header = pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
        tables = (pa.Table.from_batches([batch]).cast(schema).rename_columns(names) for batch in reader)
        batches = (table for table in tables if table.num_rows)
        table = next(batches, None)
        for number in count():
            if table is None:
                return
            path = self._path(number)
            rows = 0
            with store.open(path, "wb") as sink:
                with pq.ParquetWriter(sink, header, compression=self.compression) as writer:
                    while table is not None and (rows == 0 or self._has_room(sink.tell())):
                        writer.write_table(table)
                        rows += table.num_rows
                        table = next(batches, None)
                size = sink.tell()
            yield UnloadedFile(path.removeprefix(self.location), size, rows)

    def _has_room(self, size: int) -> bool:
        return "SINGLE" in self.switches or size < self.file_bytes

    def _path(self, number: int) -> str:
        if "SINGLE" in self.switches and not self.location.endswith("/"):
            return self.location
        suffix = {"snappy": ".snappy.parquet"}.get(self.compression, ".parquet")
        stem = "data_" if self.location.endswith("/") else "_"
        return f"{self.location}{stem}0_{number}_0{suffix}"


def _refused(message: str, errno: int, state: str) -> ProgrammingError:
    return ProgrammingError(msg=message, errno=errno, sqlstate=state)


def _is_true(value: Expr | None) -> bool:
    return isinstance(value, exp.Boolean) and bool(value.this)


def _compression(options: dict[str, Any]) -> str:
    kind, name = str(options.get("TYPE", "CSV")).upper(), str(options.get("COMPRESSION", "AUTO")).upper()
    if kind != "PARQUET":
        raise _refused(f"COPY INTO <location>: the stand-in unloads TYPE = PARQUET, not {kind}", errno=2, state="0A000")
    if name not in COMPRESSIONS or (unknown := options.keys() - {"TYPE", "COMPRESSION", "SNAPPY_COMPRESSION"}):
        what = f"COMPRESSION = {name}" if name not in COMPRESSIONS else ", ".join(sorted(unknown))
        raise _refused(f"COPY INTO <location>: FILE_FORMAT option {what} is not supported", errno=2, state="0A000")
    return COMPRESSIONS[name]


def _storable(schema: pa.Schema) -> pa.Schema:
    """The schema of the files. Raises ProgrammingError on types that Parquet unloads do not take."""
    fields = []
    for field in schema:
        kind = field.type
        if pa.types.is_timestamp(kind):
            if kind.tz is not None:
                message = "Error encountered when unloading to PARQUET: TIMESTAMP_TZ and LTZ types are not supported"
                raise _refused(f"{message} for unloading to Parquet (column {field.name})", errno=394, state="0A000")
            kind = pa.timestamp("us")
        elif pa.types.is_nested(kind) or pa.types.is_null(kind):
            raise _refused(f"unload of column {field.name} of type {kind}: cast it", errno=2, state="0A000")
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _answer(files: list[UnloadedFile], *, detailed: bool) -> Expr:
    if detailed:
        columns = ("FILE_NAME", "FILE_SIZE", "ROW_COUNT")
        rows = exp.values([(file.name, file.size, file.rows) for file in files] or [("", 0, 0)], "f", columns)
        return exp.select("*").from_(rows).where(exp.column("ROW_COUNT") > 0)
    size = exp.Literal.number(sum(file.size for file in files))
    counts = {"rows_unloaded": exp.Literal.number(sum(file.rows for file in files)), "input_bytes": size}
    return exp.select(
        *(value.as_(name, quoted=True) for name, value in (counts | {"output_bytes": size.copy()}).items())
    )
