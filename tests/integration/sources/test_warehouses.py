"""Snowflake and Redshift as sources: one suite for both, with their own clients."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from sandbox.services.listen import bind
from tests.support.worlds.systems import WAREHOUSES, Systems, names, rows
from tidemark.aws.clients import filesystem
from tidemark.aws.secrets import SecretMapping
from tidemark.config.connections import ConnectionValue, load_plugin
from tidemark.config.project import Table
from tidemark.errors import SourceError
from tidemark.retry import RetryPolicy
from tidemark.rows import ORDER
from tidemark.sources import SOURCES, Extract
from tidemark.sources.watermark import Period

QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.05)
SCHEMAS = {"snowflake": "SALES", "redshift": "analytics"}
COLUMNS = "id int\nname string\nupdated_at timestamp"


@pytest.fixture(params=WAREHOUSES)
def warehouse(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source_table(systems: Systems, warehouse: str, request: pytest.FixtureRequest) -> str:
    """A table of its own for a test: id, name, updated_at; rows on the first four days of March, one without a time."""
    name = f"{SCHEMAS[warehouse]}.T_{abs(hash(request.node.nodeid)) % 10**9}"
    systems.execute(
        warehouse,
        f"CREATE TABLE {name} (id INTEGER, name VARCHAR(100), updated_at TIMESTAMP)",
        f"INSERT INTO {name} VALUES (1, 'Ann', '2025-03-01 10:00:00'), (2, 'Bob', '2025-03-02 10:00:00.123456'),"
        " (3, NULL, '2025-03-03 10:00:00'), (4, 'Dora', '2025-03-04 10:00:00'), (9, 'no time', NULL)",
    )
    return name


@pytest.fixture
def extract(systems: Systems, warehouse: str, source_table: str) -> Callable[..., Extract]:
    """Extracts the test's table, with the change time as watermark unless the load says otherwise."""

    def run(load: dict[str, Any] | None = None, **request: Any) -> Extract:
        table = describe(systems, source_table, **load or {"watermark": {"column": "updated_at", "lookback": "24h"}})
        return systems.extract(table, systems.connection(warehouse), **request)

    return run


def describe(systems: Systems, name: str, **load: Any) -> Table:
    return systems.table(COLUMNS, {"object": name}, **load)


def ids(extract: Extract) -> list[int]:
    return [row[0] for row in rows(extract.frame, "id")]


def test_a_first_window_holds_everything_up_to_the_newest_row(extract: Callable[..., Extract], warehouse: str) -> None:
    first = extract()
    assert ids(first) == [1, 2, 3, 4, 9]
    assert first.watermark["low"] is None
    assert first.watermark["high"] == "2025-03-04T10:00:00.000000"
    assert first.full
    assert first.source_system == warehouse
    assert names(first.frame.columns) == ["id", "name", "updated_at", "_origin", ORDER]
    found = dict(rows(first.frame, "id", "updated_at"))
    assert found[2] == datetime(2025, 3, 2, 10, 0, 0, 123456)
    assert found[9] is None


def test_the_next_window_looks_back_and_ends_where_the_run_ends(extract: Callable[..., Extract]) -> None:
    second = extract(low=datetime(2025, 3, 3, 10), as_of=datetime(2025, 3, 3, 23, 59, 59))
    assert ids(second) == [2, 3, 9]
    assert second.watermark["low"] == "2025-03-02T10:00:00.000000"
    assert second.watermark["high"] == "2025-03-03T10:00:00.000000"
    assert any(notice.startswith("1 rows") and "later than" in notice for notice in second.notices)
    assert any("have no" in notice for notice in second.notices)
    assert not second.full


def test_the_same_work_has_the_same_identity_and_other_work_another(extract: Callable[..., Extract]) -> None:
    low = datetime(2025, 3, 2)
    assert extract(low=low).identity == extract(low=low).identity
    assert extract(low=low).identity != extract(low=low, as_of=datetime(2025, 3, 3)).identity


