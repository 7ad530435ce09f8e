"""Folders that say something of the files in them, as Hive and Spark write them: `country=DE/` is a column.

Names and values are URL-encoded there (what is no UTF-8 stays as it is written), and `__HIVE_DEFAULT_PARTITION__` is
null. `dt=YYYY-MM-DD` is the day of a file, and a column only where the contract has it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructType, VariantType

from tidemark.compile.casts import same_value
from tidemark.rows import CORRUPT, ORIGIN, own, quoted
from tidemark.sources.staged import is_own_name

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructField

    from tidemark.sources.watermark import SourceFile

DAY = "dt"
_NULL = "__HIVE_DEFAULT_PARTITION__"
_FOLDER = re.compile(r"([^=/]+)=[^/]*(?=/)")
_NESTED = (ArrayType, MapType, StructType, VariantType)
_NO_CHARACTER = "\ufffd"  # stands in Spark's text for bytes that are no UTF-8
_TOLD = own("told")


def columns_of(path: str, folder: str) -> tuple[str, ...]:
    """The names of the columns that the folders between `folder` and a file give it, in lower case."""
    return tuple(dict.fromkeys(_decoded(key).lower() for key in _FOLDER.findall(_within(path, folder))))


def partition_columns(files: Iterable[SourceFile], folder: str, expected: Collection[str]) -> dict[str, list[str]]:
    """The columns that folders give these files, and how folders spell each (`my col` is `my%20col`, too); `expected`
    are the contract's."""
    known = {name.lower(): name for name in expected}
    keys: dict[str, dict[str, None]] = defaultdict(dict)
    for file in files:
        for key in _FOLDER.findall(_within(file.path, folder)):
            keys[_decoded(key).lower()][key] = None
    return {
        known.get(name, _decoded(next(iter(spelled)))): list(spelled)
        for name, spelled in keys.items()
        if name != DAY or name in known
    }


def with_partitions(frame: DataFrame, folder: str, columns: Mapping[str, Sequence[str]]) -> DataFrame:
    """The rows with the columns of their folders, as text; of corrupt records they are null, like all others.

    Where a file has such a column too, its value has to be the folder's, or null: a row that says something else is a
    corrupt record, because nobody knows which of the two is right. (Not `dt`, which is the day of the file: there the
    file's own value counts.)
    """
    fields = {field.name.lower(): field for field in frame.schema.fields}
    is_good = F.col(CORRUPT).isNull()
    said = {name: F.when(is_good, _value(folder, spelled)) for name, spelled in columns.items()}
    added = {name: value for name, value in said.items() if name.lower() not in fields}
    shared = {
        field.name: _shared(field, said[name]) for name in said if (field := fields.get(name.lower())) is not None
    }
    if not shared:
        return frame.withColumns(added)
    told = frame.withColumn(_TOLD, _complaint(frame, shared))
    is_right = F.col(_TOLD).isNull()
    own_columns = {
        field.name: shared[field.name].value if field.name in shared else quoted(field.name)
        for field in frame.schema.fields
        if not is_own_name(field.name)
    }
    values = [F.when(is_right, value).alias(name) for name, value in (own_columns | added).items()]
    own_values = [quoted(name) for name in frame.columns if is_own_name(name) and name != CORRUPT]
    return told.select(*values, F.coalesce(F.col(CORRUPT), F.col(_TOLD)).alias(CORRUPT), *own_values)


@dataclass(frozen=True)
class _Shared:
    """A column that file and folder both have: its value, what the folder says, and whether the two differ."""

    value: Column
    said: Column
    differs: Column


def _shared(field: StructField, said: Column) -> _Shared:
    own_value = quoted(field.name)
    if isinstance(field.dataType, _NESTED):  # no folder says what is nested
        return _Shared(own_value, said, said.isNotNull())
    typed = same_value(said, "string", field.dataType.simpleString())
    same = (own_value == typed) | (own_value.cast("string") == said)
    differs = F.coalesce(F.when(own_value.isNull(), typed.isNull()).otherwise(~same), F.lit(False))
    return _Shared(F.coalesce(own_value, typed), said, said.isNotNull() & differs)


def _complaint(frame: DataFrame, shared: Mapping[str, _Shared]) -> Column:
    """What is wrong with a row that says something else than its folder, and the row; null for all others."""
    complaints = [
        F.when(each.differs, F.concat(F.lit(f"the folder says {name}="), each.said))
        for name, each in shared.items()
        if name.lower() != DAY
    ]
    whole = F.struct(*[quoted(name) for name in frame.columns if not is_own_name(name)])
    complaint = F.coalesce(F.lit(None).cast("string"), *complaints)
    return F.when(complaint.isNotNull(), F.concat(complaint, F.lit(", the row "), F.to_json(whole)))


def _within(path: str, folder: str) -> str:
    """The part of a path below the folder, which is given without its scheme."""
    bare = path.partition("://")[2] or path
    return bare.removeprefix(folder)


def _value(folder: str, spelled: Sequence[str]) -> Column:
    """What the innermost folder with this key says of the row's file; null where there is none."""
    below, key = re.escape(folder.lstrip("/")), "|".join(map(re.escape, spelled))
    pattern = rf"(?is)^(?:[^/]*/+)?{below}/(?:.*/)?(?:{key})=([^/]*)/"
    encoded = F.regexp_extract(ORIGIN, pattern, 1)
    text = F.try_url_decode(F.replace(encoded, F.lit("+"), F.lit("%2B")))
    is_text = ~F.contains(text, F.lit(_NO_CHARACTER)) | encoded.rlike(f"(?i)%EF%BF%BD|{_NO_CHARACTER}")
    decoded = F.when(F.contains(encoded, F.lit("%")) & is_text, text).otherwise(encoded)
    return F.when((encoded != "") & (encoded != _NULL), decoded)


def _decoded(name: str) -> str:
    """A name without percent-encoding; as it is where that hides bytes that are no UTF-8."""
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name
