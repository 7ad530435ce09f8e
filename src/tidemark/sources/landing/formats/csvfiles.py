"""CSV files as RFC 4180 has them, and the dialects that a load file declares: columns meet by name, in any order.

The driver reads the header of every file, and files with the same columns are read together. Files are cut into records
by one expression (`CsvFormat.record`), and records into values by Spark's parser. A file of moderate size is one
document, so that its first record is known from any other that looks like it; a large one is read line by line, in many
tasks, unless that would read something else. All columns are text; an empty value is null and `""` is not.

Corrupt are rows with more or fewer values than the header, with a value in a column behind the last name, with a quote
that is never closed (the file was cut off) or goes on behind its end, and with bytes that are not in the encoding. So
is every record of a file whose header is of no use. The origin of a corrupt record is `file#number`, where the number
is known: the header is number 1, so it is the line unless a value before it holds line breaks.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.config.csvformat import BYTE_FOR_BYTE, UTF8
from tidemark.rows import CORRUPT, ORDER, ORIGIN, own
from tidemark.rows.order import at_position
from tidemark.sources.landing.compression import codec_of
from tidemark.sources.landing.formats.csvheader import Head, read_head
from tidemark.sources.landing.formats.records import (
    RAW,
    TEXT,
    VALID,
    as_characters,
    as_raw,
    as_text,
    documents,
    lines,
    without_bom,
)
from tidemark.sources.landing.listing import UnreadableError, Verdict
from tidemark.sources.staged import location, union

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.config.csvformat import CsvFormat
    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

DOCUMENT_BYTES = 16 * 1024 * 1024
"""A file that is not larger is read as one document."""

_PACKED = 8  # how much larger the content of a compressed file is thought to be
_LARGEST_DOCUMENT = 1024 * 1024 * 1024
_MOST_COLUMNS = 20_480
# Characters that mean an end to Spark's parser, and what stands for each while it is at work.
_ENDS = {"\x00": f"\ufdd1{uuid.uuid4().hex}", "\uffff": f"\ufdd2{uuid.uuid4().hex}"}
_NO_VALUE = f"\x00{uuid.uuid4().hex}"  # an empty value while Spark's parser is at work: nobody can have written it
_MARK = "\u00ef\u00bb\u00bf"  # the byte order mark of UTF-8, a character each
_NUMBER = own("number")
_RECORD = own("record")
_PARSED = own("parsed")
_HAS_END = own("has_end")
_WHOLE = own("whole")


@dataclass(frozen=True)
class _Kind:
    """What files that are read together have in common; `line` and `line_end` of those that are read by lines."""

    names: tuple[str, ...] | None
    records: int
    encoding: str
    line: str | None = None
    line_end: str = "\n"


def read_csv(
    spark: SparkSession,
    landing: Landing,
    files: Sequence[SourceFile],
    form: CsvFormat,
    columns: Callable[[SourceFile], Collection[str]],
    may_show: bool = True,
) -> tuple[DataFrame, list[str]]:
    """The rows of the files as text columns with `_origin` and `_corrupt_record`, and what to tell about the files.

    `columns` are those that the contract expects in a file, by the source's names and in its order; `may_show`: its
    values are not personal.
    """
    heads = landing.each(
        files, lambda file: read_head(partial(landing.head, file), form, columns(file), may_show=may_show)
    )
    notices = []
    for file, head in zip(files, heads, strict=True):
        if head.names is None:
            notices.append(f"{file.path}: {head.reason}; each of its records goes to the error lane")
    groups: dict[_Kind, list[SourceFile]] = defaultdict(list)
    for file, kind in _kinds(spark, dict(zip(files, heads, strict=True)), form).items():
        groups[kind].append(file)
    frames = [
        _rows(_whole(spark, group, kind, form) if kind.line is None else _by_lines(spark, group, kind), kind, form)
        for kind, group in groups.items()
    ]
    return union(frames), notices


def _kinds(spark: SparkSession, heads: Mapping[SourceFile, Head], form: CsvFormat) -> dict[SourceFile, _Kind]:
    """How each file is read. Raises `UnreadableError` for one that is too large to be read as it would have to be."""
    large = {file: head for file, head in heads.items() if file.size > _most_bytes(file)}
    divisible = {file: head for file, head in large.items() if _has_lines(head, form)}
    unsuited = _unsuited(spark, divisible, form)
    by_lines = {file for file in divisible if location(file.path) not in unsuited}
    too_large = [file for file in large if file not in by_lines and file.size > _LARGEST_DOCUMENT]
    if too_large:
        reason = "its values hold line breaks (or its encoding hides them), and it is larger than 1 GiB: divide it"
        raise UnreadableError({file: Verdict("broken", reason) for file in too_large})
    return {
        file: _Kind(head.names, head.records, head.encoding, head.line, head.line_end)
        if file in by_lines
        else _Kind(head.names, head.records, head.encoding)
        for file, head in heads.items()
    }


def _most_bytes(file: SourceFile) -> int:
    return DOCUMENT_BYTES if codec_of(file.path) is None else DOCUMENT_BYTES // _PACKED


def _has_lines(head: Head, form: CsvFormat) -> bool:
    """Whether lines of the file can be told apart by bytes, and its header from them."""
    if not form.is_bytewise or head.names is None:
        return form.is_bytewise
    return head.is_first_line if form.header else not head.marked


def _unsuited(spark: SparkSession, heads: Mapping[SourceFile, Head], form: CsvFormat) -> frozenset[str]:
    """The files in which a record is no line: values or line ends differ, or a row looks like the header."""
    groups: dict[str, list[SourceFile]] = defaultdict(list)
    for file, head in heads.items():
        groups[head.line_end].append(file)
    found: set[str] = set()
    seen = form.as_bytes
    for line_end, group in groups.items():
        line, other = as_characters(F.col(RAW)), "\r" if line_end == "\n" else "\n"
        text = F.rtrim(line, F.lit("\r")) if line_end == "\n" else line
        is_comment = text.startswith(seen.comment) if seen.comment else F.lit(False)
        is_open = F.contains(text, F.lit(seen.quote)) & text.rlike(seen.left_open) if seen.quote else F.lit(False)
        other_end = F.contains(text, F.lit(other)) | line.endswith("\r\r")
        written = {heads[file].line for file in group if heads[file].line}
        headers = [mark + header for header in written for mark in ("", _MARK)]
        judged = lines(spark, group, line_end).select(
            ORIGIN,
            (other_end | (~is_comment & is_open & F.lit(form.multi_line))).alias(_WHOLE),
            (text.isin(headers) & F.lit(form.header)).alias(_RECORD),
        )
        odd = judged.groupBy(ORIGIN).agg(F.max(_WHOLE).alias(_WHOLE), F.count_if(F.col(_RECORD)).alias(_RECORD))
        rows = odd.where(F.col(_WHOLE) | (F.col(_RECORD) > 1)).select(ORIGIN).collect()
        found |= {location(row[ORIGIN]) for row in rows}
    return frozenset(found)


def _by_lines(spark: SparkSession, files: Sequence[SourceFile], kind: _Kind) -> DataFrame:
    """One record a line, without the header; `_number` is not known."""
    records = lines(spark, files, kind.line_end)
    if kind.line and kind.records:
        header = kind.line.encode(BYTE_FOR_BYTE)
        marked = _MARK.encode(BYTE_FOR_BYTE) + header
        written = [each + end for each in (header, marked) for end in (b"", b"\r")]
        records = records.where(~F.col(RAW).isin([F.lit(bytearray(each)) for each in written]))
    text = as_text(records, kind.encoding)
    if kind.line_end == "\n":
        text = text.withColumn(TEXT, F.rtrim(F.col(TEXT), F.lit("\r")))
    return text.withColumn(_NUMBER, F.lit(None).cast("int"))


def _whole(spark: SparkSession, files: Sequence[SourceFile], kind: _Kind, form: CsvFormat) -> DataFrame:
    """The records of documents, without those up to the header, and their numbers from 1."""
    contents = documents(spark, files)
    if not form.is_bytewise:
        decoded = as_text(contents, kind.encoding)
        records = _cut(decoded, F.when(F.col(VALID), without_bom(F.col(TEXT))), form, unreadable=F.col(TEXT))
        text = records.withColumnsRenamed({_RECORD: TEXT, _WHOLE: VALID})
    else:
        bytewise = as_characters(F.col(RAW))
        if kind.encoding == UTF8:
            string = F.col(RAW).cast("string")
            whole = contents.withColumn(VALID, F.is_valid_utf8(string))
            bytewise = F.when(bytewise.startswith(_MARK), F.substr(bytewise, F.lit(4))).otherwise(bytewise)
            content = F.when(F.col(VALID), without_bom(string)).otherwise(bytewise)
        else:
            whole, content = contents.withColumn(VALID, F.lit(False)), bytewise
        records = _cut(whole, content, form.as_bytes)
        raw = F.when(F.col(_WHOLE), F.col(_RECORD).cast("binary")).otherwise(as_raw(F.col(_RECORD)))
        text = as_text(records.select(ORIGIN, ORDER, _NUMBER, raw.alias(RAW)), kind.encoding)
    return text.where(F.col(_NUMBER) > kind.records)


def _cut(whole: DataFrame, content: Column, form: CsvFormat, unreadable: Column | None = None) -> DataFrame:
    """`_record` and `_number` of each record, `_whole`: the document that it is from was valid."""
    records = F.regexp_extract_all(content, F.lit(rf"\G{form.record}"), F.lit(1))
    if unreadable is not None:
        records = F.when(F.col(VALID), records).otherwise(F.array(unreadable))
    numbered = whole.select(ORIGIN, ORDER, F.col(VALID).alias(_WHOLE), F.posexplode(records).alias(_NUMBER, _RECORD))
    ordered = numbered.withColumn(ORDER, at_position(F.col(ORDER), F.col(_NUMBER)))
    return ordered.withColumn(_NUMBER, F.col(_NUMBER) + 1)


def _rows(records: DataFrame, kind: _Kind, form: CsvFormat) -> DataFrame:
    """Columns of text under their names; a corrupt record has only its raw text."""
    if form.comment:
        records = records.where(~F.col(TEXT).startswith(form.comment))
    is_blank = F.col(TEXT) == ""
    numbered = F.when(F.col(_NUMBER).isNotNull(), F.concat(ORIGIN, F.lit("#"), _NUMBER)).otherwise(F.col(ORIGIN))
    if kind.names is None:
        return records.where(~is_blank).select(F.col(TEXT).alias(CORRUPT), numbered.alias(ORIGIN), ORDER)
    if len(kind.names) > 1:
        records = records.where(~is_blank)
    positions = [f"c{position}" for position in range(len(kind.names))]
    marked = records.withColumn(_HAS_END, reduce(or_, (F.contains(TEXT, F.lit(end)) for end in _ENDS)))
    parsed = marked.withColumn(_PARSED, _parsed(positions, form))
    has_values = F.col(_PARSED).isNotNull() & F.col(_PARSED)[CORRUPT].isNull()
    is_corrupt = ~F.col(VALID) | ~(is_blank | has_values)
    if form.quote:
        is_corrupt = is_corrupt | (F.contains(TEXT, F.lit(form.quote)) & ~F.col(TEXT).rlike(form.well_formed))
    for position, name in zip(positions, kind.names, strict=True):
        if not name:
            is_corrupt = is_corrupt | F.coalesce(F.col(_PARSED)[position] != "", F.lit(False))
    judged = parsed.select(ORIGIN, ORDER, _NUMBER, _HAS_END, F.when(is_corrupt, F.col(TEXT)).alias(CORRUPT), _PARSED)
    is_good = F.col(CORRUPT).isNull()
    values = [
        _value(F.when(is_good, F.col(_PARSED)[position]), form).alias(name)
        for position, name in zip(positions, kind.names, strict=True)
        if name
    ]
    return judged.select(*values, CORRUPT, F.when(is_good, F.col(ORIGIN)).otherwise(numbered).alias(ORIGIN), ORDER)


def _parsed(positions: Sequence[str], form: CsvFormat) -> Column:
    """A struct of the values, null where there are more than Spark's parser takes."""
    schema = ", ".join(f"{name} string" for name in (*positions, CORRUPT))
    most = max(_MOST_COLUMNS, len(positions) + 1)
    options = {
        "sep": "\\\\" if form.separator == "\\" else form.separator,
        "quote": form.quote,  # none is the zero byte to Spark, of which there is none left
        "escape": form.escape if form.quote else "",
        "nullValue": _NO_VALUE,
        "emptyValue": "",
        "maxColumns": str(most),
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": CORRUPT,
    }
    masked = F.col(TEXT)
    for end, mask in _ENDS.items():
        masked = F.replace(masked, F.lit(end), F.lit(mask))
    text = F.when(F.col(_HAS_END), masked).otherwise(F.col(TEXT))
    separators = F.length(text) - F.length(F.replace(text, F.lit(form.separator), F.lit("")))
    return F.when((F.length(text) < most) | (separators < most), F.from_csv(text, schema, options))


def _value(value: Column, form: CsvFormat) -> Column:
    unmasked = value
    for end, mask in _ENDS.items():
        unmasked = F.replace(unmasked, F.lit(mask), F.lit(end))
    value = F.when(F.col(_HAS_END), unmasked).otherwise(value)
    return F.when(~value.isin(list(form.null_values)), value) if form.null_values else value
