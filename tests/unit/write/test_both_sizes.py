"""Large tables hold what small ones hold, with the same books: by MERGE or rewritten, shuffled or broadcast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tests.support.lakes.sizes import everything_is_large
from tidemark import steps
from tidemark.compute.candidate import candidate

T = "bronze.things"
SOURCE = {"connection": "shop", "object": "things"}
WIDE = 62  # columns: with the others, more than the null map of a row's hash has bits
FILLERS = [f"c{number}" for number in range(WIDE)]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """Batches of rows (id, a, b, value, gone), how they are written, and what a plain model makes of them."""

    write: Mapping[str, Any]
    batches: Sequence[Sequence[Row]]
    model: Callable[[Sequence[Sequence[Row]]], dict[Any, Row]]
    full: bool = False
    layout: Mapping[str, Any] = field(default_factory=dict)
    wide: bool = False


def newest(batches: Sequence[Sequence[Row]]) -> dict[Any, Row]:
    """Of each key the row that is greatest by (a, b), a null below all, of equal ones a delete, which leaves none."""
    found: dict[Any, Row] = {}
    for row in (row for batch in batches for row in batch):
        if row[0] not in found or _rank(row) >= _rank(found[row[0]]):
            found[row[0]] = row
    return {key: row for key, row in found.items() if not row[4]}


def _rank(row: Row) -> tuple[Any, ...]:
    return (row[1] is not None, row[1] or 0, row[2] is not None, row[2] or 0, row[4])


def last_extract(batches: Sequence[Sequence[Row]]) -> dict[Any, Row]:
    return newest([batches[-1]])


def with_tombstones(batches: Sequence[Sequence[Row]]) -> dict[Any, Row]:
    ever = {row[0]: row for batch in batches for row in batch}
    return {key: (*row[:4], True) for key, row in ever.items()} | last_extract(batches)


HISTORY = [
    [(1, 1, 1, "a", False), (2, 1, None, "b", False), (3, None, 5, "c", False), (4, 2, 2, "d", False)],
    [(1, 1, 0, "late", False), (2, 1, 1, "b2", False), (3, None, 6, "c2", False), (5, 9, 9, "e", False)],
    [(1, 1, 1, "a", False), (4, 2, 3, "d", True), (5, 9, 9, "e", False), (3, 1, None, "c3", False)],
    [(4, 2, 1, "ghost", False), (2, None, None, "older", False), (6, 0, 0, "f", False)],
]
EXTRACTS = [
    [(number, 1, number, f"v{number}", False) for number in range(12)],
    [(number, 2, number, f"v{number}" if number % 3 else "new", False) for number in range(1, 13)],
    [(number, 2, number, f"v{number}" if number % 3 else "new", False) for number in range(1, 13)],
]
UPSERT = {"mode": "upsert", "keys": ["id"], "order_by": ["a", "b"]}
CASES = {
    "composite order, deletes by flag": Case(UPSERT | {"deletes": {"flag": "gone"}}, HISTORY[:3], newest),
    "clustered": Case(UPSERT, [HISTORY[0], HISTORY[1]], newest, layout={"cluster_by": ["a"]}),
    "partitioned": Case(UPSERT, [HISTORY[0], HISTORY[1]], newest, layout={"partition_by": ["value"]}),
    "wide": Case(UPSERT, [HISTORY[0], HISTORY[1]], newest, wide=True),
    "complete, what is missing goes": Case(
        UPSERT | {"deletes": {"missing": "hard"}}, EXTRACTS, last_extract, full=True, wide=True
    ),
    "complete, what is missing is marked": Case(
        UPSERT | {"deletes": {"missing": "soft", "flag": "gone"}}, EXTRACTS, with_tombstones, full=True
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_large_table_is_written_as_a_small_one(spark: SparkSession, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    small = played(Lake(spark, tmp_path / "small"), case)
    with everything_is_large():
        large = played(Lake(spark, tmp_path / "large"), case)

    assert large == small
    for number, (rows, seen, _) in enumerate(small, start=1):
        expected = sorted((row[:4] for row in case.model(case.batches[:number]).values()), key=repr)
        assert rows == expected, f"after batch {number}"
        assert seen == expected, f"the candidate of batch {number}"


def played(lake: Lake, case: Case) -> list[tuple[list[Row], list[Row], dict[str, int]]]:
    """After each batch: the table, the candidate that the gate saw, and the books."""
    more = [f"{name} int" for name in FILLERS] if case.wide else []
    wanted = ["id", "a", "b", "value"]
    columns = ["id! int", "a int", "b int", "value string"]
    flagged = "gone" in str(case.write)
    columns += ["gone boolean"] if flagged and "missing" in str(case.write) else []
    lake.table(
        T,
        "\n".join([*columns, *more]),
        {"source": SOURCE | ({"mode": "full"} if case.full else {}), "write": dict(case.write), **case.layout}
        | ({"limits": {"deleted": 1000}} if case.full else {}),
        keys=["id"],
    )
    told = []
    for batch in case.batches:
        engine = lake.engine()
        schema = ", ".join(["id int, a int, b int, value string", *(["gone boolean"] if flagged else []), *more])
        rows = [(*row[: 5 if flagged else 4], *(row[0] + each for each in range(len(more)))) for row in batch]
        prepared, _ = lake.receive(engine, T, lake.frame(schema, rows), full=case.full)
        seen = candidate(engine, engine.session(T), T).select(*wanted).collect()
        steps.commit(engine, T, prepared)
        told.append((lake.read(T, *wanted), sorted(map(tuple, seen), key=repr), prepared.books.to_json()))
    return told