def test_since_stands_in_for_the_watermark_and_leaves_no_gap_behind(extract: Callable[..., Extract]) -> None:
    back = extract(low=datetime(2025, 3, 4, 10), since=datetime(2025, 3, 2, 10))
    assert ids(back) == [1, 2, 3, 4, 9]
    assert back.watermark["high"] == "2025-03-04T10:00:00.000000"
    ahead = extract(low=datetime(2025, 3, 1, 10), since=datetime(2025, 3, 4, 12))
    assert ids(ahead) == [4, 9]
    assert ahead.watermark["high"] == "2025-03-01T10:00:00.000000"


AGAIN = {"watermark": {"column": "updated_at", "lookback": "48h"}}
NEWEST = datetime(2025, 3, 4, 10)


def test_a_window_that_shows_what_it_showed_before_is_not_read_again(extract: Callable[..., Extract]) -> None:
    first = extract(AGAIN)
    again = extract(AGAIN, low=NEWEST, bookkeeping=first.watermark, seen=first.look)

    assert (again.empty, again.full, ids(again)) == (True, False, [])
    assert again.watermark["high"] == first.watermark["high"]
    assert again.look == first.look
    for asked in ({"since": datetime(2025, 3, 3)}, {"full": True}, {"low": datetime(2025, 3, 3)}):
        assert ids(extract(AGAIN, **{"low": NEWEST, "seen": first.look, **asked})) != []


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO {} VALUES (5, 'late', '2025-03-03 09:00:00')",
        "INSERT INTO {} VALUES (5, 'new', '2025-03-05 09:00:00')",
        "INSERT INTO {} VALUES (5, 'at the same time', '2025-03-04 10:00:00')",
        "INSERT INTO {} VALUES (5, 'without a time', NULL)",
        "INSERT INTO {0} SELECT * FROM {0} WHERE id = 3",
        "UPDATE {} SET name = 'Dorothee' WHERE id = 4",
        "UPDATE {} SET name = 'Dora ' WHERE id = 4",
        "UPDATE {} SET name = NULL WHERE id = 4",
        "UPDATE {} SET name = '' WHERE id = 3",
        "UPDATE {} SET id = 7 - id WHERE id IN (3, 4)",
        "DELETE FROM {} WHERE id = 3",
        "ALTER TABLE {} ADD COLUMN note VARCHAR(10)",
    ],
)
def test_a_window_in_which_anything_changed_is_read_again(
    systems: Systems, warehouse: str, source_table: str, extract: Callable[..., Extract], change: str
) -> None:
    first = extract(AGAIN)
    systems.execute(warehouse, change.format(source_table))

    again = extract(AGAIN, low=NEWEST, bookkeeping=first.watermark, seen=first.look)

    assert not again.empty
    assert again.look != first.look


