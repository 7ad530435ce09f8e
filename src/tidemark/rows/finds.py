"""What personal data looks like, whatever column it is in: addresses, phone numbers, accounts, cards, known values.

The second line: it trusts neither contract nor query, and looks at the rows. A sample of them, one row for each value
that a column has, at any depth, and no value leaves Spark: only how many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DecimalType, IntegralType, MapType, StringType, StructType

from tidemark.config.contract.patterns import ACCOUNT, ADDRESS, CARD, LOCAL_PHONE, PHONE
from tidemark.rows import own, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructField

_COLUMN, _VALUE, _HASH, _LIKE = own("column"), own("value"), own("hash"), own("like")
_ASKED, _IS_KNOWN = own("asked"), own("is_known")  # whether a value is compared with those that are known
_FOUND, _OF, _HITS, _COMPARED = own("found"), own("of"), own("hits"), own("compared")
FINDS = own("finds")

_LARGE = 12  # digits; a whole number with no more is no card
_DIGITS = 7  # of the shortest number that is looked for
_SHORTEST_KNOWN = 5  # characters: shorter values are in unrelated columns too
_FEW = 3
_KNOWN_SHARE = 0.2  # of the values of a column: a word of one can be in another by chance
_LEAST_COVERAGE = 0.25
_ACCOUNTS, _CARDS = "an IBAN", "a card number"


@dataclass(frozen=True)
class Kind:
    """A kind of find: what it is called, and from which share on of the values that look like it it counts.

    A number that looks like a card's is one by chance in one of ten cases.
    """

    name: str
    share: float = 0.0


KINDS = (
    Kind("an e-mail address"),
    Kind("a phone number"),
    Kind("a phone number without a country", 0.2),
    Kind(_ACCOUNTS),
    Kind(_CARDS, 0.5),
)


@dataclass(frozen=True)
class Find:
    """How many of the values of a column that were looked at are personal, and what they look like."""

    column: str
    what: str
    count: int
    looked_at: int


def searched(fields: Sequence[StructField], let: Collection[str]) -> tuple[str, ...]:
    """The columns of rows that are looked at: those with texts or whole numbers, but for those that are `let` pass."""
    return tuple(field.name for field in fields if field.name not in let and _has_leaves(field.dataType))


def finds(
    rows: DataFrame, columns: Sequence[str], known: DataFrame | None, first: DataFrame | None = None
) -> DataFrame:
    """One row with all that was counted in the `columns` of `rows` and of the `first` rows, where these are given.

    `known`: hashes of values that are not to be in them, or in the first. All of it in one task: each frame has one
    partition, of some thousands of rows.
    """
    looked = rows.select(*map(quoted, columns), F.lit(first is None).alias(_ASKED))
    if first is not None:
        looked = looked.unionByName(first.select(*map(quoted, columns), F.lit(True).alias(_ASKED))).coalesce(1)
    values = _values(looked, columns).select("*", *_likes(F.col(_VALUE)))
    is_known = F.lit(False)
    if known is not None:
        hashed = values.withColumn(_HASH, F.when(F.col(_ASKED), known_hash(F.col(_VALUE))))
        known = known.toDF(_HASH).distinct().withColumn(_IS_KNOWN, F.lit(True))
        values = hashed.join(known.hint("shuffle_hash"), _HASH, "left")
        is_known = F.col(_IS_KNOWN)
    counted = values.groupBy(_COLUMN).agg(
        F.array(*(_counts(F.col(f"{_LIKE}{number}"), kind) for number, kind in enumerate(KINDS))).alias(_FOUND),
        F.count("*").alias(_OF),
        F.count_if(is_known).alias(_HITS),
        F.count_if(_ASKED).alias(_COMPARED),
    )
    return counted.agg(F.collect_list(F.struct(_COLUMN, _FOUND, _OF, _HITS, _COMPARED)).alias(FINDS))


def known_hash(value: Column) -> Column:
    """What values are compared by; null for those that are too short to say anything: small numbers are everywhere."""
    text = F.lower(F.trim(value.cast("string")))
    is_small = (F.length(text) < _DIGITS) & text.rlike(r"^\d+$")
    return F.when((F.length(text) >= _SHORTEST_KNOWN) & ~is_small, F.xxhash64(text))


def told(counted: Sequence[Any], coverage: float) -> list[Find]:
    """What of the counts of `finds` is a find; `coverage`: the part of the known values that was looked for."""
    found = []
    for row in counted:
        name, of, hits, compared = row[_COLUMN], row[_OF], row[_HITS], row[_COMPARED]
        share = _KNOWN_SHARE * max(coverage, _LEAST_COVERAGE)
        if hits and hits >= min(_FEW, compared) and hits >= share * compared:
            found.append(Find(name, "values of a personal column of its inputs", hits, compared))
        for kind, counts in zip(KINDS, row[_FOUND], strict=True):
            if counts["found"] and counts["found"] >= kind.share * (of if kind.name != _CARDS else counts["like"]):
                found.append(Find(name, kind.name, counts["found"], of))
    return sorted(found, key=lambda each: (each.column, each.what))


def _values(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """A row for each value that is in one of the columns, as text, with where it is: the column, or a field in it."""
    types = {name: rows.schema[name].dataType for name in columns}
    flat = [_named(name, quoted(name)) for name in columns if _is_leaf(types[name])]
    nested = [_leaves(name, quoted(name), types[name]) for name in columns if not _is_leaf(types[name])]
    every = F.concat(*([F.array(*flat)] if flat else []), *nested) if nested else F.array(*flat)
    values = rows.select(_ASKED, F.explode(every).alias(_VALUE)).select(_ASKED, f"{_VALUE}.*")
    return values.where(F.col(_VALUE).isNotNull())


def _named(path: str, value: Column) -> Column:
    return F.struct(F.lit(path).alias(_COLUMN), value.cast("string").alias(_VALUE))


def _leaves(path: str, value: Column, data_type: DataType) -> Column:
    """All texts and whole numbers in a value, each named by its path; the keys of maps too.

    Fields are told apart, as a name in one of twenty would be few among all of them.
    """
    if isinstance(data_type, StructType):
        within = [
            _leaves(f"{path}.{each.name}", value.getField(each.name), each.dataType)
            for each in data_type
            if _has_leaves(each.dataType)
        ]
        return F.concat(*within)
    if isinstance(data_type, MapType):
        sides = (
            ("key", F.map_keys(value), data_type.keyType),
            ("value", F.map_values(value), data_type.valueType),
        )
        return F.concat(
            *(_leaves(f"{path}.{side}", each, ArrayType(of)) for side, each, of in sides if _has_leaves(of))
        )
    if isinstance(data_type, ArrayType):
        element = data_type.elementType
        leaves = F.flatten(F.transform(value, lambda each: _leaves(path, each, element)))
        return F.coalesce(leaves, F.array())
    return F.array(_named(path, value))


def _has_leaves(data_type: DataType) -> bool:
    """Whether there can be texts or whole numbers in it."""
    if isinstance(data_type, StructType):
        return any(_has_leaves(each.dataType) for each in data_type)
    if isinstance(data_type, MapType):
        return _has_leaves(data_type.keyType) or _has_leaves(data_type.valueType)
    return _has_leaves(data_type.elementType) if isinstance(data_type, ArrayType) else _is_leaf(data_type)


def _is_leaf(data_type: DataType) -> bool:
    is_whole = isinstance(data_type, DecimalType) and data_type.scale == 0
    return is_whole or isinstance(data_type, StringType | IntegralType)


def _counts(like: Column, kind: Kind) -> Column:
    """How many values look like it, and how many of these are one as far as that can be told."""
    value = F.col(_VALUE)
    is_one = like
    if kind.name == _ACCOUNTS:
        is_one = F.when(like, _is_account(_taken(value, ACCOUNT)))
    elif kind.name == _CARDS:
        is_one = F.when(like, F.call_function("luhn_check", F.regexp_replace(_taken(value, CARD), r"[ -]", "")))
    return F.struct(F.count_if(like).alias("like"), F.count_if(is_one).alias("found"))


def _likes(value: Column) -> list[Column]:
    """Of each kind whether a value looks like it, in their order; what has few digits can only be an address."""
    many = F.length(value) - F.length(F.translate(value, "0123456789", "")) >= _DIGITS
    likes = (
        (value.contains("@") | value.contains("%40")) & value.rlike(ADDRESS),
        many & value.contains("+") & value.rlike(PHONE),
        many & value.rlike(LOCAL_PHONE),
        many & value.rlike(ACCOUNT),
        many & (F.length(value) > _LARGE) & ~value.rlike(ACCOUNT) & value.rlike(CARD),  # accounts have groups too
    )
    return [like.alias(f"{_LIKE}{number}") for number, like in enumerate(likes)]


def _taken(value: Column, pattern: str) -> Column:
    return F.regexp_extract(value, f"({pattern})", 1)


def _is_account(text: Column) -> Column:
    """Whether the check digits of an IBAN are right: as a number, with A as 10, it leaves 1 when divided by 97."""
    bare = F.regexp_replace(text, " ", "")
    moved = F.concat(F.substring(bare, 5, 40), F.substring(bare, 1, 4))

    def step(rest: Column, letter: Column) -> Column:
        code = F.ascii(letter)
        return F.when(code >= ord("A"), rest * 100 + code - (ord("A") - 10)).otherwise(rest * 10 + code - ord("0")) % 97

    return F.aggregate(F.split(moved, ""), F.lit(0), step) == 1
