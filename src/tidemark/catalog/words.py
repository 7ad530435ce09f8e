"""What a contract says, in words for readers: rules, checks, promises; numbers and sizes as people write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemark.config.contract import Check, Column
    from tidemark.config.load import Load

THIN = "\u202f"
NOT_KNOWN = "–"
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def rules(column: Column) -> tuple[str, ...]:
    """The rules that each value keeps; a row that breaks one is rejected."""
    return tuple(_rules(column))


def _rules(column: Column) -> Iterator[str]:
    if column.required:
        yield "never null"
    if column.unique:
        yield "unique"
    if column.enum:
        yield f"one of: {', '.join(column.enum)}"
    if column.pattern is not None:
        yield f"like {column.pattern}"
    if column.format is not None:
        yield f"of the form {column.format}"
    for word, bound in (
        ("at least", column.minimum),
        ("more than", column.exclusive_minimum),
        ("at most", column.maximum),
        ("less than", column.exclusive_maximum),
    ):
        if bound is not None:
            yield f"{word} {bound}"
    if column.min_length is not None:
        yield f"{column.min_length} characters or more"
    if column.max_length is not None:
        yield f"{column.max_length} characters or fewer"
    if column.nested is not None:
        yield f"a JSON {column.nested}"
    if column.zone is not None:
        yield f"times without an offset are of {column.zone}"


def privacy(column: Column, layer: str) -> tuple[str, ...]:
    """How a column's personal data is marked and masked."""
    marked = column.classification if column.is_classified else None
    found = [marked] if marked else []
    if column.mask is not None:
        found.append(f"masked: {column.mask}" if layer == "gold" else f"gold masks it: {column.mask}")
    if column.exception is not None:
        until = f" until {column.exception.until}" if column.exception.until else ""
        found.append(f"exception{until}: {column.exception.reason}")
    return tuple(found)


def check(found: Check) -> str:
    """What a check wants to see."""
    unit = " %" if found.unit == "percent" else ""
    if found.comparison is None:
        return "SodaCL"
    wanted = " and ".join(f"{value:f}" for value in found.comparison.values)
    of = found.metric or "its query"
    return f"{of} {found.comparison.operator} {wanted}{unit}"


def loading(load: Load) -> tuple[tuple[str, str], ...]:
    """How a table is filled, as pairs of a word and what it says."""
    return tuple((word, told) for word, told in _loading(load) if told)


def _loading(load: Load) -> Iterator[tuple[str, str]]:
    if load.source:
        yield "source", f"{load.source.connection}: {load.source.object}"
        yield "read", load.source.mode
    yield "written", load.write.mode
    yield "by the keys", ", ".join(load.write.keys)
    if load.watermark:
        yield "read on from", ", ".join(load.watermark.columns)
    yield "laid out by", ", ".join(load.cluster_by or load.partition_by)
    yield "published to", ", ".join(load.publish)
    yield "computed by", load.transform or ""


def decimal(value: Decimal) -> str:
    """A number without the noughts at its end."""
    return f"{value.normalize():f}"


def number(value: int | None) -> str:
    return NOT_KNOWN if value is None else f"{value:,}".replace(",", THIN)


def size(value: int) -> str:
    for unit, least in _UNITS:
        if value >= least:
            return f"{value / least:.1f}{THIN}{unit}"
    return f"{value}{THIN}B"


def share(value: float | None) -> str:
    """A share as a percentage, in which something is never nothing, and not all is never all."""
    if value is None:
        return NOT_KNOWN
    if 0 < value < 0.001:
        return f"<{THIN}0.1{THIN}%"
    if 0.999 < value < 1:
        return f">{THIN}99.9{THIN}%"
    return f"{value * 100:.1f}".removesuffix(".0") + f"{THIN}%"


def moment(at: datetime | None) -> str:
    return NOT_KNOWN if at is None else f"{at:%Y-%m-%d %H:%M}"
