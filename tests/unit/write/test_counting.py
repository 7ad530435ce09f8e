"""The books are counted from what is there: a step that loses or doubles a row leaves books that do not balance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame

from tests.support.lakes.lake import Lake, at
from tidemark.books import Books
from tidemark.errors import CommitError
from tidemark.rows.batches import Counter
from tidemark.write import compare, prepare
from tidemark.write.modes import append

pytestmark = pytest.mark.usefixtures("planned_anew")

TABLE = "bronze.cities"
COLUMNS = "id! string\ncity string {enum: [{value: Ulm}, {value: Bonn}]}\nupdated_at! timestamp"
SCHEMA = "id string, city string, updated_at timestamp"
ROWS = [
    ("a", "Ulm", at(1)),
    ("a", "Bonn", at(2)),
    ("b", "Ulm", at(1)),
    ("b", "Rom", at(2)),
    ("c", "Ulm", at(1)),
    ("c", "Ulm", at(1)),
]
MODES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "upsert": ({"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"]}, compare, "label_by_key"),
    "append": ({"mode": "append", "keys": ["id", "updated_at"]}, append, "label"),
    "replace": ({"mode": "replace", "keys": ["id"], "order_by": ["updated_at"]}, prepare, "newest"),
}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest, lake: Lake) -> str:
    name: str = request.param
    load = {"source": {"connection": "shop", "object": "cities"}, "write": MODES[name][0]}
    lake.table(TABLE, COLUMNS, load, keys=["id"])
    return name


def losing(step: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
    """The step, which forgets a row of what it gives."""
    return lambda *given, **named: step(*given, **named).where("id <> 'c'")


def doubling(step: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
    """The step, which gives a row twice."""

    def twice(*given: Any, **named: Any) -> DataFrame:
        rows = step(*given, **named)
        return rows.unionByName(rows.where("id = 'c'"))

    return twice


def test_superseded_and_equal_rows_are_counted_as_such(mode: str, lake: Lake) -> None:
    books = lake.load(TABLE, lake.frame(SCHEMA, ROWS)).prepared.books

    kept, gone = {"upsert": (3, 2), "replace": (3, 2), "append": (4, 1)}[mode]
    assert books == Books(extracted=6, quarantined=1, accepted=kept, inserted=kept, superseded=gone)


@pytest.mark.parametrize("fault", [losing, doubling])
def test_a_step_that_loses_or_doubles_a_row_fails_the_batch(
    mode: str, fault: Callable[..., Any], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, module, step = MODES[mode]
    monkeypatch.setattr(module, step, fault(getattr(module, step)))

    with pytest.raises(CommitError, match="do not balance"):
        lake.load(TABLE, lake.frame(SCHEMA, ROWS))


def test_what_ran_twice_is_counted_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    load = {"source": {"connection": "shop", "object": "cities"}, "write": MODES["upsert"][0]}
    lake.table(TABLE, COLUMNS, load, keys=["id"])
    counted = Counter.values.fget
    assert counted is not None

    def inflated(counter: Counter) -> dict[str, int]:
        """As if tasks of the first stage had run again, because what they had left died with its executor."""
        values = dict(counted(counter))
        return values | {"extracted": 8, "quarantined": 2} if "extracted" in values else values

    monkeypatch.setattr(Counter, "values", property(inflated))

    books = lake.load(TABLE, lake.frame(SCHEMA, ROWS)).prepared.books

    assert books == Books(extracted=6, quarantined=1, accepted=3, inserted=3, superseded=2)


def test_equal_rejected_rows_are_in_the_lane_each_and_only_once(lake: Lake) -> None:
    load = {"source": {"connection": "shop", "object": "cities"}, "write": {"mode": "append"}}
    lake.table(TABLE, COLUMNS, load)
    bad = [("x", "Rom", at(1))] * 3 + [("y", "Rom", at(1)), ("z", "Ulm", at(1))]

    first = lake.load(TABLE, lake.frame(SCHEMA, bad))
    second = lake.load(TABLE, lake.frame(SCHEMA, [*bad, ("x", "Rom", at(1))]))

    assert first.prepared.books.quarantined == first.new_errors == 4
    assert (second.prepared.books.quarantined, second.new_errors) == (5, 1)
    lane = lake.errors(TABLE)
    assert len({each["error_id"] for each in lane}) == len(lane) == 5
