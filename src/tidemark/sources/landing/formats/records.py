"""Records of text files as raw bytes, and their text: what is not validly encoded is told apart, never patched up.

Spark's own readers put U+FFFD where bytes do not decode. Here records stay bytes until they are decoded and encoded
again: where that does not give the same bytes, the record is corrupt, and is kept as ISO-8859-1, which has a character
for every byte, so that nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.config.csvformat import BYTE_FOR_BYTE
from tidemark.rows import ORDER, ORIGIN, own
from tidemark.rows.order import at_line, place_of_file
from tidemark.sources.staged import file_options, file_origin

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.sources.watermark import SourceFile

RAW = own("raw")
TEXT = own("text")
VALID = own("valid")
BOM = "\ufeff"
# Spark 4 raises where bytes do not decode, and takes few encodings: here such bytes are told by coming back as others.
_LENIENT = ("spark.sql.legacy.codingErrorAction", "spark.sql.legacy.javaCharsets")


def lines(spark: SparkSession, files: Sequence[SourceFile], line_end: str = "\n") -> DataFrame:
    """`_origin`, the order and `_raw` (binary): one row for each line, in files of any size."""
    paths = [file.path for file in files]
    frame = spark.read.options(**file_options(paths), lineSep=line_end).text(paths)
    order = at_line(place_of_file()).alias(ORDER)
    return frame.select(file_origin().alias(ORIGIN), order, F.col("value").cast("binary").alias(RAW))


def documents(spark: SparkSession, files: Sequence[SourceFile]) -> DataFrame:
    """`_origin`, the order (the file's place) and `_raw` (binary): one row for each file, which must fit in memory."""
    paths = [file.path for file in files]
    frame = spark.read.options(**file_options(paths)).text(paths, wholetext=True)
    place = place_of_file().alias(ORDER)
    return frame.select(file_origin().alias(ORIGIN), place, F.col("value").cast("binary").alias(RAW))


def decoded(records: DataFrame, encoding: str) -> DataFrame:
    """`as_text`, without a BOM before and a `\\r` behind each record."""
    text = as_text(records, encoding)
    without_mark = F.when(F.col(VALID), without_bom(F.col(TEXT))).otherwise(F.col(TEXT))
    return text.withColumn(TEXT, without_mark).withColumn(TEXT, F.expr(f"rtrim('\\r', {TEXT})"))


def as_text(records: DataFrame, encoding: str) -> DataFrame:
    """`_raw` becomes `_text` and `_valid`: it is what the bytes say."""
    if encoding.upper() in ("UTF-8", "UTF8"):
        checked = records.withColumn(TEXT, F.col(RAW).cast("string")).withColumn(VALID, F.is_valid_utf8(TEXT))
    elif encoding == BYTE_FOR_BYTE:
        return records.withColumn(TEXT, as_characters(F.col(RAW))).withColumn(VALID, F.lit(True)).drop(RAW)
    else:
        checked = _decoded_leniently(records, encoding)
    lossless = F.when(F.col(VALID), F.col(TEXT)).otherwise(as_characters(F.col(RAW)))
    return checked.withColumn(TEXT, lossless).drop(RAW)


def as_characters(raw: Column) -> Column:
    """Raw bytes as one character each, in which separators, quotes and line ends are what they are."""
    return F.decode(raw, BYTE_FOR_BYTE)


def as_raw(characters: Column) -> Column:
    """The bytes that `as_characters` was given."""
    return F.encode(characters, BYTE_FOR_BYTE)


def _decoded_leniently(records: DataFrame, encoding: str) -> DataFrame:
    """The text in any of Java's encodings. What the settings say when it is composed stays with the expression."""
    conf = records.sparkSession.conf
    before = {name: conf.get(name) for name in _LENIENT}
    for name in _LENIENT:
        conf.set(name, "true")
    try:
        text = records.withColumn(TEXT, F.decode(RAW, encoding))
        return text.withColumn(VALID, F.encode(TEXT, encoding) == F.col(RAW))
    finally:
        for name, value in before.items():
            conf.set(name, value or "false")


def without_bom(text: Column) -> Column:
    """The text behind a byte order mark, or all of it."""
    return F.when(text.startswith(BOM), F.substr(text, F.lit(2))).otherwise(text)
