from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.support.lakes.lake import Lake, at
from tidemark.books import Books
from tidemark.delta.table import read_state
from tidemark.errors import CommitError
from tidemark.rows.alignment import column_name
from tidemark.sources.watermark import Window

pytestmark = pytest.mark.usefixtures("planned_anew")

ORDERS = """
order_id! string {logicalTypeOptions: {pattern: "^O-[0-9]+$"}}
quantity! int {logicalTypeOptions: {minimum: 1}}
email string {logicalTypeOptions: {format: email}}
updated_at! timestamp
"""
SOURCE = "order_id string, quantity string, email string, updated_at timestamp"
KEYS = ["order_id", "updated_at"]


@pytest.fixture
def orders(lake: Lake) -> Lake:
    load = {
        "source": {"connection": "shop", "object": "orders"},
        "watermark": {"column": "updated_at", "lookback": "1d"},
        "write": {"mode": "append", "keys": KEYS},
    }
    lake.table("bronze.orders", ORDERS, load, keys=KEYS)
    return lake


def window(high: int, low: int | None = None) -> dict[str, str | None]:
    start = (at(low) - timedelta(hours=1)).isoformat() if low else None
    return {
        "column": "UpdatedAt",  # as the source calls it
        "low": start,
        "high": at(high).isoformat(),
    }


def test_good_rows_are_appended_with_their_types_and_metadata(orders: Lake) -> None:
    frame = orders.frame(SOURCE, [("O-1", "2", "a@b.de", at(1)), ("O-2", "3", None, at(2))])

    loaded = orders.load("bronze.orders", frame, watermark=window(3))

    assert orders.read("bronze.orders") == [("O-1", 2, "a@b.de", at(1)), ("O-2", 3, None, at(2))]
    assert loaded.prepared.books == Books(extracted=2, accepted=2, inserted=2)
    metadata = orders.read("bronze.orders", "_batch_id", "_source_system", "_run_date", "_ingest_ts")
    assert {row[:3] for row in metadata} == {(loaded.prepared.batch_id, "test", date(2025, 3, 1))}
    assert {row[3] for row in metadata} == {orders.engines[-1].run.started_at}


def test_the_commit_carries_batch_watermark_and_books(orders: Lake) -> None:
    loaded = orders.load("bronze.orders", orders.frame(SOURCE, [("O-1", "2", None, at(1))]), watermark=window(3))

    state = read_state(orders.spark, orders.path("bronze.orders"))

    assert state.batch_id == loaded.prepared.batch_id
    assert state.watermark == window(3)
    assert state.metadata["books"] == Books(extracted=1, accepted=1, inserted=1).to_json()
    assert state.metadata["run_id"] == orders.engines[-1].run.run_id
    assert state.metadata["contract_version"] == "1.0.0"


def test_bad_rows_go_to_the_error_lane_with_every_reason_and_the_payload_as_it_came(orders: Lake) -> None:
    rows = [("O-1", "1", None, at(1)), ("X", "two", "nobody", at(1)), (None, "0", None, at(1))]

    loaded = orders.load("bronze.orders", orders.frame(SOURCE, rows), watermark=window(3))

    assert loaded.prepared.books == Books(extracted=3, accepted=1, inserted=1, quarantined=2)
    assert loaded.new_errors == 2
    by_payload = {error["payload"]: error for error in orders.errors("bronze.orders")}
    worst = by_payload['{"order_id":"X","quantity":"two","email":"nobody","updated_at":"2025-03-01T00:00:00.000000Z"}']
    assert [(reason["column"], reason["rule"], reason["value"]) for reason in worst["reasons"]] == [
        ("order_id", "pattern", "X"),
        ("quantity", "type", "two"),
        ("email", "format", "nobody"),
    ]
    assert worst["origin"] == "test://bronze.orders"
    assert worst["batch_id"] == loaded.prepared.batch_id
    other = by_payload['{"order_id":null,"quantity":"0","email":null,"updated_at":"2025-03-01T00:00:00.000000Z"}']
    assert [(reason["column"], reason["rule"]) for reason in other["reasons"]] == [
        ("order_id", "required"),
        ("quantity", "minimum"),
    ]


