"""Rows that need not be the same on both sides, by the hashes of their keys: those that wait in the error lane."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tidemark.aws.folder import open_folder
from tidemark.errorlane.rejects import Filters, entries
from tidemark.instants import as_utc
from tidemark.reconcile.dialects import HASH_DIGITS, Kind

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.config.project import Table

MOST = 10_000
"""So many keys at most are left out one by one; they stand in the text of queries."""


def quarantined(environment: Environment, table: Table, keys: Mapping[str, Kind]) -> frozenset[int]:
    """The hashes of the keys of rows that are rejected and neither replayed nor discarded, where a key can be told."""
    lanes = open_folder(environment.roots.errors, environment.aws)
    fields = table.load.source.fields if table.load.source else {}
    wanted = [(fields.get(name, name).lower(), kind) for name, kind in keys.items()]
    found = (
        _hash(entry.row.payload, wanted)
        for entry in entries(lanes, Filters(table=table.name))
        if entry.status == "open"
    )
    return frozenset(each for each in found if each is not None)


def _hash(payload: str, wanted: Sequence[tuple[str, Kind]]) -> int | None:
    try:
        row = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    values = {str(name).lower(): value for name, value in row.items()}
    texts = [(canonical(values.get(name), kind), kind) for name, kind in wanted]
    if any(text is None and values.get(name) is not None for (text, _), (name, _) in zip(texts, wanted, strict=True)):
        return None
    return key_hash(texts)


def key_hash(values: Sequence[tuple[str | None, Kind]]) -> int:
    """The hash of a key's canonical texts, as the dialects make it."""
    return _last_bits("".join(_digest(text, kind) for text, kind in values))


def _digest(text: str | None, kind: Kind) -> str:
    if text is None:
        return "-"
    return _md5(f"{text}." if kind == "text" else text)


def canonical(value: Any, kind: Kind) -> str | None:
    """The canonical text of a value of a rejected row; None where it is none of its kind."""
    try:
        return None if value is None else _canonical(value, kind)
    except (ValueError, InvalidOperation, OverflowError):
        return None


def _canonical(value: Any, kind: Kind) -> str | None:
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "number":
        number = Decimal(str(value))
        text = f"{number:f}" if number.is_finite() else None
        return text.rstrip("0").rstrip(".") if text and "." in text else text
    if kind == "date":
        return date.fromisoformat(str(value)[:10]).isoformat()
    if kind == "timestamp":
        return as_utc(datetime.fromisoformat(str(value))).isoformat(sep=" ", timespec="microseconds")
    return None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _last_bits(text: str) -> int:
    return int(_md5(text)[-HASH_DIGITS:], 16)
