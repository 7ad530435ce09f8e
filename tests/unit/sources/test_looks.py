"""A look stands for all rows of a window, and only for that window."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tidemark.config.connections import ConnectionValue
from tidemark.sources import ExtractRequest
from tidemark.sources.looks import Look, RecordHash, following, shows_the_same
from tidemark.sources.reading import Cursor, Reading, Seen, everything, start_of, windowed

AT = Cursor(("at",), (False,))
HIGH = datetime(2025, 3, 4, 10)


@pytest.fixture
def request_(lake: Lake, spark: SparkSession) -> ExtractRequest:
    source = {"connection": "shop", "object": "x"}
    watermark = {"column": "at", "lookback": "2d"}
    load = {"source": source, "watermark": watermark, "write": {"mode": "append"}}
    lake.table("bronze.rows", "at timestamp", load)
    engine = lake.engine()
    return ExtractRequest(
        table=engine.table("bronze.rows"),
        connection=ConnectionValue("shop", "s3"),
        spark=spark,
        low=HIGH,
        since=None,
        as_of=datetime(2025, 3, 5),
        bookkeeping={},
        staging="",
        local_staging="",
        full=False,
        environment=engine.environment,
    )


def reading(request: ExtractRequest, newest: datetime | None = HIGH) -> Reading:
    return windowed(request, AT, start_of(request, AT), Seen((newest,), 0))


def look(request: ExtractRequest, found: Reading) -> Look:
    window = following(request, found)
    return Look(window.to_json() if window else None, 3, "abc", "shape")


def test_the_next_window_is_what_a_quiet_source_gives(request_: ExtractRequest) -> None:
    first = reading(replace(request_, low=None))

    assert following(request_, first) == reading(request_).window
    assert following(request_, everything(request_)) is None


def test_only_the_same_look_at_the_same_window_means_nothing_new(request_: ExtractRequest) -> None:
    quiet = reading(request_)
    seen = look(request_, quiet)
    known = replace(request_, seen=seen.to_json())

    assert shows_the_same(known, quiet, seen)
    assert not shows_the_same(request_, quiet, seen)
    assert not shows_the_same(known, quiet, None)
    for other in (replace(seen, rows=4), replace(seen, hash="abd"), replace(seen, shape="another")):
        assert not shows_the_same(known, quiet, other)
    assert not shows_the_same(replace(known, full=True), quiet, seen)
    assert not shows_the_same(replace(known, since=datetime(2025, 3, 1)), quiet, seen)
    longer = reading(replace(known, low=datetime(2025, 3, 1)))
    assert not shows_the_same(known, longer, look(request_, longer))


def test_records_are_hashed_in_any_order_but_each_as_often_as_it_comes() -> None:
    a: dict[str, Any] = {"Id": "a", "Name": None}
    b: dict[str, Any] = {"Id": "b", "Name": "x"}

    def hashed(*records: dict[str, Any]) -> tuple[int, str]:
        found = RecordHash()
        for record in records:
            found.add(record)
        return found.rows, found.text

    assert hashed(a, b) == hashed(b, a)
    assert len({hashed(a, b), hashed(a, a, b), hashed(a), hashed(), hashed(a, {**b, "Name": None})}) == 5
    assert hashed({"Id": "a", "Name": "x"}) != hashed({"Id": "x", "Name": "a"})