def test_the_same_rows_again_commit_nothing_and_reject_nothing_twice(orders: Lake) -> None:
    rows = [("O-1", "1", None, at(1)), ("X", "1", None, at(1))]
    first = orders.load("bronze.orders", orders.frame(SOURCE, rows), watermark=window(3))

    again = orders.load("bronze.orders", orders.frame(SOURCE, rows), watermark=window(3, low=1))

    assert again.prepared.books == Books(extracted=2, accepted=1, unchanged=1, quarantined=1)
    assert (again.committed.changed, again.committed.version) == (False, first.committed.version)
    assert again.new_errors == 0
    assert len(orders.errors("bronze.orders")) == 1


def test_identical_rows_of_a_batch_are_received_once_and_versions_of_a_key_are_all_kept(orders: Lake) -> None:
    rows = [("O-1", "1", None, at(1)), ("O-1", "1", None, at(1)), ("O-1", "5", None, at(2)), ("O-1", "6", None, at(2))]

    loaded = orders.load("bronze.orders", orders.frame(SOURCE, rows), watermark=window(3))

    assert loaded.prepared.books == Books(extracted=4, accepted=3, inserted=3, superseded=1)
    assert len(orders.read("bronze.orders")) == 3


def test_a_late_row_inside_the_lookback_is_added_though_the_window_is_an_old_one(orders: Lake) -> None:
    orders.load("bronze.orders", orders.frame(SOURCE, [("O-1", "1", None, at(3))]), watermark=window(3))
    for late in ("O-2", "O-3"):
        rows = [("O-1", "1", None, at(3)), (late, "1", None, at(2, 12))]
        loaded = orders.load(
            "bronze.orders",
            orders.frame(SOURCE, rows),
            watermark=window(3, low=2),
            identity={"window": "the same"},
        )
        assert loaded.prepared.books.inserted == 1

    assert [row[0] for row in orders.read("bronze.orders", "order_id")] == ["O-1", "O-2", "O-3"]


def test_an_unknown_column_is_added_and_older_rows_stay_known(orders: Lake) -> None:
    orders.load("bronze.orders", orders.frame(SOURCE, [("O-1", "1", None, at(1))]), watermark=window(2))
    rows = [("O-1", "1", None, at(1), None), ("O-2", "1", None, at(2), "web")]

    loaded = orders.load("bronze.orders", orders.frame(f"{SOURCE}, `Sales.Channel` string", rows), watermark=window(3))

    assert loaded.prepared.books == Books(extracted=2, accepted=2, inserted=1, unchanged=1)
    assert orders.read("bronze.orders", "order_id", column_name("Sales.Channel")) == [("O-1", None), ("O-2", "web")]
    again = orders.load("bronze.orders", orders.frame(SOURCE, [("O-3", "1", None, at(2))]), watermark=window(4, 1))
    assert again.prepared.books.inserted == 1
    assert orders.delta("bronze.orders").count() == 3


def test_under_strict_evolution_an_unknown_column_stops_the_batch(lake: Lake) -> None:
    load = {"source": {"connection": "shop", "object": "o"}, "write": {"mode": "append"}, "evolution": "strict"}
    lake.table("bronze.orders", ORDERS, load)

    with pytest.raises(CommitError, match=r"(?s)columns that the contract 1\.0\.0 does not know.*channel string"):
        lake.load("bronze.orders", lake.frame(f"{SOURCE}, channel string", [("O-1", "1", None, at(1), "web")]))

    assert read_state(lake.spark, lake.path("bronze.orders")).version is None


def test_a_missing_required_column_sends_every_row_to_the_error_lane(orders: Lake) -> None:
    frame = orders.frame("order_id string, updated_at timestamp", [("O-1", at(1)), ("O-2", at(1))])

    loaded = orders.load("bronze.orders", frame, watermark=window(3))

    assert loaded.prepared.books == Books(extracted=2, quarantined=2)
    assert {error["reasons"][0]["column"] for error in orders.errors("bronze.orders")} == {"quantity"}


