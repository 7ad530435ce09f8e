"""CSV files with a header line, as RFC 4180 has them: columns meet by name, whatever their order in each file.

Spark reads CSV by position and takes the schema of one file for all. Here the driver reads the header line of every
file, and files with the same header are read together. All columns are text; an empty value is null and `""` is not.
Rows with more or fewer values than the header, with a quote that is never closed (the file was cut off) or with bytes
that are not in the encoding are corrupt. So is every line of a file whose header is of no use.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from tidemark.errors import ConfigError, choose
from tidemark.rows import CORRUPT, ORIGIN, own
from tidemark.sources.landing.records import BYTE_FOR_BYTE, RAW, TEXT, VALID, decoded, documents, lines
from tidemark.sources.staged import refuse_own_names, union

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

_HEAD_BYTES = 64 * 1024
_LONGEST_HEADER = 16 * 1024 * 1024
_NO_VALUE = "\u0000\u0001"  # stands for an empty value while Spark's parser is at work; no text holds it
_OPEN = own("open")
_PARSED = own("parsed")
_OPTIONS = ("header", "sep", "quote", "escape", "encoding", "multiLine")


@dataclass(frozen=True)
class CsvFormat:
    """How the files are written. `multi_line`: values may hold line breaks, which has to be looked for."""

    separator: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "UTF-8"
    multi_line: bool = True

    @classmethod
    def of(cls, options: Mapping[str, Any], table: str) -> CsvFormat:
        """The format that the load file's `options` say, in Spark's words; raises `ConfigError` for any other."""
        unknown = [name for name in options if name not in _OPTIONS]
        if unknown:
            raise ConfigError(
                f"{table}: CSV files have no option `{unknown[0]}`", next_step=choose(unknown[0], _OPTIONS)
            )
        if options.get("header", True) is not True:
            raise ConfigError(
                f"{table}: CSV files without a header line cannot be read by name",
                next_step="have the header line written; `header: false` is not supported",
            )
        given = cls(
            separator=str(options.get("sep", cls.separator)),
            quote=str(options.get("quote", cls.quote)),
            escape=str(options.get("escape", cls.escape)),
            encoding=str(options.get("encoding", cls.encoding)),
            multi_line=bool(options.get("multiLine", cls.multi_line)),
        )
        given._check(table)
        return given

    def _check(self, table: str) -> None:
        for name, value in (("sep", self.separator), ("quote", self.quote), ("escape", self.escape)):
            if len(value) != 1:
                raise ConfigError(f"{table}: the CSV option `{name}` is {value!r}, not one character")
        try:
            line_end = "\n".encode(self.encoding)
        except LookupError:
            raise ConfigError(f"{table}: there is no encoding `{self.encoding}`") from None
        if line_end != b"\n":
            raise ConfigError(
                f"{table}: lines cannot be told apart in the encoding `{self.encoding}`",
                next_step="have the files written in UTF-8",
            )


@dataclass(frozen=True)
class Header:
    """A header: the columns' names (None: of no use, for this `reason`), and its text as it stands in the file."""

    names: tuple[str, ...] | None
    text: str = ""
    reason: str = ""


def read_csv(
    spark: SparkSession, landing: Landing, files: Sequence[SourceFile], form: CsvFormat
) -> tuple[DataFrame, list[str]]:
    """The rows of the files as text columns with `_origin` and `_corrupt_record`, and what to tell about the files."""
    headers = landing.each(files, lambda file: read_header(_bytes_of(landing, file), form))
    broken_lines = _files_with_line_breaks(spark, files, form) if form.multi_line else frozenset()
    groups: dict[tuple[Header, bool], list[SourceFile]] = defaultdict(list)
    notices = []
    for file, header in zip(files, headers, strict=True):
        groups[header, _location(file.path) in broken_lines and header.names is not None].append(file)
        if header.names is None:
            notices.append(f"{file.path}: {header.reason}; each of its lines goes to the error lane")
        else:
            refuse_own_names(header.names, landing.table, file.path)
    frames = []
    for (header, multi_line), group in groups.items():
        records = _assembled(documents(spark, group), form) if multi_line else _lines(spark, group, form)
        frames.append(_rows(decoded(records, form.encoding), header, form))
    return union(frames), notices


def read_header(first_bytes: Callable[[int], bytes], form: CsvFormat) -> Header:
    """The header of a file, of which `first_bytes` gives as many as there are and are asked for."""
    wanted = _HEAD_BYTES
    while True:
        data = first_bytes(wanted)
        is_all = len(data) < wanted
        content = data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
        end = _end_of_record(content.decode(BYTE_FOR_BYTE), form.quote)
        if end is not None or is_all:
            return _parsed_header(content[:end], form)
        if wanted >= _LONGEST_HEADER:
            return Header(None, reason="its header has no end")
        wanted *= 16


def _parsed_header(content: bytes, form: CsvFormat) -> Header:
    try:
        text = content.decode(form.encoding).removesuffix("\r")
    except UnicodeDecodeError:
        return Header(None, reason=f"its header is not {form.encoding}")
    if "\x00" in text:
        return Header(None, text, "its header is not text (or not in the encoding it should be)")
    doubled = form.escape == form.quote
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=form.separator,
        quotechar=form.quote,
        doublequote=doubled,
        escapechar=None if doubled else form.escape,
    )
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as failure:
        return Header(None, text, f"its header cannot be read ({failure})")
    named = tuple(name or f"_c{position}" for position, name in enumerate(names))
    folded = [name.lower() for name in named]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        return Header(None, text, f"two columns of its header are called {twice[0]}")
    return Header(named, text) if any(names) else Header(None, text, "it has no header")


