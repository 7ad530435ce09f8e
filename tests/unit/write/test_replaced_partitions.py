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
from tidemark.engine import Engine
from tidemark.plans import predict
from tidemark.sources import Extract
from tidemark.write.manifest import Prepared

pytestmark = pytest.mark.usefixtures("planned_anew")

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


def described(lake: Lake, kind: str) -> None:
    write = {"mode": "replace", "partition_by": ["p"]}
    load = {"source": {"connection": "shop", "object": "x"}, "partition_by": ["p"], "write": write}
    lake.table(T, f"id! int\np {kind}\nqty int", load | {"limits": {"deleted": 1000, "rejected": 1000}})


@pytest.mark.parametrize(
    "kind", [kind if kind in ("date", "string") else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_only_the_partitions_of_the_batch_are_replaced(lake: Lake, kind: str) -> None:
    described(lake, kind)
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


ALIKE: dict[str, list[Any]] = {
    "string": [None, "NULL", "null", "%", "%2F", "/", "a/b", "a=b", "A", "a", " ", "a ", "\u00e9", "e\u0301", "'", "\\",
               "1", "01", "2025-03-01", "*", "{}", "..", "\n"],
    "double": [None, 0.0, float("nan"), float("inf"), float("-inf"), 5e-324, 0.1, 0.1 + 0.2, 1e20],
    "float": [None, 0.5, float("nan"), 16777216.0],
    "date": [None, date(1, 1, 1), date(9999, 12, 31), date(1582, 10, 10)],
    "timestamp": [None, datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), datetime(2025, 10, 26, 0, 30),
                  datetime(2025, 10, 26, 1, 30), datetime(2025, 10, 26, 1, 30, 0, 1)],
}  # fmt: skip


@pytest.mark.parametrize("kind", ALIKE)
def test_values_that_look_alike_are_partitions_of_their_own(lake: Lake, kind: str) -> None:
    """Every other one is replaced: of the table, for the gate and in the plan."""
    described(lake, kind)
    values = ALIKE[kind]
    replaced(lake, kind, [(number, value, 0) for number, value in enumerate(values)])
    again = range(0, len(values), 2)
    engine, prepared = received(lake, kind, [(number, values[number], 1) for number in again])

    planned = predict.predict(engine, T, {})

    assert len(planned.partitions) + planned.more_partitions >= min(len(again), predict.PARTITIONS)
    seen = sorted((row.id, row.qty) for row in candidate(engine, engine.session(T), T).collect())
    steps.commit(engine, T, prepared)
    expected = [(number, int(number in again)) for number in range(len(values))]
    assert sorted(lake.read(T, "id", "qty")) == seen == expected
    assert (prepared.books.inserted, prepared.books.vanished) == (len(again), len(again))
    assert planned.samples == {}


def test_minus_zero_is_zero_and_stays_one_partition(lake: Lake) -> None:
    described(lake, "double")
    replaced(lake, "double", [(1, 0.0, 0), (2, -0.0, 0), (3, 1.0, 0)])
    seen, books = replaced(lake, "double", [(4, -0.0, 1)])
    assert lake.read(T, "id", "qty") == seen == [(3, 0), (4, 1)]
    assert books == (1, 2)


@pytest.mark.parametrize("text", ["", "__HIVE_DEFAULT_PARTITION__", "x" * 181, "/" * 61])
def test_what_no_folder_can_be_called_is_rejected(lake: Lake, text: str) -> None:
    """Delta would keep the first two as null, in another partition; the others no disk takes."""
    described(lake, "string")
    replaced(lake, "string", [(1, None, 0), (2, "x" * 180, 0), (3, "/" * 60, 0)])
    seen, books = replaced(lake, "string", [(4, text, 1), (5, "b", 1)])
    assert lake.read(T, "id", "p") == [(1, None), (2, "x" * 180), (3, "/" * 60), (5, "b")]
    assert seen == [(1, 0), (2, 0), (3, 0), (5, 1)]
    assert books == (1, 0)
    (error,) = lake.errors(T)
    assert [(each["rule"], each["column"], each["value"]) for each in error["reasons"]] == [("partition", "p", text)]


def replaced(lake: Lake, kind: str, rows: Collection[Any]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """What the candidate holds, and how many rows came and went."""
    engine, prepared = received(lake, kind, rows)
    seen = sorted((row.id, row.qty) for row in candidate(engine, engine.session(T), T).collect())
    steps.commit(engine, T, prepared)
    return seen, (prepared.books.inserted, prepared.books.vanished)


def received(lake: Lake, kind: str, rows: Collection[Any]) -> tuple[Engine, Prepared]:
    """The batch of these rows, prepared and not committed; what is rejected of it is in the error lane."""
    engine = lake.engine()
    frame = lake.frame(f"id int, p {kind}, qty int, _origin string", [(*row, "o") for row in rows])
    identity = {"rows": repr(rows)}
    extract = Extract(table=T, given=frame, watermark={}, identity=identity, full=False, source_system="t")
    checked = steps.validate(engine, T, extract)
    return engine, lake.prepare(engine, T, checked)[0]


DAYS = "gold.days"


@pytest.fixture
def days(lake: Lake) -> Lake:
    """The sum of each day, of the sales that are not gone."""
    upsert = {"mode": "upsert", "keys": ["id"], "order_by": ["at"], "deletes": {"flag": "gone"}}
    load = {"source": {"connection": "shop", "object": "x"}, "write": upsert}
    lake.table(T, "id! int\np date\nqty int\nat int", load, keys=["id"])
    by_day = {"partition_by": ["p"], "write": {"mode": "replace", "partition_by": ["p"]}}
    lake.table(
        DAYS,
        "p! date\nqty bigint",
        {"inputs": {T: {"refresh": "full"}}, "limits": {"deleted": 1000}} | by_day,
        sql=f"SELECT p, sum(qty) AS qty FROM {T} GROUP BY p",
    )
    sold(lake, (1, date(2025, 3, 1), 5, 1, False), (2, date(2025, 3, 2), 7, 1, False))
    lake.build(DAYS)
    return lake


def sold(lake: Lake, *rows: tuple[Any, ...]) -> None:
    lake.load(T, lake.frame("id int, p date, qty int, at int, gone boolean", rows))


def test_a_day_that_the_query_does_not_give_any_more_stays_until_all_of_it_is_asked_for(days: Lake) -> None:
    sold(days, (1, None, None, 2, True))
    days.build(DAYS)
    assert days.read(DAYS) == [(date(2025, 3, 1), 5), (date(2025, 3, 2), 7)]

    engine = days.engine()
    checked = steps.build(engine, DAYS, full=True)
    assert checked is not None
    prepared, _ = days.prepare(engine, DAYS, checked)
    seen = sorted((row.p, row.qty) for row in candidate(engine, engine.session(DAYS), DAYS).collect())
    planned = predict.predict(engine, DAYS, {})
    steps.commit(engine, DAYS, prepared)

    assert days.read(DAYS) == seen == [(date(2025, 3, 2), 7)]
    assert (prepared.books.inserted, prepared.books.unchanged, prepared.books.vanished) == (0, 1, 1)
    assert planned.partitions == ("p=2025-03-01", "p=2025-03-02")
