"""What comes into a table of an API run by run, where its load file, its object or the API is not as one expects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tests.support.worlds.paging import PagingCrm
from tests.unit.sources.test_rest_pages import COLUMNS, FIELDS, TABLE, record, run
from tidemark.config.connections import ConnectionValue
from tidemark.errors import SourceError
from tidemark.sources import ExtractRequest
from tidemark.sources.reading import Cursor, Reading, Seen, start_of, windowed
from tidemark.sources.watermark import Window, is_further
from tidemark.write.manifest import Prepared

FULL = {"connection": "crm", "object": "Thing", "fields": FIELDS, "mode": "full"}
KEYED = {"mode": "append", "keys": ["id"]}
BY_NUMBER = Cursor(("version",), (True,))
BY_VERSION = {"column": "version"}


@pytest.fixture
def crm() -> PagingCrm:
    return PagingCrm([], page=4)


@pytest.fixture
def address(crm: PagingCrm) -> Iterator[str]:
    with crm.serving() as address:
        yield address


def prepared(lake: Lake, address: str) -> Prepared:
    found = run(lake, address).prepared
    assert found is not None
    return found


def test_a_log_without_keys_takes_of_a_whole_extract_what_is_not_in_it_yet(
    crm: PagingCrm, address: str, lake: Lake
) -> None:
    lake.table(TABLE, COLUMNS, {"source": FULL, "write": {"mode": "append"}})
    crm.records = [record(1), record(2), record(2)]
    assert prepared(lake, address).books.inserted == 3
    crm.records += [record(2), record(3)]
    assert prepared(lake, address).books.inserted == 2
    assert sorted(name for (name,) in lake.read(TABLE, "id")) == ["r001", "r002", "r002", "r002", "r003"]


def test_columns_that_the_load_file_does_not_map_are_asked_for_by_their_names(
    crm: PagingCrm, address: str, lake: Lake
) -> None:
    """But not those that the engine fills."""
    source = {"connection": "crm", "object": "Thing", "mode": "full", "fields": {"id": "Id"}, "taken_at": "seen"}
    write = {**KEYED, "deletes": {"missing": "soft", "flag": "gone"}}
    columns = "id! string\nname string\nseen timestamp\ngone boolean"
    lake.table(TABLE, columns, {"source": source, "write": write}, keys=["id"])
    crm.records = [record(1)]
    prepared(lake, address)
    assert lake.read(TABLE, "id", "name") == [("r001", "n1")]
    assert crm.asked[0][0] == "SELECT Id, name FROM Thing"


@pytest.mark.parametrize(("flagged", "found"), [(True, ["r001", "r002"]), (False, ["r001"])])
def test_records_in_the_bin_come_where_a_row_can_say_so(
    crm: PagingCrm, address: str, lake: Lake, flagged: bool, found: list[str]
) -> None:
    fields = FIELDS | ({"gone": "IsDeleted"} if flagged else {})
    columns = COLUMNS + ("\ngone boolean" if flagged else "")
    lake.table(TABLE, columns, {"source": {**FULL, "fields": fields}, "write": {"mode": "replace"}})
    crm.records = [{**record(1), "IsDeleted": False}, {**record(2), "IsDeleted": True}]
    prepared(lake, address)
    assert sorted(name for (name,) in lake.read(TABLE, "id")) == found


@pytest.mark.parametrize("other", [{"object": "Other"}, {"connection": "other"}], ids=["object", "system"])
def test_another_source_is_read_from_its_beginning_and_only_once(
    crm: PagingCrm, address: str, lake: Lake, other: dict[str, str]
) -> None:
    source = {"connection": "crm", "object": "Thing", "fields": FIELDS}
    load: dict[str, Any] = {"source": source, "watermark": BY_VERSION, "write": KEYED}
    lake.table(TABLE, COLUMNS, load, keys=["id"])
    crm.records = [record(20), record(21)]
    prepared(lake, address)

    lake.table(TABLE, COLUMNS, {**load, "source": {**source, **other}}, keys=["id"])
    crm.records = [record(3), record(19), record(20)]
    moved = prepared(lake, address)
    place = {"object": "Thing", "connection": "crm"} | other
    assert moved.watermark == {"column": "Version", "low": None, "high": 20} | place
    assert sorted(name for (name,) in lake.read(TABLE, "id")) == ["r003", "r019", "r020", "r021"]
    crm.records.append(record(22))
    assert prepared(lake, address).identity["low"] == 20


@pytest.mark.parametrize(
    ("book", "told"),
    [
        ({"object": "Other", "connection": "crm"}, "from Other until now: Thing is read"),
        ({"object": "Thing", "connection": "old"}, "from Thing of old until now: Thing of crm is read"),
        ({"object": "thing"}, None),
        ({}, None),
    ],
)
def test_what_was_read_until_now_is_told(lake: Lake, book: dict[str, str], told: str | None) -> None:
    source = {"connection": "crm", "object": "Thing"}
    lake.table(TABLE, COLUMNS, {"source": source, "watermark": BY_VERSION, "write": KEYED}, keys=["id"])
    request = asked(lake, Window("version", None, 20).to_json() | book, full=False)
    start = start_of(request, BY_NUMBER)
    notices = windowed(request, BY_NUMBER, start, Seen((20,), 0)).notices
    assert start == (() if told else (20,))
    assert notices == ((f"{TABLE} was read {told} from its beginning",) if told else ())


def test_the_bookkeeping_of_another_object_is_kept_although_its_end_is_before() -> None:
    ours = Window("n", 3, 5).to_json() | {"object": "b"}
    assert is_further(ours, Window("n", None, 9).to_json() | {"object": "a"})
    assert is_further(ours | {"connection": "b"}, Window("n", None, 9).to_json() | {"object": "b", "connection": "a"})
    assert not is_further(ours, Window("n", None, 9).to_json())
    assert not is_further(ours, ours)


def test_a_source_that_was_taken_back_is_told_and_read_anew_as_a_whole(lake: Lake) -> None:
    """An object that was made anew counts from 1 again: nothing of it is beyond what was read."""
    source = {"connection": "crm", "object": "Thing"}
    lake.table(TABLE, COLUMNS, {"source": source, "watermark": BY_VERSION, "write": KEYED}, keys=["id"])
    book = Window("version", None, 20).to_json() | {"object": "Thing"}

    def reading(newest: int | None, *, full: bool = False, later: int = 0) -> Reading:
        request = asked(lake, book, full=full)
        return windowed(request, BY_NUMBER, start_of(request, BY_NUMBER), Seen((newest,), later))

    told = reading(None)
    assert (told.window, told.watermark) == (None, book)
    assert "Thing was read up to 20, and has no row there any more" in told.notices[0]
    assert f"tidemark run --select {TABLE} --full-refresh" in told.notices[0]
    assert reading(20).notices == ()

    anew = reading(4, full=True)
    assert (anew.watermark["high"], is_further(anew.watermark, book)) == (4, True)
    assert reading(4, full=True, later=1).watermark["high"] == 20
    assert not is_further(reading(20, full=True).watermark, book)


def asked(lake: Lake, book: dict[str, Any], *, full: bool) -> ExtractRequest:
    engine = lake.engine()
    return ExtractRequest(
        table=engine.table(TABLE),
        connection=ConnectionValue("crm", "rest"),
        spark=lake.spark,
        low=book["high"],
        since=None,
        as_of=engine.run.as_of,
        bookkeeping=book,
        staging="",
        local_staging="",
        full=full,
        environment=engine.environment,
    )


@pytest.mark.parametrize("records", [0, 3], ids=["empty pages", "the same records"])
def test_pages_that_never_end_are_an_error(crm: PagingCrm, address: str, lake: Lake, records: int) -> None:
    """Each page names a next one that nobody has seen yet."""
    lake.table(TABLE, COLUMNS, {"source": FULL, "write": {"mode": "append"}})
    crm.records = [record(1), record(2), record(3)]

    def endless(query: str, offset: int, _: int) -> tuple[int, bytes, dict[str, str]]:
        page = {"totalSize": 3, "done": False, "nextRecordsUrl": f"/next/{offset + 1}?q"}
        return 200, json.dumps(page | {"records": crm.records[:records]}).encode(), {}

    crm.before = endless
    with pytest.raises(SourceError) as failed:
        run(lake, address)
    assert "announced" in str(failed.value)