def _end_of_record(text: str, quote: str) -> int | None:
    """Where the first line break outside quotes is."""
    inside = False
    for match in re.finditer(f"[\n{re.escape(quote)}]", text):
        if match[0] == quote:
            inside = not inside
        elif not inside:
            return match.start()
    return None


def _bytes_of(landing: Landing, file: SourceFile) -> Callable[[int], bytes]:
    return lambda wanted: landing.bytes(file, 0, wanted)


def _rows(records: DataFrame, header: Header, form: CsvFormat) -> DataFrame:
    """Columns of text under their names; a corrupt record has only its raw text."""
    records = records.where(F.col(TEXT) != "")
    if header.names is None:
        return records.select(F.col(TEXT).alias(CORRUPT), ORIGIN)
    records = records.where(~F.col(VALID) | (F.col(TEXT) != header.text))
    positions = [f"c{position}" for position in range(len(header.names))]
    schema = ", ".join(f"{name} string" for name in (*positions, CORRUPT))
    options = {
        "sep": form.separator,
        "quote": form.quote,
        "escape": form.escape,
        "nullValue": _NO_VALUE,
        "emptyValue": "",
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": CORRUPT,
    }
    parsed = records.select(ORIGIN, TEXT, VALID, _OPEN, F.from_csv(F.col(TEXT), schema, options).alias(_PARSED))
    is_corrupt = ~F.col(VALID) | F.col(_OPEN) | F.col(_PARSED)[CORRUPT].isNotNull()
    judged = parsed.select(ORIGIN, F.when(is_corrupt, F.col(TEXT)).alias(CORRUPT), _PARSED)
    values = [
        F.when(F.col(CORRUPT).isNull(), F.col(_PARSED)[position]).alias(name)
        for position, name in zip(positions, header.names, strict=True)
    ]
    return judged.select(*values, CORRUPT, ORIGIN)


def _lines(spark: SparkSession, files: Sequence[SourceFile], form: CsvFormat) -> DataFrame:
    """One record a line; `_open`: it ends inside a quoted value."""
    return lines(spark, files).withColumn(_OPEN, _leaves_open(_as_characters(), form))


def _files_with_line_breaks(spark: SparkSession, files: Sequence[SourceFile], form: CsvFormat) -> frozenset[str]:
    """The files in which a quoted value goes on in the next line. (Or would, had the file not been cut off.)"""
    open_lines = lines(spark, files).where(_leaves_open(_as_characters(), form))
    return frozenset(_location(row[ORIGIN]) for row in open_lines.select(ORIGIN).distinct().collect())


def _assembled(files: DataFrame, form: CsvFormat) -> DataFrame:
    """Records of files in which values hold line breaks: lines from where a quote opens to where it closes, joined."""
    exploded = files.select(ORIGIN, F.posexplode(F.split(_as_characters(), "\n")).alias("_line_number", "_line"))
    turned = exploded.withColumn("_turn", _turns(F.col("_line"), form).cast("int"))
    before = Window.partitionBy(ORIGIN).orderBy("_line_number")
    turns = F.coalesce(F.sum("_turn").over(before.rowsBetween(Window.unboundedPreceding, -1)), F.lit(0))
    numbered = turned.withColumn("_starts", (turns % 2 == 0).cast("int"))
    numbered = numbered.withColumn("_record_number", F.sum("_starts").over(before))
    parts = F.sort_array(F.collect_list(F.struct("_line_number", "_line")))
    joined = numbered.groupBy(ORIGIN, "_record_number").agg(
        F.array_join(F.transform(parts, lambda part: part["_line"]), "\n").alias("_record"),
        (F.sum("_turn") % 2 == 1).alias(_OPEN),
    )
    return joined.select(ORIGIN, F.encode("_record", BYTE_FOR_BYTE).alias(RAW), _OPEN)


def _as_characters() -> Column:
    """Raw bytes as one character each, in which separators, quotes and line ends are what they are."""
    return F.decode(RAW, BYTE_FOR_BYTE)


def _leaves_open(line: Column, form: CsvFormat) -> Column:
    """Whether a line that starts outside quotes ends inside: its last quote opens a value."""
    bare = _without_escaped(line, form)
    quote, separator = re.escape(form.quote), re.escape(form.separator)
    return _has_odd_quotes(bare, form) & bare.rlike(f"(^|{separator}){quote}[^{quote}]*$")


def _turns(line: Column, form: CsvFormat) -> Column:
    """Whether a line ends on the other side of a quote than it starts: it opens a value, or closes one.

    A stray quote inside a value without quotes does neither.
    """
    bare = _without_escaped(line, form)
    quote, separator = re.escape(form.quote), re.escape(form.separator)
    closes = bare.rlike(f"^[^{quote}]*{quote}({separator}|\\r?$)")
    return _has_odd_quotes(bare, form) & (_leaves_open(line, form) | closes)


def _without_escaped(line: Column, form: CsvFormat) -> Column:
    return F.replace(line, F.lit(form.escape + form.quote), F.lit(""))


def _has_odd_quotes(bare: Column, form: CsvFormat) -> Column:
    return (F.length(bare) - F.length(F.replace(bare, F.lit(form.quote), F.lit("")))) % 2 == 1


def _location(path: str) -> str:
    """A path in one form: Spark writes local ones as `file:/…`."""
    return re.sub(r"^file:/+", "/", path)
