"""`mode: replace` with `write.partition_by`: the partitions of the batch are replaced, those without a value too."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.compute.candidate import candidate
from tidemark.sources import Extract

T = "bronze.sales"
KINDS: dict[str, tuple[Any, Any]] = {
    "date": (date(2025, 3, 1), date(2025, 3, 2)),
    "string": ("a'b\\c", "NULL"),
    "int": (1, -2),
    "boolean": (True, False),
    "timestamp": (datetime(2025, 3, 1, 1, 2, 3, 456789), datetime(2025, 3, 2)),
    "decimal(9,2)": (Decimal("1.50"), Decimal("2.00")),
    "double": (1.5, 1e20),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_partitions_of_the_batch_are_replaced(lake: Lake, kind: str) -> None:
    write = {"mode": "replace", "partition_by": ["p"]}
    load = {"source": {"connection": "shop", "object": "x"}, "partition_by": ["p"], "write": write}
    lake.table(T, f"id! int\np {kind}\nqty int", load)
    model: dict[Any, set[tuple[int, int]]] = {}
    for number, partitions in enumerate(([0, 1, None], [None], [0, None], [1], [None, 1])):
        values = [None if each is None else KINDS[kind][each] for each in partitions]
        rows = [(10 * number + position, value, number) for position, value in enumerate(values)]
        before = {value: len(model.get(value, ())) for value in values}

        seen, books = replaced(lake, kind, rows)

        model |= {value: {(id_, qty) for id_, each, qty in rows if each == value} for value in values}
        expected = sorted(row for rows in model.values() for row in rows)
        assert lake.read(T, "id", "qty") == expected, f"the table after {values}"
        assert seen == expected, f"the candidate that the gate judges after {values}"
        assert books == (len(rows), sum(before.values())), f"the books after {values}"


def replaced(lake: Lake, kind: str, rows: Collection[Any]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """What the candidate holds, and how many rows came and went."""
    engine = lake.engine()
    frame = lake.frame(f"id int, p {kind}, qty int, _origin string", [(*row, "o") for row in rows])
    identity = {"rows": repr(rows)}
    extract = Extract(table=T, given=frame, watermark={}, identity=identity, full=False, source_system="t")
    prepared = steps.prepare(engine, T, steps.validate(engine, T, extract))
    seen = sorted((row.id, row.qty) for row in candidate(engine, engine.session(T), T).collect())
    steps.commit(engine, T, prepared)
    return seen, (prepared.books.inserted, prepared.books.vanished)
