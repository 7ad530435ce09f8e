"""Parquet files on one side, PostgreSQL's CSV on the other; every value comes through as it was.

PostgreSQL's CSV tells NULL (nothing) from an empty string (`""`), spells NaN and infinity, and quotes what needs it;
the session's DateStyle is ISO. As in Redshift, COPY of Parquet is by position and strict about kinds of types.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from sandbox.services.redshift.sql import CommandError, Copy, Unload

if TYPE_CHECKING:
    from s3fs import S3FileSystem

BATCH_ROWS = 50_000
PARSE_BYTES = 8 * 1024 * 1024
NUMERIC = 1700
TIMESTAMP = 1114
ARROW_TYPES = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    700: pa.float32(),
    701: pa.float64(),
    1042: pa.string(),
    1043: pa.string(),
    1082: pa.date32(),
    TIMESTAMP: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
    3802: pa.string(),
}


@dataclass(frozen=True)
class Column:
    """A column of a result as PostgreSQL describes it: name, type's object id, type modifier."""

    name: str
    oid: int
    modifier: int

    def arrow_type(self) -> pa.DataType:
        """The type of its values in Parquet. Raises CommandError where Redshift or Parquet has none."""
        if self.oid == NUMERIC:
            if self.modifier < 0:
                raise CommandError(f'column "{self.name}" is numeric without a precision: cast it to numeric(p, s)')
            return pa.decimal128((self.modifier - 4) >> 16, (self.modifier - 4) & 0xFFFF)
        if self.oid not in ARROW_TYPES:
            raise CommandError(f'column "{self.name}" has a type that cannot be unloaded to Parquet (oid {self.oid})')
        return ARROW_TYPES[self.oid]


def source_files(store: S3FileSystem, command: Copy) -> list[str]:
    """The files that a COPY names, by prefix or manifest. Raises CommandError when there are none."""
    if not command.manifest:
        folder, stem = command.uri.rsplit("/", 1)
        found = store.find(folder, prefix=stem, detail=True)
        files = [path for path, details in found.items() if details["size"]]
        if not files:
            raise CommandError(f"The specified S3 prefix '{command.uri}' does not exist")
        return files
    try:
        entries = json.loads(store.cat_file(command.uri))["entries"]
        listed = [(e["url"], bool(e.get("mandatory", False)), int(e["meta"]["content_length"])) for e in entries]
    except FileNotFoundError as error:
        raise CommandError(f"The specified manifest '{command.uri}' does not exist") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"The manifest '{command.uri}' is not as COPY of Parquet wants it: "
            f'{{"entries": [{{"url": "s3://…", "mandatory": true, "meta": {{"content_length": n}}}}]}} ({error!r})'
        ) from error
    return [url for url, mandatory, size in listed if _is_there(store, url, mandatory, size)]


def _is_there(store: S3FileSystem, url: str, mandatory: bool, size: int) -> bool:
    try:
        found = store.info(url)["size"]
    except FileNotFoundError:
        if mandatory:
            raise CommandError(f"Mandatory file '{url}' of the manifest does not exist") from None
        return False
    if found != size:
        raise CommandError(f"File '{url}' has {found} bytes, the manifest says {size}")
    return True


def csv_of_file(store: S3FileSystem, path: str, columns: Sequence[Column]) -> Iterator[bytes]:
    """A Parquet file as CSV text in pieces. Raises CommandError when it does not fit the columns."""
    with store.open(path, "rb") as source:
        try:
            file = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        except pa.ArrowInvalid as error:
            raise CommandError(f"Invalid Parquet file {path}: {error}") from error
        schema = _fitting(path, file.schema_arrow, columns)
        for batch in file.iter_batches(BATCH_ROWS):
            buffer = io.BytesIO()
            table = pa.Table.from_batches([batch]).cast(schema)
            pc.write_csv(table, buffer, pc.WriteOptions(include_header=False, quoting_style="needed"))
            yield buffer.getvalue()


