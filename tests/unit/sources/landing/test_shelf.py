"""A book of more files than a commit has room for: each file once, and pages for as long as they are needed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.lakes.deliveries import Deliveries
from tests.support.lakes.lake import Lake
from tidemark.control.state import MOST_BYTES
from tidemark.delta.table import read_state
from tidemark.errors import SourceError
from tidemark.operations import maintenance
from tidemark.sources import watermark
from tidemark.sources.landing.shelf import Shelf, page_names
from tidemark.sources.watermark import FileBook, SourceFile
from tidemark.steps import stay

TABLE = "bronze.readings"
START = datetime(2025, 3, 1)
LONG_AGO, TODAY = "2020-01-01", datetime.now(UTC).date()


@pytest.fixture
def landing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Deliveries:
    """Of more than four files the oldest go onto a page."""
    monkeypatch.setattr(watermark, "MOST_NAMES", 4)
    source = {"connection": "shop", "object": "readings/", "format": "csv"}
    lake.table(TABLE, "id! string", {"source": source, "write": {"mode": "append"}})
    return Deliveries(lake)


def put(landing: Deliveries, *numbers: int) -> None:
    for number in numbers:
        landing.put(f"readings/{number}.csv", f"id\n{number}\n", START + timedelta(minutes=number))


def received(landing: Deliveries) -> list[int]:
    return sorted(int(row[0]) for row in landing.lake.read(TABLE, "id"))


def shelf(lake: Lake) -> Path:
    return Path(lake.path(TABLE)) / "_received"


def test_each_file_is_received_once_and_the_commit_names_pages(landing: Deliveries) -> None:
    put(landing, *range(6))
    landing.receive(TABLE)
    told = read_state(landing.lake.spark, landing.lake.path(TABLE)).watermark
    assert [page["files"] for page in told["pages"]] == [4]
    assert page_names(told) == {each.name for each in shelf(landing.lake).iterdir()}
    assert len(told["files"]) == 2

    assert landing.receive(TABLE) is None, "nothing is new"
    put(landing, 6, 7)
    landing.receive(TABLE)
    noted = landing.lake.engine().state.get("table", TABLE)
    assert noted is not None
    assert noted.value["watermark"]["files"] == 8
    put(landing, 8)
    landing.put("readings/0.csv", "id\n100\n", START + timedelta(days=1))
    landing.receive(TABLE)
    assert received(landing) == [*range(9), 100]
    assert landing.receive(TABLE) is None


def test_what_a_run_that_died_has_put_onto_a_page_is_still_new(landing: Deliveries, lake: Lake) -> None:
    """The book of a run counts with its commit; of the run that died there is only a page that nobody names."""
    put(landing, *range(2))
    landing.receive(TABLE)
    engine = lake.engine()
    files = [SourceFile(f"/elsewhere/{number}", 1, "x", START) for number in range(9)]
    place = Shelf.of(TABLE, engine.environment.roots.lake, None)
    place.kept(place.book({}).after(files, files))
    put(landing, *range(2, 9))
    landing.receive(TABLE)
    assert received(landing) == list(range(9))


@pytest.mark.parametrize("text", [None, "another page"])
def test_a_page_that_is_gone_or_another_is_told_and_nothing_is_read(landing: Deliveries, text: str | None) -> None:
    put(landing, *range(6))
    landing.receive(TABLE)
    (page,) = shelf(landing.lake).iterdir()
    whole = page.read_text()
    page.unlink() if text is None else page.write_text(text)
    put(landing, 7)
    with pytest.raises(SourceError, match="a page of the book of files is gone") as told:
        landing.receive(TABLE)
    assert str(page) in str(told.value)
    page.write_text(whole)
    landing.receive(TABLE)
    assert received(landing) == [*range(6), 7]


@pytest.mark.slow
def test_maintenance_keeps_the_pages_that_a_kept_release_needs(landing: Deliveries) -> None:
    """Pages of long ago: of the book, one that the book of the beginning of the time kept has, and one of nobody."""
    lake = landing.lake
    put(landing, *range(6))
    landing.receive(TABLE)
    place = Shelf.of(TABLE, lake.engine().environment.roots.lake, None)
    place.folder.write_text(f"{LONG_AGO}-of-nobody.txt", "")
    place.folder.write_text(f"{TODAY}-new.txt", "")
    assert place.clean(date(2020, 1, 1), set()) == 0
    assert place.clean(TODAY, {f"{LONG_AGO}-of-nobody.txt"}) == 0
    put(landing, *range(6, 16))
    landing.receive(TABLE)
    pages = {each.name for each in shelf(lake).iterdir()}
    engine = lake.engine()
    engine.leases.acquire(TABLE)
    now = datetime.now(UTC).replace(tzinfo=None)
    maintenance.tidy(engine, TABLE, now - timedelta(days=1), now)
    assert {each.name for each in shelf(lake).iterdir()} == pages - {f"{LONG_AGO}-of-nobody.txt"}
    engine.leases.release(TABLE)
    assert landing.receive(TABLE) is None


def test_a_week_of_files_every_three_minutes_stays_within_what_a_store_takes(lake: Lake) -> None:
    """A table that was loaded by the version before, whose book went into the control store as a whole."""
    lake.table(TABLE, "id! string", {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}})
    folder = "s3a://acme-landing/kafka/order_events"
    files = [
        SourceFile(f"{folder}/dt={at:%Y-%m-%d}/order_events+3+{number:010}.csv", 12345, "d41d8cd98f00b204e9800998", at)
        for number in range(3360)
        for at in [START + timedelta(minutes=3 * number)]
    ]
    of_before = {file.path: [file.size, file.etag] for file in files}
    old = {"modified": "2025-03-08T00:00:00", "files": of_before, "older": ""}
    assert len(json.dumps(old)) > MOST_BYTES
    for number, book in enumerate((old, FileBook().after(files, files).to_json())):
        engine = lake.engine()
        frame = lake.frame("id string", [("a",)])
        lake.load(TABLE, frame, engine=engine, watermark=book, identity={"n": number})
        stay(lake.engine(), TABLE)
        noted = engine.state.get("table", TABLE)
        assert noted is not None
        assert noted.value["watermark"]["files"] == 3360
        assert FileBook.from_json(read_state(lake.spark, lake.path(TABLE)).watermark).knows(files[0])
