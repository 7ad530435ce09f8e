"""Values of warehouses whose types Parquet or Spark lack, and instants where a user has a time zone of his own."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sandbox.credentials import REDSHIFT
from tests.support.worlds.systems import WAREHOUSES, Systems, rows
from tidemark.errors import SourceError


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_times_of_day_come_as_text_with_all_their_digits(systems: Systems, warehouse: str) -> None:
    name = f"{'SALES' if warehouse == 'snowflake' else 'analytics'}.SHIFTS"
    systems.execute(
        warehouse,
        f"CREATE TABLE {name} (id INTEGER, begins TIME)",
        f"INSERT INTO {name} VALUES (1, '08:30:00'), (2, '10:20:30.125'), (3, NULL)",
    )
    got = systems.extract(systems.table("id int", {"object": name}), systems.connection(warehouse))
    assert [begins for _, begins, *_ in sorted(rows(got.frame, "*"))] == ["08:30:00", "10:20:30.125", None]


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_times_without_a_zone_are_of_the_columns_and_such_a_watermark_is_refused(
    systems: Systems, warehouse: str
) -> None:
    name = f"{'SALES' if warehouse == 'snowflake' else 'analytics'}.LOCALS"
    systems.execute(
        warehouse,
        f"CREATE TABLE {name} (id INTEGER, seen TIMESTAMP, read_at TIMESTAMP)",
        f"INSERT INTO {name} VALUES (1, '2025-03-01 12:00:00', '2025-03-01 12:00:00')",
    )
    columns, berlin = "id int\nseen timestamp\nread_at timestamp", {"seen": {"zone": "Europe/Berlin"}}
    table = systems.table(columns, {"object": name}, watermark={"column": "read_at"}, cast=berlin)
    got = systems.extract(table, systems.connection(warehouse))
    types = {column.lower(): type_ for column, type_ in got.frame.dtypes}
    assert (types["seen"], types["read_at"]) == ("timestamp_ntz", "timestamp")

    by_local = systems.table(columns, {"object": name}, watermark={"column": "seen"}, cast=berlin)
    with pytest.raises(SourceError, match="has times without a zone, which are not UTC: it cannot be a watermark"):
        systems.extract(by_local, systems.connection(warehouse))


def test_a_window_is_the_same_whatever_zone_a_user_has(systems: Systems) -> None:
    """The ends of a window are instants in UTC: read as another zone's, a window would begin and end hours beside."""
    systems.execute(
        "redshift",
        "CREATE TABLE analytics.zoned (id INTEGER, at TIMESTAMPTZ)",
        "INSERT INTO analytics.zoned VALUES (1, '2025-03-01 12:00:00+00'), (2, '2025-03-01 14:00:00+00')",
        f"ALTER USER {REDSHIFT.user} SET timezone TO 'America/New_York'",
    )
    try:
        table = systems.table("id int\nat timestamp", {"object": "analytics.zoned"}, watermark={"column": "at"})
        low = datetime(2025, 3, 1, 12)
        asked = {"low": low, "as_of": low + timedelta(hours=1), "bookkeeping": {"column": "at"}}
        got = systems.extract(table, systems.connection("redshift"), **asked)
    finally:
        systems.execute("redshift", f"ALTER USER {REDSHIFT.user} SET timezone TO 'UTC'")
    assert rows(got.frame, "id", "at") == [(1, low)]
    assert got.watermark["high"] == "2025-03-01T12:00:00.000000"
