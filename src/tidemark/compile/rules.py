"""Contract → row rules: for every value rule a boolean Spark column that is true where a row breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F

from tidemark.compile.jsontext import is_nested
from tidemark.sql.types import FRACTIONS, INTEGERS, decimal_digits

if TYPE_CHECKING:
    from tidemark.config.contract import Column as ContractColumn
    from tidemark.config.contract import Contract

EMAIL = r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$"
UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

_NUL = "\x00"  # PostgreSQL and Redshift refuse it in a text, and with it the batch in which that is published
# Patterns of literals and classes that say what they have: none of their matches has that character.
_PLAIN_PATTERN = r"(?:[\w ^$()|?*+{},:;/@#%=!<>'~-]|\\[dws.+*?()\[\]{}|^$/-]|\[(?!\^)[^\[\]\\&\x00]*\])*"
_MOST_BYTES = 4  # of a character in UTF-8
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_FOLDER_BYTES = 180  # beside the column's name; a name has 255 at most
_ESCAPED = r"""[\x00-\x1f"#%'*/:=?\\\x7f{}\[\]^]"""  # by Spark, in the names of folders
_FORMATS: Mapping[str, str] = {"email": EMAIL, "uuid": UUID}
# What Python, Parquet readers and both warehouses can hold; Spark alone would go on to the year 294247.
_CALENDAR: Mapping[str, tuple[str, str]] = {
    "date": ("0001-01-01", "9999-12-31"),
    "timestamp": ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
}


@dataclass(frozen=True)
class RowRule:
    """One rule of one column. `broken` is never null: true for a row to be rejected, false for any other."""

    column: str
    rule: str
    message: str
    broken: Column


def row_rules(contract: Contract, raw: Callable[[str], Column], made_text: Collection[str] = ()) -> tuple[RowRule, ...]:
    """The rules of all columns, in the contract's order, over a frame that holds its columns with their types.

    `raw(name)` gives the value before the cast: `required` asks whether it is null, `type` whether the cast lost it
    (see `casts`). `made_text`: string columns whose values come as something else. All other rules look at the typed
    value and pass on null, so a value of the wrong type breaks `type` alone. NaN is above every number, as Spark orders
    it: it breaks `maximum` and `exclusiveMaximum`.
    """
    return tuple(
        rule
        for column in contract.columns
        for rule in _column_rules(column, raw(column.name), column.name in made_text)
    )


def partition_rules(contract: Contract, partitions: Collection[str]) -> tuple[RowRule, ...]:
    """The rules of text by which a table lies in folders: what the name of a folder cannot say.

    Delta keeps an empty text as null, and Hive's word for null too; a longer name than a disk takes fails the commit.
    """
    told = f"the table is partitioned by it: must have 1 to {_FOLDER_BYTES} bytes in a folder's name, not {_HIVE_NULL}"
    texts = {name: F.col(quoted(name)) for name in partitions if contract.column(name).type == "string"}
    return tuple(RowRule(name, "partition", told, _is_no_folder(value)) for name, value in texts.items())


def _is_no_folder(value: Column) -> Column:
    return value.isNotNull() & (value.isin("", _HIVE_NULL) | (_bytes(value) > _FOLDER_BYTES))


def _bytes(value: Column) -> Column:
    """The length of a text as a folder's name, in which some characters are written as `%2F`."""
    return F.octet_length(F.regexp_replace(value, _ESCAPED, "%00"))


def quoted(name: str) -> str:
    """A column's name as SQL text, whatever characters it has."""
    return "`" + name.replace("`", "``") + "`"


def _column_rules(column: ContractColumn, raw: Column, is_made_text: bool) -> Iterator[RowRule]:
    value = F.col(quoted(column.name))
    if column.required:
        yield RowRule(column.name, "required", "must not be null", raw.isNull())
    if column.type != "string" or is_made_text:
        yield RowRule(column.name, "type", f"must be a {column.type}", _lost_in_cast(column.type, raw, value))
    if column.type == "string" and not _tells_characters(column):
        has_nul = F.coalesce(value.contains(_NUL), F.lit(False))
        yield RowRule(column.name, "characters", "must not have the character U+0000", has_nul)
    if column.nested is not None:
        broken = value.isNotNull() & ~is_nested(value, column.nested)
        yield RowRule(column.name, "type", f"must be a JSON {column.nested}", broken)
    for rule, message, condition in (*_text_rules(column, value), *_enum_rule(column, value), *_bounds(column, value)):
        yield RowRule(column.name, rule, message, value.isNotNull() & condition)


def _tells_characters(column: ContractColumn) -> bool:
    """Whether another rule of the column lets no U+0000 through."""
    is_plain = column.pattern is not None and re.fullmatch(_PLAIN_PATTERN, column.pattern, re.ASCII) is not None
    return bool(column.enum) or column.format in _FORMATS or is_plain


def _lost_in_cast(column_type: str, raw: Column, value: Column) -> Column:
    """Where a value is there but not as this type."""
    lost = value.isNull()
    if column_type in _CALENDAR:
        first, last = (F.lit(text).cast(column_type) for text in _CALENDAR[column_type])
        lost = lost | (value < first) | (value > last)
    return raw.isNotNull() & lost


def _text_rules(column: ContractColumn, value: Column) -> Iterator[tuple[str, str, Column]]:
    if column.pattern is not None:
        yield "pattern", f"must match {column.pattern}", ~_matches(value, column.pattern)
    if column.format is not None:
        yield "format", f"must be of format {column.format}", ~_matches(value, _FORMATS[column.format])
    if column.min_length is not None:
        yield "minLength", f"must have {column.min_length} characters or more", _is_shorter(value, column.min_length)
    if column.max_length is not None:
        yield "maxLength", f"must have {column.max_length} characters or fewer", _is_longer(value, column.max_length)


def _is_shorter(value: Column, characters: int) -> Column:
    # A text knows how many bytes it has, its characters have to be counted: only where the bytes leave it open.
    return (F.octet_length(value) < _MOST_BYTES * characters) & (F.length(value) < characters)


def _is_longer(value: Column, characters: int) -> Column:
    return (F.octet_length(value) > characters) & (F.length(value) > characters)


def _matches(value: Column, pattern: str) -> Column:
    r"""The pattern against the whole value: a bare `$` would let a line break at the end through."""
    return value.rlike(rf"\A(?:{pattern})\z")


def _enum_rule(column: ContractColumn, value: Column) -> Iterator[tuple[str, str, Column]]:
    if column.enum:
        allowed = [_literal(text, column.type) for text in column.enum]
        yield "enum", f"must be one of: {', '.join(column.enum)}", ~value.isin(allowed)


def _bounds(column: ContractColumn, value: Column) -> Iterator[tuple[str, str, Column]]:
    if column.minimum is not None:
        yield "minimum", f"must be {column.minimum} or more", value < _literal(column.minimum, column.type)
    if column.maximum is not None:
        yield "maximum", f"must be {column.maximum} or less", value > _literal(column.maximum, column.type)
    if column.exclusive_minimum is not None:
        bound = _literal(column.exclusive_minimum, column.type)
        yield "exclusiveMinimum", f"must be more than {column.exclusive_minimum}", value <= bound
    if column.exclusive_maximum is not None:
        bound = _literal(column.exclusive_maximum, column.type)
        yield "exclusiveMaximum", f"must be less than {column.exclusive_maximum}", value >= bound


def _literal(text: str, column_type: str) -> Column:
    """A bound or enum value of the column's own type, so that comparing costs no cast per row."""
    digits = decimal_digits(column_type)
    if digits is not None:
        number = Decimal(text)
        return F.lit(number).cast(column_type) if _fits(number, *digits) else F.lit(number)
    if column_type in INTEGERS:
        return F.lit(int(Decimal(text)))
    if column_type in FRACTIONS:
        return F.lit(float(text)).cast(column_type)  # as a double, 0.1 would be less than the float 0.1
    if column_type == "date":
        return F.lit(date.fromisoformat(text))
    if column_type == "timestamp":
        return F.lit(datetime.fromisoformat(text).isoformat(sep=" ")).cast("timestamp")
    return F.lit(text.lower() == "true" if column_type == "boolean" else text)


def _fits(number: Decimal, precision: int, scale: int) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= scale and number.adjusted() < precision - scale
