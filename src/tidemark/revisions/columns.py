"""What changed in a column: effect, what is otherwise, and why that is so judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from tidemark.sql.types import TIMES, is_numeric, widens

if TYPE_CHECKING:
    from tidemark.config.contract import Column

Told: TypeAlias = "tuple[Literal['breaking', 'loosened', 'compatible'], str, str]"

REJECTS = "rows that were good before are rejected"
MEETS = "readers may meet values that there were none of"


@dataclass(frozen=True)
class Bound:
    """What a value may reach, or may not even reach (`is_excluded`); `text` is how the contract writes it."""

    at: Decimal
    text: str = field(compare=False)
    is_excluded: bool = False

    def __str__(self) -> str:
        return f"{self.text}{' (excluded)' if self.is_excluded else ''}"


def column_changes(old: Column | None, new: Column | None) -> Iterator[Told]:
    """The changes of a column; None where it was not there, or is not there any more."""
    if old is None and new is not None:
        yield _added(new)
    elif new is None and old is not None:
        yield "breaking", "the column was removed", "queries that name it fail"
    elif old is not None and new is not None:
        yield from _type(old, new)
        yield from _presence(old, new)
        yield from _values(old, new)
        yield from _privacy(old, new)
        if old.description != new.description:
            yield "compatible", "its description is another", "words for people"


def _added(column: Column) -> Told:
    if column.required:
        return "breaking", "a required column is new", "rows without it are rejected; those that are there lack it"
    return "compatible", f"the column is new ({column.type}, may be null)", "rows that are there have null in it"


def _type(old: Column, new: Column) -> Iterator[Told]:
    if old.type != new.type:
        what = f"type {old.type} became {new.type}"
        if widens(old.type, new.type):
            yield "compatible", what, "every value is the same value of the wider type"
        elif widens(new.type, old.type):
            yield "breaking", what, "it is narrower: values that were right do not fit any more"
        elif is_numeric(old.type) and is_numeric(new.type):
            yield "breaking", what, "values that were right may not fit, or lose digits"
        else:
            yield "breaking", what, "values are of another kind: comparisons, sums and files of before do not fit"
    if old.nested != new.nested:
        what = f"its text was {_nested(old)}, and is {_nested(new)}"
        yield "breaking", what, "what reads inside of it finds another shape"
    if old.zone != new.zone:
        what = f"times without an offset were of {old.zone or 'UTC'}, and are of {new.zone or 'UTC'}"
        yield "breaking", what, "the same text means another instant"


def _nested(column: Column) -> str:
    return f"a JSON {column.nested}" if column.nested else "plain"


def _presence(old: Column, new: Column) -> Iterator[Told]:
    if new.required and not old.required:
        yield "breaking", "it became required", "rows without a value are rejected"
    if old.required and not new.required:
        yield "loosened", "it may be null now", "readers may meet nulls"
    if new.unique and not old.unique:
        yield "breaking", "it became unique", "a batch with equal values fails its gate"
    if old.unique and not new.unique:
        yield "loosened", "it need not be unique any more", "joins by it may double rows"


def _values(old: Column, new: Column) -> Iterator[Told]:
    yield from _text_rule("pattern", old.pattern, new.pattern)
    yield from _text_rule("format", old.format, new.format)
    yield from _enum(old, new)
    yield from _bound("least value", _low(old), _low(new), tightened=1)
    yield from _bound("greatest value", _high(old), _high(new), tightened=-1)
    yield from _bound("least length", _length(old.min_length), _length(new.min_length), tightened=1)
    yield from _bound("greatest length", _length(old.max_length), _length(new.max_length), tightened=-1)


def _text_rule(word: str, old: str | None, new: str | None) -> Iterator[Told]:
    if old == new:
        return
    if new is None:
        yield "loosened", f"{word} {old} is gone", MEETS
    elif old is None:
        yield "breaking", f"{word} {new} is new", REJECTS
    else:
        yield "breaking", f"{word} {old} became {new}", "nobody can tell that what fitted the old one fits the new one"


def _enum(old: Column, new: Column) -> Iterator[Told]:
    if new.enum and not old.enum:
        yield "breaking", f"only some values are allowed: {', '.join(new.enum)}", REJECTS
    elif old.enum and not new.enum:
        yield "loosened", "any value is allowed", MEETS
    else:
        gone = [value for value in old.enum if value not in new.enum]
        came = [value for value in new.enum if value not in old.enum]
        if gone:
            yield "breaking", f"allowed values are gone: {', '.join(gone)}", REJECTS
        if came:
            yield "loosened", f"more values are allowed: {', '.join(came)}", MEETS


def _bound(word: str, old: Bound | None, new: Bound | None, *, tightened: Literal[1, -1]) -> Iterator[Told]:
    """`tightened`: the direction in which a bound lets less through."""
    if old == new:
        return
    if new is None:
        yield "loosened", f"{word} {old} is gone", MEETS
    elif old is None:
        yield "breaking", f"{word} {new} is new", REJECTS
    elif (new.at - old.at) * tightened > 0 or (new.at == old.at and new.is_excluded and not old.is_excluded):
        yield "breaking", f"{word} {old} became {new}", REJECTS
    else:
        yield "loosened", f"{word} {old} became {new}", MEETS


def _low(column: Column) -> Bound | None:
    return _strictest(column, column.minimum, column.exclusive_minimum, tightened=1)


def _high(column: Column) -> Bound | None:
    return _strictest(column, column.maximum, column.exclusive_maximum, tightened=-1)


def _strictest(column: Column, included: str | None, excluded: str | None, *, tightened: int) -> Bound | None:
    """Of a bound that is let in and one that is not, the one that lets less through."""
    texts = ((included, False), (excluded, True))
    found = [Bound(_number(text, column.type), text, is_excluded) for text, is_excluded in texts if text is not None]
    return max(found, key=lambda each: (each.at * tightened, each.is_excluded), default=None)


def _number(text: str, column_type: str) -> Decimal:
    """A bound as a number; of a time, the microseconds since the year 1."""
    if column_type not in TIMES:
        return Decimal(text)
    moment = datetime.fromisoformat(text)
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Decimal((utc - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))


def _length(length: int | None) -> Bound | None:
    return None if length is None else Bound(Decimal(length), str(length))


def _privacy(old: Column, new: Column) -> Iterator[Told]:
    if (old.mask, old.mask_people) != (new.mask, new.mask_people):
        what = f"its mask was {_mask(old)}, and is {_mask(new)}"
        why = "gold holds other values: joins and filters by them find nothing"
        yield "breaking", what, why if new.mask else "gold shows what was masked"
    if old.is_classified != new.is_classified:
        what = f"its classification was {old.classification or 'none'}, and is {new.classification or 'none'}"
        why = "readers below gold see `***` where they saw values"
        yield "breaking", what, why if new.is_classified else "readers below gold see what was hidden"
    elif old.classification != new.classification:
        what = f"its classification was {old.classification or 'none'}, and is {new.classification or 'none'}"
        yield "compatible", what, "who may see it stays as it is"
    if (old.exception is None) != (new.exception is None):
        if new.exception is None:
            yield "breaking", "its personalException is gone", "it may not be shown any more as it is"
        else:
            yield "breaking", f"a personalException: {new.exception.reason}", "it shows what was not to be shown"
    elif old.exception != new.exception:
        yield "compatible", "its personalException is worded or dated otherwise", "it shows what it showed"


def _mask(column: Column) -> str:
    people = f" for {column.mask_people} people" if column.mask_people is not None else ""
    return f"{column.mask or 'none'}{people}"
