"""Columns whose types differ between files of one batch, brought to one type without a change of any file's verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compile.casts import same_value
from tidemark.config.load import CastSpec
from tidemark.rows import AS_GIVEN, CORRUPT, payloads, quoted
from tidemark.sources.staged import folded, is_own_name
from tidemark.sql.types import INTEGERS, MAX_PRECISION, decimal_digits, widens

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

AsTyped = Callable[[str], tuple[str, CastSpec] | None]
"""The contract's type of a source column and how values come into it; None for a column that it does not know."""


def as_one_type(frames: Sequence[DataFrame], wanted: AsTyped) -> list[DataFrame]:
    """The frames with columns of one name and one type each, as text where there is no other type for all their values.

    A contracted column is cast to the contract's type in each frame first: what it holds then goes on in that type's
    own text, what it cannot hold as it was given. So the cast behind says of each value what it says of its file alone.
    What a value was before goes along for the error lane, which knows a rejected row by what it says.
    """
    spelled: dict[str, str] = {}
    types: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        for name, found in frame.dtypes:
            spelled.setdefault(folded(name), name)
            types[folded(name)].add(found)
    return [_as_one_type(frame, spelled, types, wanted) for frame in frames]


def _text(value: Column, of_type: str) -> Column:
    """Any value as text that has one meaning: instants end with their zone, bytes that are no text are base64."""
    if of_type == "timestamp":
        return F.concat(value.cast("string"), F.lit("Z"))
    text = same_value(value, of_type, "string")
    return F.coalesce(text, F.base64(value)) if of_type == "binary" else text


def _as_one_type(
    frame: DataFrame, spelled: Mapping[str, str], types: Mapping[str, Collection[str]], wanted: AsTyped
) -> DataFrame:
    columns, kept, refused = [], [], [F.col(CORRUPT)]
    for name, found in frame.dtypes:
        if is_own_name(name):
            continue
        value, all_types, common_name = quoted(name), types[folded(name)], spelled[folded(name)]
        if len(all_types) == 1:
            columns.append(value.alias(common_name))
            continue
        contracted = wanted(name)
        given = payloads.as_given(value, common_name, found, contracted and contracted[0])
        kept.append(F.when(value.isNotNull(), given).alias(AS_GIVEN + common_name))
        if contracted is not None:
            value, wrong = _by_own_type(name, found, *contracted)
            refused.append(wrong)
        else:
            common = _common(all_types)
            value = _text(value, found) if common == "string" else value.cast(common)
        columns.append(value.alias(common_name))
    if len(refused) > 1:
        kept.append(payloads.as_given(F.col(CORRUPT), CORRUPT, "string", None).alias(AS_GIVEN + CORRUPT))
    ours = [quoted(name) for name in frame.columns if is_own_name(name) and name != CORRUPT]
    return frame.select(*columns, F.coalesce(*refused).alias(CORRUPT), *ours, *kept)


def _by_own_type(name: str, found: str, contracted: str, how: CastSpec) -> tuple[Column, Column]:
    """The text of a value, by which the contract's cast says what it says of the value itself; what is wrong with one
    of which it would say something else.
    """
    value = quoted(name)
    own, given = same_value(value, found, contracted, how), _text(value, found)
    refused = value.isNotNull() & own.isNull()
    mistaken = refused & same_value(given, "string", contracted, how).isNotNull()
    told = F.concat(F.lit(f"{name} is "), given, F.lit(f", a {found}: it must be a {contracted}"))
    return F.when(refused, given).otherwise(_text(own, contracted)), F.when(mistaken, told)


def _common(types: Collection[str]) -> str:
    """The narrowest type that holds every value of all these types as it is; text where there is none."""
    widest = next((each for each in types if all(each == other or widens(other, each) for other in types)), None)
    if widest is not None:
        return widest
    if all(each in INTEGERS or decimal_digits(each) for each in types):
        digits = [decimal_digits(each) or (len(str(2 ** (INTEGERS[each] - 1))), 0) for each in types]
        scale = max(behind for _, behind in digits)
        precision = max(all_digits - behind for all_digits, behind in digits) + scale
        if precision <= MAX_PRECISION:
            return f"decimal({precision},{scale})"
    if set(types) <= {"tinyint", "smallint", "int", "float", "double"}:
        return "double"
    return "string"
