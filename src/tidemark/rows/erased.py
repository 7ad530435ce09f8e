"""Rows of people who were erased, in what sources give: left out or made anonymous. Keyed hashes alone tell whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.rows import own, quoted
from tidemark.rows.batches import Counter

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from tidemark.compile.masks import MaskKey
    from tidemark.lint.privacy.subjects import Treatment

_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_ERASED = own("erased_")


@dataclass(frozen=True)
class Absent:
    """People whose rows a table is not to have: the `digests` of their values under one key, and what is done."""

    treatment: Treatment
    digests: tuple[str, ...]
    key: MaskKey
    folded: bool = False


def as_named(value: Column, of_type: str, *, folded: bool = False) -> Column:
    """A value as the text that names a person: whole numbers are equal however they are written."""
    text = value.cast("string")
    if of_type in _INTEGERS:
        return F.coalesce(F.trim(text).try_cast("bigint").cast("string"), text)
    return F.lower(F.trim(text)) if folded else text


def without(
    frame: DataFrame, absent: Sequence[Absent], types: Mapping[str, str], fields: Mapping[str, str]
) -> tuple[DataFrame, Counter | None]:
    """What a source gave, without these people, and what counts the rows concerned (`erased`); None: there is nobody.

    `types` are those of the contract's columns, `fields` the source's names for them.
    """
    there = {name.lower(): name for name in frame.columns}
    names = {column: there.get(fields.get(column, column).lower(), there.get(column.lower())) for column in types}
    told = [
        _Told(each, f"{number}_", columns)
        for number, each in enumerate(absent)
        if (columns := {column: name for column in each.treatment.columns if (name := names.get(column))})
    ]
    if not told:
        return frame, None
    # Looked at before anything is changed: what stands for a person in one column must not hide the person in another.
    marked = frame.select("*", *(mark for each in told for mark in each.marks(types)))
    counter = Counter(erased=F.count_if(reduce(or_, (each.any() for each in told))))
    kept = counter.on(marked)
    for each in told:
        kept = each.left_of(kept, names)
    return kept.drop(*(name for name in kept.columns if name.startswith(_ERASED))), counter


def told(counter: Counter | None) -> tuple[str, ...]:
    """What people should hear of the rows that were counted, once they are."""
    count = counter.values["erased"] if counter is not None else 0
    if not count:
        return ()
    return (
        f"the source has {count} rows again of people who were erased; they were left out, or made anonymous: tell "
        "whoever keeps the source (tidemark subject receipts)",
    )


@dataclass(frozen=True)
class _Told:
    """People to leave out, and the columns of the frame in which they may be, by the contract's names."""

    absent: Absent
    number: str
    columns: Mapping[str, str]

    def marks(self, types: Mapping[str, str]) -> list[Column]:
        """A column for each of these that says whether it names one of the people."""
        key, digests = self.absent.key, self.absent.digests
        texts = {
            column: as_named(quoted(name), types[column], folded=self.absent.folded)
            for column, name in self.columns.items()
        }
        return [
            F.coalesce(key.digest(text).isin(*digests), F.lit(False)).alias(self._mark(column))
            for column, text in texts.items()
        ]

    def any(self) -> Column:
        return reduce(or_, (quoted(self._mark(column)) for column in self.columns))

    def left_of(self, frame: DataFrame, names: Mapping[str, str | None]) -> DataFrame:
        """The frame as the erasure leaves it."""
        treatment = self.absent.treatment
        erasure = treatment.erasure
        if erasure is None or erasure.action == "delete":
            return frame.where(~self.any())
        changes = {
            name: F.when(quoted(self._mark(column)), _of_type(frame, name, erasure.replace_by)).otherwise(quoted(name))
            for column, name in self.columns.items()
        }
        for column in treatment.cleared:
            if name := names.get(column):
                changes[name] = F.when(~self.any(), quoted(name))
        return frame.withColumns(changes)

    def _mark(self, column: str) -> str:
        return f"{_ERASED}{self.number}{column}"


def _of_type(frame: DataFrame, name: str, value: str | None) -> Column:
    return F.lit(value).cast(frame.schema[name].dataType)