def test_a_window_that_changes_while_it_is_read_is_read_again_even_if_it_changes_back(
    systems: Systems,
    warehouse: str,
    source_table: str,
    extract: Callable[..., Extract],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row changes after the look and before the unload, and has its old value again when the next run looks."""
    source = load_plugin("source", warehouse, SOURCES)
    unload = source.unload
    rename = f"UPDATE {source_table} SET name = '{{}}' WHERE id = 4"

    def meanwhile(*arguments: Any) -> int:
        systems.execute(warehouse, rename.format("Dorothee"))
        return int(unload(*arguments))

    with monkeypatch.context() as patched:
        patched.setattr(source, "unload", meanwhile)
        first = extract(AGAIN)
    systems.execute(warehouse, rename.format("Dora"))
    again = extract(AGAIN, low=NEWEST, bookkeeping=first.watermark, seen=first.look)

    assert 4 in ids(again)
    assert extract(AGAIN, low=NEWEST, bookkeeping=again.watermark, seen=again.look).empty


def test_a_whole_table_that_shows_what_it_showed_before_is_not_read_again(
    systems: Systems, warehouse: str, source_table: str, extract: Callable[..., Extract]
) -> None:
    load = {"watermark": None}
    first = extract(load)
    assert extract(load, seen=first.look).empty
    assert ids(extract(load, seen=first.look, full=True)) == [1, 2, 3, 4, 9]
    systems.execute(warehouse, f"DELETE FROM {source_table} WHERE id = 1")
    assert ids(extract(load, seen=first.look)) == [2, 3, 4, 9]


def test_a_period_is_read_again_and_tells_nothing_of_how_far_the_source_was_read(
    extract: Callable[..., Extract],
) -> None:
    book = {"column": "updated_at", "low": None, "high": "2025-03-04T10:00:00.000000"}
    period = Period(datetime(2025, 3, 2, 10, 0, 0, 123456), datetime(2025, 3, 3, 10))
    again = extract(low=datetime(2025, 3, 4, 10), bookkeeping=book, period=period)
    assert ids(again) == [2, 3]
    assert (again.watermark, again.full, again.notices) == (book, False, ())
    assert again.identity == extract(period=period).identity
    assert again.window is not None
    assert all(again.window.contains(instant) for _, instant in rows(again.frame, "id", "updated_at"))
    within = Period(datetime(2025, 3, 2, 10, 0, 0, 123457), datetime(2025, 3, 3, 9, 59, 59, 999999))
    assert extract(bookkeeping=book, period=within).empty


def test_full_reads_everything_again(extract: Callable[..., Extract]) -> None:
    full = extract(low=datetime(2025, 3, 4, 10), full=True)
    assert ids(full) == [1, 2, 3, 4, 9]
    assert full.full


def test_a_table_without_change_times_is_read_whole(extract: Callable[..., Extract]) -> None:
    whole = extract(load={"watermark": None})
    assert ids(whole) == [1, 2, 3, 4, 9]
    assert whole.full
    assert whole.watermark == {}


def test_a_window_without_rows_still_gives_the_rows_without_a_time(extract: Callable[..., Extract]) -> None:
    book = {"column": "updated_at", "low": None, "high": "2025-03-10T00:00:00.000000"}
    none = extract(low=datetime(2025, 3, 10), bookkeeping=book)
    assert ids(none) == [9]
    assert none.watermark == book


def test_an_empty_source_is_empty_and_knows_its_columns(
    systems: Systems, warehouse: str, source_table: str, extract: Callable[..., Extract]
) -> None:
    systems.execute(warehouse, f"DELETE FROM {source_table}")
    nothing = extract()
    assert nothing.empty
    assert names(nothing.frame.columns) == ["id", "name", "updated_at", "_origin"]
    assert rows(nothing.frame, "id") == []


def test_names_with_quotes_dots_line_breaks_and_signs_are_names(systems: Systems, warehouse: str) -> None:
    table = f'{SCHEMAS[warehouse]}."odd table"'
    columns = ['"a ""b"""', '"c.d"', '"e\nf"', '"100%"', '"Updated At"']
    systems.execute(
        warehouse,
        f"CREATE TABLE {table} ({', '.join(f'{name} VARCHAR(20)' for name in columns[:4])}, {columns[4]} TIMESTAMP)",
        f"INSERT INTO {table} VALUES ('1', '2', '3', '4', '2025-03-01 10:00:00')",
    )
    load = {"watermark": {"column": "updated_at"}}
    described = systems.table(COLUMNS, {"object": table, "fields": {"updated_at": "Updated At"}}, **load)
    got = systems.extract(described, systems.connection(warehouse))
    assert got.frame.columns == ['a "b"', "c.d", "e\nf", "100%", "Updated At", "_origin", ORDER]
    assert [tuple(row)[:4] for row in got.frame.collect()] == [("1", "2", "3", "4")]


def test_values_at_the_edges_come_through(systems: Systems, warehouse: str, source_table: str) -> None:
    name = f"{source_table}_EDGES"
    double = "FLOAT" if warehouse == "snowflake" else "DOUBLE PRECISION"
    systems.execute(
        warehouse,
        f"CREATE TABLE {name} (id INTEGER, amount DECIMAL(18,2), ratio {double}, flag BOOLEAN, day DATE,"
        " text VARCHAR(99))",
        f"INSERT INTO {name} VALUES (1, 9999999999999999.99, 'NaN', TRUE, '0001-01-01', 'Zoë \"quoted\"'),"
        f" (2, -0.01, 'inf', FALSE, '9999-12-31', ''), (3, NULL, NULL, NULL, NULL, NULL)",
    )
    table = systems.table("id int", {"object": name})
    one, two, three = rows(systems.extract(table, systems.connection(warehouse)).frame.drop("_origin", ORDER), "*")
    assert one[1] == Decimal("9999999999999999.99")
    assert math.isnan(one[2])
    assert (one[3], one[4], one[5]) == (True, date(1, 1, 1), 'Zoë "quoted"')
    assert two[1:] == (Decimal("-0.01"), math.inf, False, date(9999, 12, 31), "")
    assert three[1:] == (None,) * 5


def test_times_with_zones_are_read_as_utc(systems: Systems, warehouse: str, source_table: str) -> None:
    name, zoned = f"{source_table}_ZONED", "TIMESTAMP_TZ" if warehouse == "snowflake" else "TIMESTAMPTZ"
    systems.execute(
        warehouse,
        f"CREATE TABLE {name} (id INTEGER, updated_at {zoned})",
        f"INSERT INTO {name} VALUES (1, '2025-03-01 12:00:00+02:00'), (2, '2025-03-01 23:30:00-02:00')",
    )
    got = systems.extract(
        describe(systems, name, watermark={"column": "updated_at"}),
        systems.connection(warehouse),
        as_of=datetime(2025, 3, 1, 23),
    )
    assert rows(got.frame, "id", "updated_at") == [(1, datetime(2025, 3, 1, 10))]
    assert got.watermark["high"] == "2025-03-01T10:00:00.000000"


def failing(
    systems: Systems, warehouse: str, connection: ConnectionValue, name: str = "NOWHERE.NOTHING", **load: Any
) -> SourceError:
    """The error of an extraction that cannot work."""
    source = load_plugin("source", warehouse, SOURCES)(QUICK)
    with pytest.raises(SourceError) as failed:
        source.extract(systems.request(describe(systems, name, **load), connection))
    assert failed.value.table == "bronze.rows"
    assert failed.value.step == "extract"
    return failed.value


def test_a_wrong_password_is_told_at_once_and_not_shown(systems: Systems, warehouse: str) -> None:
    wrong = systems.connection(warehouse, secret={"user": "tidemark_loader", "password": "hunter2-wrong"})
    started = datetime.now(UTC)
    failed = failing(systems, warehouse, wrong)
    assert "refuses the credentials" in str(failed)
    assert f"tidemark/{warehouse}" in str(failed)
    assert "hunter2-wrong" not in f"{failed} {failed!r} {failed.__cause__} {failed.__context__}"
    assert (datetime.now(UTC) - started).total_seconds() < 10


def test_a_password_that_was_rotated_is_fetched_again(systems: Systems, warehouse: str, source_table: str) -> None:
    current = systems.connection(warehouse)
    fetched: list[str] = []

    def refetch() -> SecretMapping:
        fetched.append(warehouse)
        return current.secret

    old = systems.connection(warehouse, secret={"user": "tidemark_loader", "password": "the-old-one"})
    rotated = replace(old, refetch=refetch)

    assert ids(systems.extract(describe(systems, source_table), rotated)) == [1, 2, 3, 4, 9]
    assert fetched == [warehouse]


def test_a_secret_without_a_password_is_told(systems: Systems, warehouse: str) -> None:
    bare = systems.connection(warehouse, secret={"user": "somebody"})
    assert "has no field 'password'" in str(failing(systems, warehouse, bare))


def test_a_warehouse_that_is_down_is_tried_again_and_then_told(
    systems: Systems, warehouse: str, caplog: pytest.LogCaptureFixture
) -> None:
    with bind(0) as listener:
        port = listener.getsockname()[1]
    down = systems.connection(warehouse, port=port, login_timeout=2)
    failed = failing(systems, warehouse, down)
    assert "cannot be reached" in str(failed)
    assert str(port) in str(failed)
    assert sum("attempt" in record.message for record in caplog.records) == QUICK.attempts - 1


def test_a_table_that_is_not_there_is_told(systems: Systems, warehouse: str) -> None:
    name = f"{SCHEMAS[warehouse]}.NO_SUCH_TABLE"
    failed = failing(systems, warehouse, systems.connection(warehouse), name)
    assert name in str(failed)
    assert "no such object" in str(failed)


def test_a_watermark_column_has_to_be_there_and_to_be_a_time(
    systems: Systems, warehouse: str, source_table: str
) -> None:
    connection = systems.connection(warehouse)
    absent = failing(systems, warehouse, connection, source_table, watermark={"column": "changed_at"})
    assert "no column changed_at" in str(absent)
    text = failing(systems, warehouse, connection, source_table, watermark={"column": "name"})
    assert "name of" in str(text).lower()
    assert "no date or timestamp" in str(text)
    mapped = {"object": source_table, "fields": {"id": "updated_at"}}
    with pytest.raises(SourceError, match="is no number"):
        systems.extract(systems.table(COLUMNS, mapped, watermark={"column": "id"}), connection)


def test_whole_numbers_say_how_far_a_table_was_read(
    systems: Systems, warehouse: str, source_table: str, extract: Callable[..., Extract]
) -> None:
    load = {"watermark": {"column": "id"}}
    first = extract(load)
    assert ids(first) == [1, 2, 3, 4, 9]
    assert (first.watermark["low"], first.watermark["high"]) == (None, 9)
    quiet = extract(load, low=9, bookkeeping=first.watermark, seen=first.look)
    assert quiet.empty
    systems.execute(warehouse, f"INSERT INTO {source_table} VALUES (9, 'same number', NULL), (12, 'next', NULL)")
    second = extract(load, low=9, bookkeeping=first.watermark, seen=first.look)
    assert sorted(ids(second)) == [9, 9, 12]
    assert (second.watermark["low"], second.watermark["high"]) == (9, 12)
    assert sorted(ids(extract({"watermark": {"column": "id", "lookback": 8}}, low=12))) == [4, 9, 9, 12]


def test_several_columns_say_how_far_a_table_was_read(systems: Systems, warehouse: str, source_table: str) -> None:
    """Of the rows that share the newest time only the last are read again, and those that come to them."""
    systems.execute(
        warehouse,
        f"DELETE FROM {source_table}",
        f"INSERT INTO {source_table} VALUES (1, 'a', '2025-03-01 10:00:00'), (2, 'b', '2025-03-02 10:00:00'),"
        " (3, 'c', '2025-03-02 10:00:00')",
    )
    table = describe(systems, source_table, watermark={"column": ["updated_at", "id"]})
    connection = systems.connection(warehouse)
    first = systems.extract(table, connection)
    assert ids(first) == [1, 2, 3]
    assert [mark["high"] for mark in first.watermark["then"]] == [3]
    known = {"low": datetime(2025, 3, 2, 10), "bookkeeping": first.watermark}
    assert ids(systems.extract(table, connection, **known)) == [3]
    assert systems.extract(table, connection, **known, seen=first.look).empty
    systems.execute(
        warehouse,
        f"INSERT INTO {source_table} VALUES (4, 'd', '2025-03-02 10:00:00'), (1, 'e', '2025-03-03 10:00:00'),"
        " (NULL, 'no id', '2025-03-02 10:00:00')",
    )
    second = systems.extract(table, connection, **known, seen=first.look)
    assert rows(second.frame, "name") == [("c",), ("d",), ("e",), ("no id",)]
    assert [mark["high"] for mark in second.watermark["then"]] == [1]
    after = {"low": datetime(2025, 3, 3, 10), "bookkeeping": second.watermark}
    assert rows(systems.extract(table, connection, **after).frame, "name") == [("e",)]


def test_rows_that_share_the_newest_time_and_come_later_are_read(
    systems: Systems, warehouse: str, source_table: str, extract: Callable[..., Extract]
) -> None:
    load = {"watermark": {"column": "updated_at"}}
    first = extract(load)
    known = {"low": NEWEST, "bookkeeping": first.watermark, "seen": first.look}
    assert extract(load, **known).empty
    systems.execute(warehouse, f"INSERT INTO {source_table} VALUES (5, 'late', '2025-03-04 10:00:00')")
    late = extract(load, **known)
    assert ids(late) == [4, 5, 9]
    assert late.rereads


def test_a_time_that_has_not_come_waits_for_the_warehouses_own_clock(
    systems: Systems, warehouse: str, source_table: str, extract: Callable[..., Extract]
) -> None:
    """Though this machine's clock is years ahead of it."""
    systems.execute(warehouse, f"INSERT INTO {source_table} VALUES (6, 'not yet', '2200-01-01 00:00:00')")
    got = extract(as_of=datetime(2300, 1, 1))
    assert ids(got) == [1, 2, 3, 4, 9]
    assert got.watermark["high"] == "2025-03-04T10:00:00.000000"
    assert any(notice.startswith("1 rows") and "own clock" in notice for notice in got.notices)


def staged(systems: Systems, folder: str) -> tuple[Any, list[str]]:
    store = filesystem(systems.environment.aws)
    return store, [path for path in sorted(store.find(folder)) if path.endswith(".parquet")]


def tampered(
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Any, list[str]], None],
    systems: Systems,
    times: int,
) -> list[str]:
    """Has something done to the files of the first unloads; gives the locations of all."""
    source = load_plugin("source", warehouse, SOURCES)
    unload = source.unload
    locations: list[str] = []

    def unloaded(self: Any, session: Any, query: str, location: str, connection: Any) -> int:
        count = int(unload(self, session, query, location, connection))
        locations.append(location)
        if len(locations) <= times:
            change(*staged(systems, location))
        return count

    monkeypatch.setattr(source, "unload", unloaded)
    return locations