def _fitting(path: str, schema: pa.Schema, columns: Sequence[Column]) -> pa.Schema:
    if len(schema) != len(columns):
        raise CommandError(
            f"Spectrum Scan Error: {path} has {len(schema)} columns, the table {len(columns)}: COPY is by position"
        )
    fields = []
    for found, column in zip(schema, columns, strict=True):
        wanted = column.arrow_type()
        if _kind(found.type) != _kind(wanted):
            raise CommandError(
                f"Spectrum Scan Error: {path} has an incompatible Parquet schema for column {column.name}: "
                f"{found.name} is {found.type}, the table's type {wanted}"
            )
        # A Parquet instant lands in TIMESTAMP as its UTC reading.
        fields.append(found.with_type(pa.timestamp("us") if column.oid == TIMESTAMP else found.type))
    return pa.schema(fields)


def _kind(kind: pa.DataType) -> str:
    tests = {
        "integer": pa.types.is_integer,
        "float": pa.types.is_floating,
        "decimal": pa.types.is_decimal,
        "text": lambda found: pa.types.is_string(found) or pa.types.is_large_string(found),
        "timestamp": pa.types.is_timestamp,
    }
    return next((name for name, test in tests.items() if test(kind)), str(kind))


@dataclass
class ParquetSink:
    """Takes the rows of an UNLOAD as CSV lines and writes Parquet files below the command's prefix."""

    store: S3FileSystem
    command: Unload
    columns: Sequence[Column]
    rows: int = 0
    files: list[dict[str, Any]] = field(default_factory=list)
    _lines: list[bytes] = field(default_factory=list)
    _pending: int = 0
    _output: Any = None
    _writer: pq.ParquetWriter | None = None
    _file_rows: int = 0

    def prepare(self) -> None:
        """Makes room at the destination, or raises CommandError."""
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise CommandError("UNLOAD: column names of the query are not unique")
        folder, stem = self.command.uri.rsplit("/", 1)
        found = self.store.find(folder, prefix=stem)
        if found and self.command.clean:
            self.store.rm(found)
        elif found and not self.command.overwrite:
            raise CommandError(
                "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually "
                "removing the target files in S3, or using the ALLOWOVERWRITE option."
            )

    def add(self, lines: list[bytes]) -> bool:
        """Takes rows; true when enough have come together for `flush`."""
        self._lines += lines
        self._pending += sum(map(len, lines))
        return self._pending >= PARSE_BYTES

    def flush(self) -> None:
        """Writes the rows that have come together. Raises CommandError on a value that Parquet has no place for."""
        if not self._lines:
            return
        table = self._parse(b"".join(self._lines))
        self._lines.clear()
        self._pending = 0
        if self._writer is None:
            self._output = self.store.open(self._path(), "wb")
            self._writer = pq.ParquetWriter(self._output, table.schema, compression="snappy")
        self._writer.write_table(table)
        self._file_rows += table.num_rows
        if self._output.tell() >= self.command.file_bytes:
            self._close_file()

    def finish(self) -> None:
        """Writes what is left, and the manifest when one was asked for."""
        self.flush()
        self._close_file()
        if self.command.manifest:
            self.store.pipe_file(f"{self.command.uri}manifest", json.dumps({"entries": self.files}).encode())

    def _close_file(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        size = self._output.tell()
        self._output.close()
        meta = {"content_length": size, "record_count": self._file_rows}
        self.files.append({"url": self._path(), "meta": meta})
        self.rows += self._file_rows
        self._writer, self._output, self._file_rows = None, None, 0

    def _path(self) -> str:
        number = len(self.files)
        name = f"{number:04d}_part_00.parquet" if self.command.parallel else f"{number:03d}.parquet"
        return f"{self.command.uri}{name}"

    def _parse(self, lines: bytes) -> pa.Table:
        types = {column.name: column.arrow_type() for column in self.columns}
        try:
            return pc.read_csv(
                pa.BufferReader(lines),
                pc.ReadOptions(column_names=list(types), block_size=2 * len(lines) + 1),
                pc.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                pc.ConvertOptions(
                    column_types=types,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    true_values=["t"],
                    false_values=["f"],
                ),
            )
        except pa.ArrowInvalid as error:
            raise CommandError(f"UNLOAD: a value does not go into Parquet: {error}") from error
