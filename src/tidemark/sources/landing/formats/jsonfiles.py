"""JSON files: JSON Lines, or documents (an array of objects, or objects that go over several lines).

All columns are text: strings by their content, numbers as they are written, nested values as JSON. A key that only some
objects have is a column all the same. The keys are learned in a pass of their own, by Spark. A line or document that is
no JSON, is cut off, is followed by something else or holds bytes that are not UTF-8 is corrupt as a whole: half of a
document is no batch. So is an object with a key twice, or with keys that Spark's names, which know no case, cannot tell
apart: which of the values is meant nobody knows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compile import jsontext
from tidemark.rows import CORRUPT, ORDER, ORIGIN, own
from tidemark.rows.order import at_position
from tidemark.sources.landing.compression import is_packed
from tidemark.sources.landing.formats.records import TEXT, VALID, decoded, documents, lines
from tidemark.sources.landing.onetype import AsTyped
from tidemark.sources.staged import folded, is_own_name, union

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

_HEAD_BYTES = 64 * 1024
_LARGEST_REREAD = 64 * 1024 * 1024  # bytes of a file that is read as a document although it begins with lines
_RECORD = own("record")
_GIVEN = own("given_text")
_FOUND = own("found")
# How the later lines of an object begin that goes over several.
_GOES_ON = r'^\s*[\]},"]'
_NAMED = 3
_BLANKS = " \t\r\n"
_LONGEST_WORD = 8  # characters of `false`, or of an escape, that the end of a head may cut


def read_json(
    spark: SparkSession,
    landing: Landing,
    files: Sequence[SourceFile],
    whole: bool | None,
    wanted: AsTyped,
) -> tuple[DataFrame, list[str]]:
    """The objects of the files as text columns with `_origin` and `_corrupt_record`, and what to tell of the files.

    `whole` is the option `multiLine`: each file is a document (True) or JSON Lines (False); None: look at each file.
    `wanted` gives the contract's type of a key, None for one that it does not know.
    """
    told: list[str] = []
    kinds = dict.fromkeys(files, bool(whole))
    if whole is not None:
        # Spark unpacks by the name alone, and finds nothing in some files that are not what it says.
        landing.each([file for file in files if is_packed(file.path)], lambda file: landing.head(file, 1))
    else:
        looks = landing.each(files, lambda file: is_document(landing.head(file, _HEAD_BYTES)))
        kinds = dict(zip(files, looks, strict=True))
    keys, mixed = _keys_and_mixed(spark, kinds, wanted)
    if mixed and whole is None:
        found, told = _documents_after_all(spark, kinds, mixed)
        if found:
            kinds |= dict.fromkeys(found, True)
            keys, _ = _keys_and_mixed(spark, kinds, wanted)
    return _as_columns(_objects(spark, kinds, exact=True), keys), told


def is_document(head: bytes) -> bool:
    """Whether a file that begins with `head` is a JSON document; else it is JSON Lines.

    It is one when it begins with an array, or with an object that goes on behind its first line.
    """
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    if not text.startswith("{"):
        return text.startswith("[")
    first, _, rest = text.partition("\n")
    if _problem(first) is None or not rest.strip():
        return False
    at = _problem(text)
    goes_on = at is None or (len(head) >= _HEAD_BYTES and at >= len(text) - _LONGEST_WORD)
    return goes_on or not rest.lstrip().startswith("{")


def _problem(text: str) -> int | None:
    """Where the text stops being the beginning of one JSON value; None when it holds a whole one."""
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as broken:
        return len(text) if broken.msg.startswith("Unterminated string") else broken.pos
    except RecursionError:
        return len(text)
    return None


def _objects(spark: SparkSession, kinds: Mapping[SourceFile, bool], *, exact: bool) -> DataFrame:
    """A row for each object: its map of text (null when corrupt), the text it was read from, and `_origin`."""
    groups: dict[bool, list[SourceFile]] = defaultdict(list)
    for file, is_whole in kinds.items():
        groups[is_whole].append(file)
    frames = []
    if groups[False]:
        frames.append(_of_lines(lines(spark, groups[False]), exact))
    if groups[True]:
        frames.append(_of_documents(documents(spark, groups[True]), exact))
    return union(frames)


def _of_lines(raw: DataFrame, exact: bool) -> DataFrame:
    records = decoded(raw, "UTF-8").where(F.btrim(TEXT, F.lit(_BLANKS)) != "")
    record = F.when(F.col(VALID), jsontext.parsed_object(F.col(TEXT), exact=exact))
    return records.select(record.alias(_RECORD), F.col(TEXT).alias(_GIVEN), ORIGIN, ORDER)


def _of_documents(raw: DataFrame, exact: bool) -> DataFrame:
    """A row for each object of a document; null in an array is a corrupt record."""
    records = decoded(raw, "UTF-8").where(F.btrim(TEXT, F.lit(_BLANKS)) != "")
    values, size, number = own("values"), own("size"), own("number")
    parsed = records.select(ORIGIN, ORDER, TEXT, F.when(F.col(VALID), _objects_in(F.col(TEXT), exact)).alias(values))
    # Decided before the document is taken apart, so that none of its objects carries the whole of it along.
    known = parsed.select(
        ORIGIN,
        ORDER,
        F.when(F.col(values).isNull(), F.col(TEXT)).alias(_GIVEN),
        F.size(values).alias(size),
        F.col(values),
    )
    one_each = known.select(ORIGIN, ORDER, _GIVEN, size, F.posexplode_outer(values).alias(number, _RECORD))
    is_empty_array = F.coalesce(F.col(size) == 0, F.lit(False))
    order = at_position(F.col(ORDER), F.coalesce(F.col(number), F.lit(0))).alias(ORDER)
    return one_each.where(~is_empty_array).select(_RECORD, _GIVEN, ORIGIN, order)


def _objects_in(document: Column, exact: bool) -> Column:
    is_array = F.regexp_extract(document, r"^\s*(.)", 1) == "["
    array, objects = (parse(document, exact=exact) for parse in (jsontext.parsed_array, jsontext.parsed_objects))
    return F.when(is_array, array).otherwise(objects)


def _keys_and_mixed(
    spark: SparkSession, kinds: Mapping[SourceFile, bool], wanted: AsTyped
) -> tuple[list[str], list[str]]:
    """The keys of all objects, and the files with lines that look like later lines of an object.

    Where every file has lines, a quick look at the outermost keys will do, as long as the contract knows them all: it
    also sees those of lines that turn out to be corrupt.
    """
    if not any(kinds.values()):
        text = decoded(lines(spark, list(kinds)), "UTF-8")
        # The quick look takes no number of more than 1,000 digits, and gives up its object.
        slow = F.map_keys(jsontext.parsed_object(F.col(TEXT), exact=False))
        keys = F.coalesce(F.json_object_keys(TEXT), slow).alias(_FOUND)
        found, mixed = _found(text.select(keys, F.col(TEXT).alias(_GIVEN), ORIGIN))
        if all(wanted(name) is not None for name in found):
            return found, mixed
    objects = _objects(spark, kinds, exact=False)
    return _found(objects.select(F.map_keys(_RECORD).alias(_FOUND), _GIVEN, ORIGIN))


def _found(objects: DataFrame) -> tuple[list[str], list[str]]:
    goes_on = F.when(F.col(_GIVEN).rlike(_GOES_ON), F.array(F.concat(F.lit(jsontext.MARK), ORIGIN)))
    rows = objects.select(F.explode(F.coalesce(_FOUND, goes_on)).alias(_FOUND)).distinct().collect()
    names = [str(row[0]) for row in rows]
    mixed = [name.removeprefix(jsontext.MARK) for name in names if name.startswith(jsontext.MARK)]
    return [name for name in names if not name.startswith(jsontext.MARK)], mixed


def _documents_after_all(
    spark: SparkSession, kinds: Mapping[SourceFile, bool], mixed: Sequence[str]
) -> tuple[list[SourceFile], list[str]]:
    """Of the files with such lines those that are documents as a whole, and what to tell of the others."""
    asked = [file for file, whole in kinds.items() if not whole and any(each.endswith(file.path) for each in mixed)]
    small = [file for file in asked if file.size <= _LARGEST_REREAD]
    found: list[SourceFile] = []
    if small:
        records = decoded(documents(spark, small), "UTF-8").where(F.col(VALID))
        whole = records.where(_objects_in(F.col(TEXT), exact=False).isNotNull()).select(ORIGIN).collect()
        found = [file for file in small if any(row[0].endswith(file.path) for row in whole)]
    others = [file.path for file in asked if file not in found]
    if not others:
        return found, []
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return found, [
        f"objects over several lines among lines, read line by line (`options: {{multiLine: true}}` reads such files"
        f" as one document each): {', '.join(others[:_NAMED])}{more}"
    ]


def _as_columns(objects: DataFrame, keys: Iterable[str]) -> DataFrame:
    """A column for each key, `_corrupt_record` and `_origin`."""
    columns, reserved = _columns(keys)
    record = F.col(_RECORD)
    several = [variants for variants in columns.values() if len(variants) > 1]
    refused = reduce(
        or_,
        [
            record.isNull(),
            jsontext.has_key_twice(record),
            *(_how_many(record, variants) > 1 for variants in several),
            *(F.map_contains_key(record, key) for key in reserved),
        ],
    )
    given = F.coalesce(_GIVEN, jsontext.shown(record), F.lit("null"))
    told = objects.select(F.when(~refused, record).alias(_RECORD), F.when(refused, given).alias(CORRUPT), ORIGIN, ORDER)
    values = [
        F.coalesce(*(jsontext.value_of(record, key) for key in variants)).alias(name)
        for name, variants in columns.items()
    ]
    return told.select(*values, CORRUPT, ORIGIN, ORDER)


def _columns(keys: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Columns by name, each with the keys that make it (Spark's names know no case), and keys that cannot be one."""
    by_folded: dict[str, list[str]] = defaultdict(list)
    reserved = []
    for key in sorted(keys):
        if is_own_name(key):
            reserved.append(key)
        else:
            by_folded[folded(key or "_")].append(key)
    return {variants[0] or "_": variants for variants in by_folded.values()}, reserved


def _how_many(record: Column, keys: Sequence[str]) -> Column:
    return reduce(lambda left, right: left + right, (F.map_contains_key(record, key).cast("int") for key in keys))
