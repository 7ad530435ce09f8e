"""A row as its source gave it, as JSON: what the error lane keeps of it, and knows it by when it is read again.

Columns that have other types in other files of a batch get one type for all: what a value was before goes along, so
that a row says the same of itself whatever lies beside its file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compile.casts import JSON
from tidemark.rows import AS_GIVEN, ORIGIN, own, quoted
from tidemark.sql.types import HELPER_PREFIX, is_numeric

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TYPES = own("types")
"""In a payload: by the source's names, the types of values that mean something else as the text that JSON has."""
_TEXT, _TYPE = "text", "type"


def given_names(frame: DataFrame) -> list[str]:
    """The columns of a frame that its source gave, and what says why a record could not be read."""
    return [name for name in frame.columns if name != ORIGIN and not name.startswith(HELPER_PREFIX)]


def kept_names(frame: DataFrame) -> list[str]:
    """The columns of a frame whose values are kept as they were given, too."""
    return [name.removeprefix(AS_GIVEN) for name in frame.columns if name.startswith(AS_GIVEN)]


def as_given(value: Column, name: str, type_: str, wanted: str | None) -> Column:
    """What a payload has of a value that is changed before the row is judged: its JSON, and its type where a replay
    needs it. A column of this, named `AS_GIVEN` and the value's name, goes with the row.

    `wanted` is the contract's type, None where it does not know the column.
    """
    told = type_ if _needs_type(type_, wanted or type_) else None
    return F.struct(_json(value.alias(name)).alias(_TEXT), F.lit(told).cast("string").alias(_TYPE))


def types_of(frame: DataFrame, wanted: Mapping[str, str]) -> dict[str, str]:
    """What a replay has to know of the types of a frame's columns: nothing where their text says it all."""
    given = dict(frame.dtypes)
    return {name: type_ for name, type_ in given.items() if _needs_type(type_, wanted.get(name, type_))}


def payload(names: Sequence[str], types: Mapping[str, str], kept: Collection[str] = (), prefix: str = "") -> Column:
    """The JSON of a row with these columns, nulls included, and the types that a replay has to know.

    The columns have the prefix in the frame. `kept` are those of which it has what `as_given` gives.
    """
    told = [F.lit(type_).alias(name) for name, type_ in types.items() if name not in kept]
    told += [quoted(AS_GIVEN + name)[_TYPE].alias(name) for name in kept]
    return values(names, kept, prefix, [F.struct(*told).alias(TYPES)] if told else [])


def values(names: Sequence[str], kept: Collection[str] = (), prefix: str = "", others: Sequence[Column] = ()) -> Column:
    """The JSON of these columns, and of others; of those that are kept as they were given, where they are."""
    columns = {name: quoted(prefix + name).alias(name) for name in names}
    if not kept:
        return _json(*columns.values(), *others)
    texts: list[Column] = []
    for is_kept, group in groupby(columns, lambda name: name in kept):
        if is_kept:
            texts += [F.coalesce(quoted(AS_GIVEN + name)[_TEXT], _json(columns[name])) for name in group]
        else:
            texts.append(_json(*(columns[name] for name in group)))
    texts += [_json(*others)] if others else []
    inside = [F.substring(text, F.lit(2), F.length(text) - 2) for text in texts]
    return F.concat(F.lit("{"), F.concat_ws(",", *inside), F.lit("}"))


def _json(*columns: Column) -> Column:
    return F.to_json(F.struct(*columns), JSON)


def _needs_type(given: str, wanted: str) -> bool:
    if given in ("timestamp", "timestamp_ntz"):
        return wanted == "string"
    return given == "binary" or (given == "boolean" and is_numeric(wanted))
