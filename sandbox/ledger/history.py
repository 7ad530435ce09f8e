"""Slowly changing dimensions as a function of all versions of a key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sandbox.ledger.calculation import UNKNOWN_SK, grouped, picked, sha256
from sandbox.ledger.typed import Record

_BEGINNING = datetime(1900, 1, 1)


def history(versions: Iterable[Record], key: str, track: Sequence[str], overwrite: Sequence[str] = ()) -> list[Record]:
    """The periods of every key: its version's columns plus valid_from, valid_to (None while open) and is_current.

    A version that changes no tracked column continues the period before it, which takes over its `overwrite` columns;
    one with `is_deleted` ends it, and the next one begins another. `updated_at` says when a version begins; of two of
    one moment the one that deletes is the later.
    """
    periods: list[Record] = []
    for group in grouped(versions, lambda version: version[key]).values():
        current: Record | None = None
        for version in _one_a_moment(group):
            at = version["updated_at"]
            if current is not None and not version["is_deleted"] and _same(current, version, track):
                current.update(picked(version, *overwrite))
                continue
            if current is not None:
                current["valid_to"] = at
                current["is_current"] = False
            current = None
            if not version["is_deleted"]:
                current = version | {"valid_from": at, "valid_to": None, "is_current": True}
                periods.append(current)
    return periods


def surrogate_key(natural_key: str, valid_from: datetime) -> str:
    """The first 32 hex digits of SHA-256 over key and beginning."""
    return sha256(f"{natural_key}|{valid_from:%Y-%m-%d %H:%M:%S.%f}")[:32]


def unknown_member(columns: Sequence[str], key: str, surrogate: str) -> Record:
    """The row that facts point to when their member is not known: valid at any time, and no member as of now."""
    known = {key: "unknown", surrogate: UNKNOWN_SK, "valid_from": _BEGINNING, "valid_to": None, "is_current": False}
    return {column: known.get(column) for column in columns}


def _one_a_moment(versions: Iterable[Record]) -> Iterable[Record]:
    """The versions in order of time, of one moment the last."""
    in_order = sorted(versions, key=lambda version: (version["updated_at"], bool(version["is_deleted"])))
    return {version["updated_at"]: version for version in in_order}.values()


def _same(current: Record, version: Record, track: Sequence[str]) -> bool:
    return all(current[column] == version[column] for column in track)
