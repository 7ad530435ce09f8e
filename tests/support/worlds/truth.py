"""Compares tables with the shop's ledger: as sets of rows by key, with readable differences."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.ledger import Ledger

Row = Mapping[str, Any]

ONLY_READING_TELLS: Mapping[str, tuple[str, ...]] = {"silver.products": ("received_at",)}
"""Columns that say when an extract was taken: the ledger knows what is true, and not who looked when."""

_ABSENT = "absent"


def unlike(truth: Ledger, tables: Iterable[str], read: Callable[[str], Iterable[Row]]) -> dict[str, list[str]]:
    """How the tables, by what `read` gives of each, differ from the ledger; {} when all are equal."""
    found = {}
    for table in tables:
        beside = ONLY_READING_TELLS.get(table, ())
        found[table] = differences(truth.expected(table), read(table), truth.key(table), beside=beside)
    return {table: lines for table, lines in found.items() if lines}


def differences(
    expected: Iterable[Row],
    actual: Iterable[Row],
    key: Sequence[str],
    most: int = 5,
    beside: Collection[str] = (),
) -> list[str]:
    """What is missing, too much, doubled or different, in a few lines; [] when both are equal.

    A row has the columns that are expected, and no others than those of `beside` and the engine's own.
    """
    found: list[str] = []
    wanted = {_key(row, key): row for row in expected}
    seen: set[tuple[Any, ...]] = set()
    for row in actual:
        name = _key(row, key)
        if name in seen:
            found.append(f"{name} is there twice")
        elif name not in wanted:
            found.append(f"{name} should not be there: {dict(row)}")
        else:
            found += _unequal(name, wanted[name], row, beside)
        seen.add(name)
    found += [f"{name} is missing" for name in wanted.keys() - seen]
    return found[:most] + ([f"and {len(found) - most} more"] if len(found) > most else [])


def _key(row: Row, key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in key)


def _unequal(name: tuple[Any, ...], wanted: Row, row: Row, beside: Collection[str]) -> list[str]:
    columns = (*wanted, *(column for column in row if column not in wanted and column not in beside))
    return [
        f"{name}.{column}: is {row.get(column, _ABSENT)!r}, must be {wanted.get(column, _ABSENT)!r}"
        for column in columns
        if row.get(column, _ABSENT) != wanted.get(column, _ABSENT) and not column.startswith("_")
    ]


def error_lane(home: Path, table: str, runs: Collection[str]) -> list[dict[str, Any]]:
    """Every error of a table that these runs found, from the files of the lane."""
    lane = home / "lake" / "_errors" / Path(*table.split("."))
    files = [file for run in runs for file in sorted(lane.glob(f"dt=*/run_id={run}/*.json"))]
    lines = (line for file in files for line in file.read_text("utf-8").splitlines())
    return [json.loads(line) for line in lines]
