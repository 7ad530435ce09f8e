"""Rejected rows come into their table after a fix: all of them, once, whatever dies on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tests.support.lakes.replays import COMMITTED, replayed
from tests.support.lakes.saved import Beginnings
from tidemark import faults
from tidemark.books import Books
from tidemark.control import release
from tidemark.control.release import Release
from tidemark.errorlane import replay
from tidemark.errorlane.replay import Which
from tidemark.errors import ConfigError
from tidemark.operations import restore as restoring

TABLE = "bronze.orders"
COLUMNS = "id! string\nstatus string {enum: [{value: new}, {value: paid}]}\namount decimal(9,2)\nupdated_at! timestamp"
SCHEMA = "ID string, STATUS string, AMOUNT double, UPDATED_AT timestamp"
LOAD: dict[str, Any] = {
    "source": {"connection": "shop", "object": "x"},
    "watermark": {"column": "updated_at"},
    "write": {"mode": "append", "keys": ["id"]},
}
MOMENT = at(1).replace(microsecond=123456)
RECEIVED = [
    ("1", "new", 1.5, MOMENT),
    ("2", "lent", 2.25, MOMENT),
    ("3", "lent", None, at(2)),
    ("4", "broken", 4.0, at(2)),
]
WINDOW = {"column": "updated_at", "low": None, "high": "2025-03-02T00:00:00.000000"}


class DiedError(Exception):
    """Stands for the end of the process."""


# A log without keys is the harder case: nothing but the ledger keeps a row from coming in twice.
@pytest.fixture
def orders(beginnings: Beginnings) -> Lake:
    return beginnings.of(received)[0]


def received(lake: Lake) -> None:
    lake.table(TABLE, COLUMNS, LOAD | {"write": {"mode": "append"}})
    lake.load(TABLE, lake.frame(SCHEMA, RECEIVED), watermark=WINDOW)


def mend(lake: Lake, load: dict[str, Any] | None = None) -> None:
    """From now on an order can be lent too."""
    mended = COLUMNS.replace("{value: paid}", "{value: paid}, {value: lent}")
    lake.table(TABLE, mended, load or LOAD | {"write": {"mode": "append"}})


@contextmanager
def dying_at(point: str) -> Iterator[None]:
    """What is done inside ends at the point, as if the process did."""

    def die(reached: str) -> None:
        if reached == point:
            raise DiedError(point)

    end = faults.observed_by(die)
    try:
        with pytest.raises(DiedError):
            yield
    finally:
        end()


def released(lake: Lake) -> Release:
    engine = lake.engine()
    return release.record(engine.state, engine.run, {})[0]


def ids(lake: Lake) -> list[str]:
    return [row[0] for row in lake.read(TABLE, "id")]


def test_what_keeps_the_contract_now_comes_in_as_it_was_and_the_rest_stays_open(orders: Lake) -> None:
    mend(orders)

    assert replayed(orders, TABLE) == Books(extracted=3, accepted=2, quarantined=1, inserted=2)

    rows = orders.read(TABLE, "id", "status", "amount", "updated_at")
    assert [(row[0], row[1], str(row[2]), row[3]) for row in rows] == [
        ("1", "new", "1.50", MOMENT),
        ("2", "lent", "2.25", MOMENT),
        ("3", "lent", "None", at(2)),
    ]
    assert len(orders.errors(TABLE)) == 3, "the lane keeps what it got"


def test_a_row_that_is_in_a_table_with_keys_already_does_not_come_in_again(lake: Lake) -> None:
    lake.table(TABLE, COLUMNS, LOAD)
    lake.load(TABLE, lake.frame(SCHEMA, RECEIVED), watermark=WINDOW)
    mend(lake, LOAD)
    lake.load(TABLE, lake.frame(SCHEMA, RECEIVED[:2]), watermark=WINDOW)
    assert ids(lake) == ["1", "2"], "the window was read again after the fix"

    assert replayed(lake, TABLE) == Books(extracted=3, accepted=2, quarantined=1, inserted=1, unchanged=1)
    assert ids(lake) == ["1", "2", "3"]


def test_a_row_that_came_again_after_the_fix_is_in_a_log_without_keys_once(orders: Lake) -> None:
    """Windows overlap in their ends: what was rejected there comes with the next one too."""
    mend(orders)
    again = orders.frame(SCHEMA, [RECEIVED[2], RECEIVED[2]])
    orders.load(TABLE, again, watermark=WINDOW | {"low": WINDOW["high"]}, rereads=True)
    assert ids(orders) == ["1", "3", "3"]

    assert replayed(orders, TABLE) == Books(extracted=3, accepted=2, quarantined=1, inserted=1, unchanged=1)
    assert ids(orders) == ["1", "2", "3", "3"]


def test_a_second_replay_changes_nothing(orders: Lake) -> None:
    mend(orders)
    replayed(orders, TABLE)
    received = orders.delta(TABLE).count()

    assert replayed(orders, TABLE) == Books(extracted=1, quarantined=1)
    assert orders.delta(TABLE).count() == received


def test_without_a_fix_all_stay_open(orders: Lake) -> None:
    assert replayed(orders, TABLE) == Books(extracted=3, quarantined=3)
    mend(orders)
    assert replayed(orders, TABLE) == Books(extracted=3, accepted=2, quarantined=1, inserted=2)


@pytest.mark.parametrize("point", [f"{TABLE}: replay noted", f"{TABLE}: committed, not in the index", COMMITTED])
def test_a_replay_that_dies_is_ended_by_the_next_and_nothing_comes_in_twice(orders: Lake, point: str) -> None:
    mend(orders)
    engine = orders.engine()

    with dying_at(point):
        replayed(orders, TABLE, engine=engine)
    engine.leases.release(TABLE)  # of a process that is gone a lease is free
    replayed(orders, TABLE)

    assert ids(orders) == ["1", "2", "3"]
    assert replayed(orders, TABLE) == Books(extracted=1, quarantined=1)


def test_one_that_dies_after_a_commit_by_deltas_own_writer_is_ended_too(lake: Lake) -> None:
    load = LOAD | {"write": {"mode": "append"}, "partition_by": ["status"]}
    lake.table(TABLE, COLUMNS, load)
    lake.load(TABLE, lake.frame(SCHEMA, RECEIVED), watermark=WINDOW)
    mend(lake, load)
    engine = lake.engine()
    with dying_at(f"{TABLE}: committed, not in the index"):
        replayed(lake, TABLE, engine=engine)
    engine.leases.release(TABLE)
    replayed(lake, TABLE)
    assert ids(lake) == ["1", "2", "3"]


def test_only_the_rows_of_a_rule_or_a_run(orders: Lake) -> None:
    mend(orders)

    assert replayed(orders, TABLE, Which(rule="amount.minimum")) is None
    assert replayed(orders, TABLE, Which(run="ffff-none")) is None
    assert replayed(orders, TABLE, Which(rule="enum", run=orders.errors(TABLE)[0].get("run_id"))) is not None


def test_a_replay_leaves_the_watermark_where_it_is(orders: Lake) -> None:
    mend(orders)
    replayed(orders, TABLE)

    assert orders.engine().state.get("table", TABLE).value["watermark"]["high"] == WINDOW["high"]


def test_tables_that_are_read_or_built_as_a_whole_have_nothing_to_replay(lake: Lake) -> None:
    whole = {"source": {"connection": "shop", "object": "x", "mode": "full"}, "write": LOAD["write"]}
    lake.table("bronze.items", "id! string", whole)
    built = {"inputs": {"bronze.items": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
    lake.table("silver.items", "id string", built, keys=["id"], sql="SELECT id FROM bronze.items")
    for table in ("bronze.items", "silver.items"):
        with pytest.raises(ConfigError, match="nothing to replay"):
            replay.replayed(lake.engine(), table, Which())


def test_errors_are_open_again_after_a_restore_even_if_it_dies(orders: Lake) -> None:
    first = released(orders)
    mend(orders)
    replayed(orders, TABLE)
    assert ids(orders) == ["1", "2", "3"]
    engine = orders.engine()
    (step,) = restoring.steps(engine, first)

    with dying_at(f"{TABLE}: restored, its errors not open again"):
        restoring.restore(engine, step, first.name)
    engine.leases.release(TABLE)

    assert ids(orders) == ["1"]
    assert replayed(orders, TABLE) == Books(extracted=3, accepted=2, quarantined=1, inserted=2)
    assert ids(orders) == ["1", "2", "3"]
    assert replayed(orders, TABLE) == Books(extracted=1, quarantined=1)


def test_a_value_that_does_not_fit_a_column_which_the_table_gained_stays_in_the_lane(lake: Lake) -> None:
    append = LOAD | {"write": {"mode": "append"}}
    lake.table(TABLE, COLUMNS, append | {"drift": {"RANK": "discard_row"}})
    ranked = [
        ("1", "new", 1.0, MOMENT, "first"),
        ("2", "new", 1.0, MOMENT, "7"),
        ("3", "new", 1.0, MOMENT, "99999999999"),
    ]
    lake.load(TABLE, lake.frame(f"{SCHEMA}, RANK string", ranked), watermark=WINDOW)
    lake.table(TABLE, COLUMNS, append)
    lake.load(TABLE, lake.frame(f"{SCHEMA}, RANK int", [("4", "new", 1.0, MOMENT, 5)]), watermark=WINDOW)

    assert replayed(lake, TABLE) == Books(extracted=3, accepted=1, quarantined=2, inserted=1)

    assert lake.read(TABLE, "id", "rank") == [("2", 7), ("4", 5)]
    assert replayed(lake, TABLE) == Books(extracted=2, quarantined=2)


def test_numbers_are_replayed_digit_for_digit(lake: Lake) -> None:
    columns, long = (
        "id! string\nstatus string {}\namount decimal(38,18)",
        Decimal("12345678901234567.890123456789012345"),
    )
    load = LOAD | {"write": {"mode": "append"}, "watermark": None}
    lake.table(TABLE, columns.format("{enum: [{value: new}]}"), load)
    frame = lake.frame("id string, status string, amount decimal(38,18)", [("1", "lent", long), ("2", "\ufdd0", long)])
    lake.load(TABLE, frame)
    lake.table(TABLE, columns.format('{enum: [{value: new}, {value: lent}, {value: "\ufdd0"}]}'), load)
    replayed(lake, TABLE)
    assert lake.read(TABLE, "id", "amount")[0] == ("1", long)


def test_a_replayed_value_is_what_it_would_have_been_at_once(lake: Lake) -> None:
    columns = "id! string\nstatus string {}\nname string\nat string\nlocal string\nflag int"
    schema = "id string, status string, name binary, at timestamp, local timestamp_ntz, flag boolean, blob binary"
    load = LOAD | {"write": {"mode": "append"}, "watermark": None}
    lake.table(TABLE, columns.format("{enum: [{value: new}]}"), load)
    values = (b"abc", MOMENT, MOMENT, True, b"\xff\x00")
    lake.load(TABLE, lake.frame(schema, [("1", "new", *values), ("2", "lent", *values), ("3", "lent", *[None] * 5)]))
    lake.table(TABLE, columns.format("{enum: [{value: new}, {value: lent}]}"), load)
    replayed(lake, TABLE)
    names = ("name", "at", "local", "flag", "blob")
    at_once, later, nulls = (row[1:] for row in lake.read(TABLE, "id", *names))
    assert later == at_once
    assert nulls == (None,) * 5


def test_bytes_that_are_no_text_stay_in_the_lane(lake: Lake) -> None:
    load = LOAD | {"write": {"mode": "append"}, "watermark": None}
    lake.table(TABLE, "id! string\nname string", load)
    lake.load(TABLE, lake.frame("id string, name binary", [("1", b"\xff\x00")]))
    assert replayed(lake, TABLE) == Books(extracted=1, quarantined=1)
    assert lake.read(TABLE) == []


def test_a_record_of_an_api_that_could_not_be_stored_is_no_row_of_nulls(lake: Lake) -> None:
    load = LOAD | {"write": {"mode": "append"}, "watermark": None}
    lake.table(TABLE, "id string\nname string", load)
    lake.load(TABLE, lake.frame("id string, name string, _corrupt_record string", [(None, None, '{"Id": "1"}')]))
    replayed(lake, TABLE)
    assert lake.read(TABLE) == []


def test_a_file_that_could_not_be_read_is_no_row_of_nulls(lake: Lake) -> None:
    load = LOAD | {"write": {"mode": "append"}, "watermark": None}
    load["source"] = LOAD["source"] | {"format": "parquet"}
    lake.table(TABLE, "id string\nname string", load)
    lake.load(TABLE, lake.frame("id string, name string, _corrupt_record string", [(None, None, "no Parquet file")]))
    lake.table(TABLE, "id string\nname string {}", load)
    replayed(lake, TABLE)
    assert lake.read(TABLE) == []


def test_a_replay_that_would_take_rows_away_or_bring_deleted_ones_back_is_refused(lake: Lake) -> None:
    deleting = {"mode": "upsert", "keys": ["id"], "order_by": ["updated_at"], "deletes": {"flag": "gone"}}
    for write, what in (({"mode": "replace"}, "would be all there is"), (deleting, "would come back")):
        load = LOAD | {"write": write, "watermark": None}
        lake.table(TABLE, f"{COLUMNS}\ngone boolean", load)
        with pytest.raises(ConfigError, match=what) as refused:
            replay.replayed(lake.engine(), TABLE, Which())
        assert f"--select {TABLE} --full-refresh" in str(refused.value)


def test_a_value_whose_column_has_another_name_at_the_source_by_now_is_not_lost(lake: Lake) -> None:
    def described(field: str, values: str) -> None:
        source = LOAD["source"] | {"fields": {"amount": field}, "taken_at": "seen_at"}
        columns = f"id! string\nstatus string {{enum: [{values}]}}\namount int\nseen_at timestamp"
        lake.table(TABLE, columns, {"source": source, "write": {"mode": "append"}})

    described("amt", "{value: new}")
    lake.load(TABLE, lake.frame("id string, status string, amt int", [("1", "new", 5), ("2", "lent", 6)]))
    described("Amount", "{value: new}, {value: lent}")

    assert replayed(lake, TABLE) == Books(extracted=1, accepted=1, inserted=1)

    assert lake.read(TABLE, "id", "amount", "amt") == [("1", 5, None), ("2", None, "6")]
    received, later = (row[0] for row in lake.read(TABLE, "seen_at", "id"))
    assert received == later, "when it was taken is not when it was replayed"