def lose(store: Any, files: list[str]) -> None:
    store.rm(files[0])


def double(store: Any, files: list[str]) -> None:
    store.copy(files[0], files[0].replace(".parquet", "-again.parquet"))


def cut(store: Any, files: list[str]) -> None:
    store.pipe_file(files[0], store.cat_file(files[0])[:-20])


def drop_a_column(store: Any, files: list[str]) -> None:
    table = pq.read_table(io.BytesIO(store.cat_file(files[0])))
    content = io.BytesIO()
    pq.write_table(table.drop_columns(table.column_names[1]), content)
    store.pipe_file(files[0], content.getvalue())


def recase(store: Any, files: list[str]) -> None:
    table = pq.read_table(io.BytesIO(store.cat_file(files[0])))
    content = io.BytesIO()
    pq.write_table(table.rename_columns([name.swapcase() for name in table.column_names]), content)
    store.pipe_file(files[0], content.getvalue())


@pytest.mark.parametrize("change", [double, cut, drop_a_column])
def test_an_unload_that_is_not_what_the_warehouse_says_is_done_again(
    systems: Systems,
    warehouse: str,
    extract: Callable[..., Extract],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Any, list[str]], None],
) -> None:
    locations = tampered(warehouse, monkeypatch, change, systems, times=1)
    assert ids(extract()) == [1, 2, 3, 4, 9]
    assert len(locations) == 2


