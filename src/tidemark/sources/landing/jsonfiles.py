"""JSON files: JSON Lines, or documents (an array of objects, or one object over several lines).

All columns are text, nested values are JSON text, a key that only some objects have is a column all the same. The keys
are learned in a pass of their own, by Spark. A line or document that is no JSON, is cut off, is followed by something
else or holds bytes that are not UTF-8 is corrupt as a whole: half of a document is no batch.

JSON numbers are read as doubles, as the standard expects: decimals with more than 15 digits belong in strings.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from tidemark.errors import ConfigError, choose
from tidemark.rows import CORRUPT, ORDER, ORIGIN, own
from tidemark.rows.order import at_position
from tidemark.sources.landing.records import TEXT, VALID, decoded, documents, lines
from tidemark.sources.staged import refuse_own_names, union

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

_HEAD_BYTES = 64 * 1024
_OBJECT = "map<string, string>"
_RECORD = own("record")
_NUMBER = own("number")
_OPTIONS = ("multiLine",)


def whole_documents(options: Mapping[str, Any], table: str) -> bool | None:
    """The option `multiLine`: each file is one document (True) or JSON Lines (False); None: look at each file."""
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise ConfigError(f"{table}: JSON files have no option `{unknown[0]}`", next_step=choose(unknown[0], _OPTIONS))
    return options.get("multiLine")


def read_json(
    spark: SparkSession, landing: Landing, files: Sequence[SourceFile], whole: bool | None
) -> tuple[DataFrame, list[str]]:
    """The objects of the files as text columns with `_origin` and `_corrupt_record`, and what to tell of the files."""
    if whole is None:
        kinds = landing.each(files, lambda file: is_document(landing.head(file, _HEAD_BYTES)))
    else:
        kinds = [whole] * len(files)
    groups: dict[bool, list[SourceFile]] = defaultdict(list)
    for file, kind in zip(files, kinds, strict=True):
        groups[kind].append(file)
    objects = union(
        [
            _of_documents(documents(spark, group)) if kind else _of_lines(lines(spark, group))
            for kind, group in sorted(groups.items())
        ]
    )
    keys = [row[0] for row in objects.select(F.explode(F.map_keys(_RECORD))).distinct().collect()]
    refuse_own_names(keys, landing.table, landing.location)
    columns = [
        F.coalesce(*(F.col(_RECORD)[key] for key in variants)).alias(variants[0] or "_") for variants in _columns(keys)
    ]
    return objects.select(*columns, CORRUPT, ORIGIN, ORDER), []


def is_document(head: bytes) -> bool:
    """Whether a file that begins with `head` is one JSON document; else it is JSON Lines.

    It is one when it begins with an array, or with an object that goes on in a second line that starts no object.
    """
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    if not text.startswith("{"):
        return text.startswith("[")
    first, _, rest = text.partition("\n")
    return not _is_json(first) and bool(rest.strip()) and not rest.lstrip().startswith("{")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _of_lines(raw: DataFrame) -> DataFrame:
    """`_record` (a map of text, null when corrupt), `_corrupt_record`, `_origin` and the order.

    Spark's parser stops at the end of the first value: inside brackets, what follows it is an error.
    """
    records = decoded(raw, "UTF-8").where(F.trim(TEXT) != "")
    values = F.from_json(F.concat(F.lit("["), TEXT, F.lit("]")), f"array<{_OBJECT}>")
    parsed = records.withColumn("_values", F.when(F.col(VALID), values))
    record = F.when(F.size("_values") == 1, F.col("_values")[0])
    return parsed.withColumn(_RECORD, record).select(
        _RECORD, F.when(F.col(_RECORD).isNull(), F.col(TEXT)).alias(CORRUPT), ORIGIN, ORDER
    )


def _of_documents(raw: DataFrame) -> DataFrame:
    """As `_of_lines`, with a row for each object of a document's array; null in an array is a corrupt record."""
    records = decoded(raw, "UTF-8").where(F.trim(TEXT) != "")
    bracketed = F.concat(F.lit("["), TEXT, F.lit("]"))
    arrays = F.from_json(bracketed, f"array<array<{_OBJECT}>>")
    objects = F.from_json(bracketed, f"array<{_OBJECT}>")
    is_array = F.regexp_extract(TEXT, r"^\s*(.)", 1) == "["
    parsed = (
        records.withColumn("_arrays", F.when(F.col(VALID) & is_array, arrays))
        .withColumn("_objects", F.when(F.col(VALID) & ~is_array, objects))
        .withColumn(
            "_values",
            F.when(F.size("_arrays") == 1, F.col("_arrays")[0]).when(F.size("_objects") == 1, F.col("_objects")),
        )
    )
    whole = parsed.select(ORIGIN, ORDER, F.when(F.col("_values").isNull(), F.col(TEXT)).alias("_whole"), "_values")
    one_each = whole.select(
        ORIGIN,
        ORDER,
        "_whole",
        F.size("_values").alias("_size"),
        F.posexplode_outer("_values").alias(_NUMBER, _RECORD),
    )
    corrupt = F.coalesce(F.col("_whole"), F.when(F.col(_RECORD).isNull(), F.lit("null")))
    is_empty_array = F.coalesce(F.col("_size") == 0, F.lit(False))
    order = at_position(F.col(ORDER), F.coalesce(F.col(_NUMBER), F.lit(0))).alias(ORDER)
    return one_each.where(~is_empty_array).select(_RECORD, corrupt.alias(CORRUPT), ORIGIN, order)


def _columns(keys: Iterable[str]) -> list[list[str]]:
    """The keys that make one column each: Spark's names know no case."""
    by_folded: dict[str, list[str]] = defaultdict(list)
    for key in sorted(keys):
        by_folded[key.lower()].append(key)
    return list(by_folded.values())