def test_an_empty_batch_that_moves_the_watermark_is_noted_in_the_table(orders: Lake) -> None:
    orders.load("bronze.orders", orders.frame(SOURCE, [("O-1", "1", None, at(1))]), watermark=window(2))

    loaded = orders.load("bronze.orders", orders.frame(SOURCE, []), watermark=window(4, low=1))

    assert loaded.committed.changed
    assert read_state(orders.spark, orders.path("bronze.orders")).watermark["high"] == at(4).isoformat()
    assert orders.delta("bronze.orders").count() == 1


def test_a_window_of_the_past_adds_what_is_missing_and_leaves_the_watermark_where_it_was(orders: Lake) -> None:
    rows = [("O-1", "1", None, at(2)), ("O-2", "5", None, at(9))]
    orders.load("bronze.orders", orders.frame(SOURCE, rows), watermark=window(9, low=8))
    before = read_state(orders.spark, orders.path("bronze.orders")).watermark
    past = [("O-1", "1", None, at(2)), ("O-2", "4", None, at(2, 1)), ("O-3", "1", None, at(2, 2))]
    again = {"watermark": before, "window": Window("updated_at", at(2) - timedelta(microseconds=1), at(3))}

    loaded = orders.load("bronze.orders", orders.frame(SOURCE, past), **again)

    assert loaded.prepared.books == Books(extracted=3, accepted=3, inserted=2, unchanged=1)
    state = read_state(orders.spark, orders.path("bronze.orders"))
    assert (state.batch_id, state.watermark) == (loaded.prepared.batch_id, before)
    assert ("O-2", 5, None, at(9)) in orders.read("bronze.orders"), "the older version lies beside the newer one"
    repeated = orders.load("bronze.orders", orders.frame(SOURCE, past), **again)
    assert (repeated.committed.changed, repeated.prepared.books.unchanged) == (False, 3)


def test_a_batch_prepared_before_another_was_committed_is_refused(orders: Lake) -> None:
    from tidemark import steps
    from tidemark.sources import Extract

    slow, fast = orders.engine(), orders.engine()
    frame = orders.frame(SOURCE + ", _origin string", [("O-1", "1", None, at(1), "x")])
    extract = Extract("bronze.orders", frame, window(2), {"window": 1}, False, "test", (), False)
    prepared = steps.prepare(slow, "bronze.orders", steps.validate(slow, "bronze.orders", extract))
    orders.load("bronze.orders", orders.frame(SOURCE, [("O-9", "1", None, at(1))]), engine=fast, watermark=window(2))

    with pytest.raises(CommitError, match="another run has committed"):
        steps.commit(slow, "bronze.orders", prepared)

    assert orders.read("bronze.orders", "order_id") == [("O-9",)]


def test_full_extracts_keep_versions_and_tombstones_and_a_rejected_row_is_no_deletion(lake: Lake) -> None:
    load = {
        "source": {"connection": "shop", "object": "products", "mode": "full"},
        "write": {"mode": "append", "keys": ["id"], "deletes": {"missing": "soft", "flag": "is_deleted"}},
    }
    columns = "id! string\nprice! int {logicalTypeOptions: {minimum: 0}}\nis_deleted boolean"
    lake.table("bronze.products", columns, load, keys=["id"])

    def extract(*rows: tuple[str, int]) -> Books:
        return lake.load("bronze.products", lake.frame("id string, price int", rows), full=True).prepared.books

    extract(("a", 1), ("b", 1), ("c", 1))
    assert extract(("a", 2), ("b", -1)) == Books(
        extracted=2, accepted=1, inserted=1, quarantined=1, vanished=1
    )  # b is rejected, not gone
    assert extract(("a", 1), ("b", 1)) == Books(extracted=2, accepted=2, inserted=1, unchanged=1)
    assert extract(("a", 1), ("b", 1), ("c", 1)) == Books(extracted=3, accepted=3, inserted=1, unchanged=2)
    assert lake.read("bronze.products") == [
        ("a", 1, None),
        ("a", 1, None),
        ("a", 2, None),
        ("b", 1, None),
        ("c", 1, None),
        ("c", 1, None),
        ("c", 1, True),
    ]