def test_an_unload_that_stays_half_is_told_with_both_numbers(
    systems: Systems, warehouse: str, source_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locations = tampered(warehouse, monkeypatch, double, systems, times=99)
    failed = failing(systems, warehouse, systems.connection(warehouse), source_table)
    assert "unloaded 5 rows, and" in str(failed)
    assert "files below" in str(failed)
    assert len(locations) == QUICK.attempts


def test_an_unload_that_lost_its_files_is_told(
    systems: Systems, warehouse: str, source_table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered(warehouse, monkeypatch, lose, systems, times=99)
    failed = failing(systems, warehouse, systems.connection(warehouse), source_table)
    assert "5 rows" in str(failed)


def test_columns_come_in_whatever_case_the_warehouse_writes_them(
    systems: Systems, warehouse: str, extract: Callable[..., Extract], monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered(warehouse, monkeypatch, recase, systems, times=1)
    assert ids(extract()) == [1, 2, 3, 4, 9]


def test_a_column_that_is_dropped_while_a_table_is_read_is_no_failure(
    systems: Systems,
    warehouse: str,
    source_table: str,
    extract: Callable[..., Extract],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = load_plugin("source", warehouse, SOURCES)
    unload = source.unload
    done: list[str] = []

    def altered(self: Any, session: Any, query: str, *rest: Any) -> int:
        if not done:
            done.append(query)
            systems.execute(warehouse, f"ALTER TABLE {source_table} DROP COLUMN name")
        return int(unload(self, session, query, *rest))

    monkeypatch.setattr(source, "unload", altered)
    got = extract()
    assert ids(got) == [1, 2, 3, 4, 9]
    assert names(got.frame.columns) == ["id", "updated_at", "_origin", ORDER]


def test_no_secret_is_in_the_plan(extract: Callable[..., Extract], systems: Systems, warehouse: str) -> None:
    got = extract()
    plan = got.frame._jdf.queryExecution().toString()
    secret = systems.connection(warehouse).secret
    assert str(secret["password"]) not in plan
    assert str(secret["password"]) not in repr(got)
