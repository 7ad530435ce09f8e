"""Clocks that are wrong: the host's behind what was read already, the source's ahead of ours, a run over midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tidemark.config.connections import ConnectionValue
from tidemark.control.runs import Run
from tidemark.sources import ExtractRequest
from tidemark.sources.reading import Cursor, Reading, Seen, start_of, windowed
from tidemark.sources.watermark import Window

AT = Cursor(("at",), (False,))
NOON = datetime(2025, 3, 30, 12)
BOOK = Window("at", None, NOON).to_json()


def request(lake: Lake, as_of: datetime, lookback: str = "0h") -> ExtractRequest:
    load = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}}
    lake.table("bronze.rows", "at timestamp", load | {"watermark": {"column": "at", "lookback": lookback}})
    engine = lake.engine()
    given: dict[str, Any] = {"since": None, "staging": "", "local_staging": "", "full": False, "bookkeeping": BOOK}
    return ExtractRequest(
        table=engine.table("bronze.rows"),
        connection=ConnectionValue("shop", "s3"),
        spark=lake.spark,
        low=NOON,
        as_of=as_of,
        environment=engine.environment,
        **given,
    )


def read(lake: Lake, as_of: datetime, newest: datetime | None, later: int, lookback: str = "0h") -> Reading:
    asked = request(lake, as_of, lookback)
    return windowed(asked, AT, start_of(asked, AT), Seen((newest,), later, until=as_of))


def test_a_host_that_is_behind_takes_the_watermark_nowhere(lake: Lake) -> None:
    """It sees nothing of the window, as that begins after its own now; the next run on a good clock reads on."""
    found = read(lake, NOON - timedelta(hours=2), newest=None, later=7)
    assert (found.window, found.watermark) == (None, BOOK)
    assert "7 rows of x are later than" in found.notices[0]

    mended = read(lake, NOON + timedelta(hours=1), newest=NOON + timedelta(minutes=5), later=0)
    assert mended.window == Window("at", NOON, NOON + timedelta(minutes=5))


@pytest.mark.parametrize("lookback", ["0h", "72h"])
def test_a_host_that_is_behind_does_not_take_the_watermark_back(lake: Lake, lookback: str) -> None:
    found = read(lake, NOON - timedelta(hours=2), newest=NOON - timedelta(hours=3), later=1, lookback=lookback)
    assert Window.from_json(found.watermark).high == NOON


def test_a_source_that_is_ahead_does_not_carry_the_watermark_away(lake: Lake) -> None:
    """Rows of a clock that is ahead wait until then; those that come before them are read all the same."""
    now = NOON + timedelta(hours=1)
    found = read(lake, now, newest=now - timedelta(minutes=1), later=2)
    assert found.window is not None
    assert (found.window.high, found.full) == (now - timedelta(minutes=1), False)
    assert "2 rows of x are later than" in found.notices[0]
    alone = read(lake, now, newest=None, later=2)
    assert (alone.window, alone.watermark) == (None, BOOK)


def test_a_run_keeps_its_day_and_its_end_over_midnight() -> None:
    today = datetime.now(UTC).date()
    yesterday = Run.start(today - timedelta(days=1))
    assert yesterday.as_of == datetime.combine(yesterday.date, datetime.max.time())
    asked = Run.start(date(2025, 3, 30), as_of=datetime(2025, 3, 30, 1, 30, tzinfo=UTC))
    assert (asked.date, asked.as_of) == (date(2025, 3, 30), datetime(2025, 3, 30, 1, 30))
