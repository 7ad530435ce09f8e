"""Pages that move or end under the reader: every record comes once, or there is an error that says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, Loaded
from tests.support.worlds.paging import Answer, PagingCrm, Record
from tidemark.aws.secrets import SecretMapping
from tidemark.compute import tables
from tidemark.config.connections import ConnectionValue
from tidemark.delta.table import read_state
from tidemark.errors import ConfigError, SourceError
from tidemark.retry import RetryPolicy
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.crm import READINGS
from tidemark.sources.rest import RestSource
from tidemark.sources.watermark import Period, mark

QUICK = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.01)
FIELDS = {"id": "Id", "name": "Name", "version": "Version", "changed": "SystemModstamp"}
COLUMNS = "id! string\nname string\nversion bigint\nchanged timestamp"
SECRET = SecretMapping({"client_id": "me", "client_secret": "page-canary"}, "tidemark/crm")
AS_OF = datetime(2025, 3, 31)
TABLE = "bronze.records"


def stamp(minutes: int) -> str:
    return f"{(datetime(2025, 3, 1) + timedelta(minutes=minutes)).isoformat(timespec='milliseconds')}Z"


def record(number: int, minutes: int | None = None) -> Record:
    at = stamp(number if minutes is None else minutes)
    return {"Id": f"r{number:03d}", "Name": f"n{number}", "Version": number, "SystemModstamp": at}


@pytest.fixture
def crm() -> PagingCrm:
    return PagingCrm([record(number) for number in range(25)])


@pytest.fixture
def address(crm: PagingCrm) -> Iterator[str]:
    with crm.serving() as address:
        yield address


@pytest.fixture
def extract(lake: Lake, address: str) -> Callable[..., Extract]:
    def run(
        watermark: Any = "changed",
        columns: str = COLUMNS,
        fields: dict[str, str] = FIELDS,
        keys: tuple[str, ...] = ("id", "changed"),
        settings: dict[str, Any] | None = None,
        **asked: Any,
    ) -> Extract:
        load: dict[str, Any] = {
            "source": {"connection": "crm", "object": "Thing", "fields": fields},
            "write": {"mode": "append", "keys": list(keys)},
        }
        if watermark is None:
            load["source"]["mode"] = "full"
        else:
            load["watermark"] = {"column": watermark}
        lake.table(TABLE, columns, load)
        engine = lake.engine()
        connection = ConnectionValue("crm", "rest", {"base_url": address, **(settings or {})}, SECRET)
        given: dict[str, Any] = {"low": None, "since": None, "as_of": AS_OF, "bookkeeping": {}, "full": False, **asked}
        request = ExtractRequest(
            table=engine.table(TABLE),
            connection=connection,
            spark=lake.spark,
            staging="",
            local_staging=str(lake.root / "staging"),
            environment=engine.environment,
            **given,
        )
        return RestSource(QUICK).extract(request)

    return run


def ids(extract: Extract) -> list[str]:
    return sorted(row["Id"] for row in extract.frame.collect())


EVERY = [f"r{number:03d}" for number in range(25)]


def main(query: str) -> bool:
    """Whether it is the query for the rows, not one for the window's end or the keys."""
    return "Name" in query


Disturb = Callable[[PagingCrm], None]


def insert_before(crm: PagingCrm) -> None:
    crm.records.insert(0, record(100, minutes=-1))


def delete_first(crm: PagingCrm) -> None:
    crm.records.pop(0)


def delete_and_insert(crm: PagingCrm) -> None:
    """The number of records stays, no record comes twice, and one slips into the page that was read."""
    crm.records.pop(0)
    crm.records.append(record(24, minutes=23))
    crm.records[-1]["Id"] = "r200"


def move_out_of_the_window(crm: PagingCrm) -> None:
    crm.records[3] = record(3, minutes=60 * 24 * 40)


@pytest.mark.parametrize("disturb", [insert_before, delete_first, delete_and_insert, move_out_of_the_window])
@pytest.mark.parametrize("offset", [10, 20])
def test_pages_that_move_once_are_read_again(
    crm: PagingCrm, extract: Callable[..., Extract], disturb: Disturb, offset: int
) -> None:
    done: list[int] = []

    def before(query: str, at: int, _: int) -> None:
        if main(query) and at == offset and not done:
            done.append(at)
            disturb(crm)

    crm.before = before
    got = extract()
    assert ids(got) == sorted(row["Id"] for row in crm.records if row["SystemModstamp"] <= stamp(24))
    assert len({path.parent for path in files_of(got)}) == 1


def files_of(extract: Extract) -> list[Path]:
    return [Path(name.removeprefix("file://")) for name in extract.frame.inputFiles()]


@pytest.mark.parametrize("disturb", [insert_before, delete_first])
def test_pages_that_go_on_moving_are_an_error_after_some_readings(
    crm: PagingCrm, extract: Callable[..., Extract], disturb: Disturb
) -> None:
    def before(query: str, at: int, _: int) -> None:
        if main(query) and at >= 10:
            disturb(crm)

    crm.before = before
    crm.records += [record(number) for number in range(25, 200)]
    with pytest.raises(SourceError, match="pages move while they are read") as failed:
        extract()
    assert "page_size" in str(failed.value)
    assert sum(main(query) and at == 0 for query, at, _ in crm.asked) == READINGS


def test_records_that_keep_arriving_are_no_movement(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    """A whole object is read whose pages are one snapshot, while new records come all the time."""
    snapshot = list(crm.records)
    counts = [0]

    def before(query: str, at: int, _: int) -> Answer | None:
        if at == 0:
            counts[0] += 1
            crm.records.append(record(100 + counts[0]))
            snapshot[:] = crm.records
        rows = [{name: row[name] for name in row} for row in snapshot]
        end = at + crm.page
        body: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[at:end]}
        if end < len(rows):
            body["nextRecordsUrl"] = f"/next/{end}?{query.replace(' ', '%20')}"
        return 200, json.dumps(body).encode(), {}

    crm.before = before
    got = extract(watermark=None, keys=("id",))
    assert set(EVERY) <= set(ids(got))


def test_records_that_the_source_has_twice_come_twice(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    crm.records.insert(10, record(9))
    assert ids(extract()) == sorted([*EVERY, "r009"])


def test_a_page_alone_is_not_checked(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    crm.page = 100
    assert ids(extract()) == EVERY
    assert sum("Name" not in query and "LIMIT" not in query and ">=" not in query for query, _, _ in crm.asked) == 1


def test_the_check_can_be_left_out(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    extract(settings={"check_pages": False})
    asked = len(crm.asked)
    extract()
    assert len(crm.asked) - asked == asked + 3, "three more pages, of keys"


@pytest.mark.parametrize("status", [400, 404, 410])
@pytest.mark.parametrize("offset", [10, 20])
def test_a_cursor_that_has_expired_restarts_its_query(
    crm: PagingCrm, extract: Callable[..., Extract], status: int, offset: int
) -> None:
    def before(query: str, at: int, call: int) -> Answer | None:
        ends = main(query) and at == offset and call == 1
        return (status, b'[{"errorCode": "INVALID_QUERY_LOCATOR"}]', {}) if ends else None

    crm.before = before
    assert ids(extract()) == EVERY
    assert sum(main(query) and at == 0 for query, at, _ in crm.asked) == 2


def test_a_cursor_that_belongs_to_a_session_that_ended_restarts_its_query(
    crm: PagingCrm, extract: Callable[..., Extract]
) -> None:
    owner: list[str] = []

    def before(query: str, at: int, _: int) -> Answer | None:
        token = crm.asked[-1][2]
        if main(query) and at == 0:
            owner[:] = [token]
        is_dead = token.endswith("login-1") and at == 10
        return (401, b"[]", {}) if main(query) and at and (is_dead or [token] != owner) else None

    crm.before = before
    assert ids(extract()) == EVERY
    assert crm.logins == 3


def test_a_cursor_that_always_expires_is_an_error(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    crm.before = lambda query, at, _: (404, b'[{"errorCode": "NOT_FOUND"}]', {}) if main(query) and at else None
    with pytest.raises(SourceError, match="NOT_FOUND") as failed:
        extract()
    assert "before its last page" in str(failed.value)
    assert sum(main(query) and at == 0 for query, at, _ in crm.asked) == READINGS


def test_what_is_refused_on_the_first_page_is_told_at_once(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    crm.before = lambda query, *_: (404, b'[{"errorCode": "NO_SUCH_OBJECT"}]', {}) if main(query) else None
    with pytest.raises(SourceError, match="NO_SUCH_OBJECT"):
        extract()
    assert sum(main(query) for query, _, _ in crm.asked) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'[{"errorCode": "EXCEEDED_ID_LIMIT"}]', "EXCEEDED_ID_LIMIT"),
        (b"3", "JSON of another kind"),
        (b"null", "JSON of another kind"),
        (b"{}", "no records, no done, no totalSize"),
        (b'{"records": [], "done": false, "totalSize": 0}', "no nextRecordsUrl, though it is not done"),
        (b'{"records": [], "done": true, "totalSize": null}', "totalSize that is no number"),
        (b'{"records": {}, "done": true, "totalSize": 0}', "something else than records"),
        (b'{"records": [1], "done": true, "totalSize": 1}', "something else than records"),
        (b'{"records": [], "done": true, "totalSize": 3}', "announced 3 records and sent 0"),
    ],
)
def test_an_answer_that_is_no_page_is_told_as_what_it_is(
    crm: PagingCrm, extract: Callable[..., Extract], answer: bytes, told: str
) -> None:
    crm.before = lambda query, *_: (200, answer, {}) if main(query) else None
    with pytest.raises(SourceError, match=told):
        extract()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            '{"city": "Rome", "latitude": 41.9, "floors": 3, "big": 1.10}',
            '{"city": "Rome", "latitude": 41.9, "floors": 3, "big": 1.10}',
        ),
        (
            '{ "z":[1.0,-0.50,1E+2,{"a":null}], "a":[true,false,[]],"ü\\u00df":"\\n\\"\\u20ac\\ud83d\\ude00" ,"":{}}',
            '{"z": [1.0, -0.50, 1E+2, {"a": null}], "a": [true, false, []], "üß": "\\n\\"€😀", "": {}}',
        ),
        ('[12345678901234567890.123456789012345678901234567890, 0.1]',
         '[12345678901234567890.123456789012345678901234567890, 0.1]'),
        ('"41.90"', "41.90"),
        ("41.90", "41.90"),
        ("-0", "-0"),
        ("true", "true"),
        ('"null"', "null"),
        ("null", None),
        ('""', ""),
    ],
)  # fmt: skip
def test_values_come_as_they_were_written(
    crm: PagingCrm, extract: Callable[..., Extract], raw: str, text: str | None
) -> None:
    crm.raw = f'{{"attributes": {{}}, "Id": "r1", "Name": {raw}, "Version": 1, "SystemModstamp": "{stamp(1)}"}}'
    (row,) = extract().frame.collect()
    assert row["Name"] == text
    assert "_corrupt_record" not in row


def test_text_with_half_a_character_is_a_bad_record_and_the_others_are_good(
    crm: PagingCrm, extract: Callable[..., Extract]
) -> None:
    crm.records[3]["Name"] = "half \ud83d"
    rows = extract().frame.collect()
    (bad,) = [row for row in rows if row["_corrupt_record"] is not None]
    assert bad["Id"] is None
    assert json.loads(bad["_corrupt_record"])["Name"] == "half \ud83d"
    assert sorted(row["Id"] for row in rows if row["Id"]) == [each for each in EVERY if each != "r003"]


def test_fields_are_found_in_whatever_case_the_api_writes_them(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    crm.records = [{"ID": "r1", "NAME": "n", "version": 1, "SystemModstamp": stamp(1)}]
    (row,) = extract().frame.collect()
    assert (row["Id"], row["Name"], row["Version"]) == ("r1", "n", "1")


def after(got: Extract) -> dict[str, Any]:
    """What the next run knows."""
    book = dict(got.watermark)
    low = book["high"] if isinstance(book["high"], int) else datetime.fromisoformat(book["high"])
    return {"low": low, "bookkeeping": book, "seen": got.look}


def test_records_that_share_the_newest_time_and_come_later_are_read(
    crm: PagingCrm, extract: Callable[..., Extract]
) -> None:
    crm.page = 100
    first = extract()
    quiet = extract(**after(first))
    assert (quiet.empty, quiet.watermark["high"]) == (True, first.watermark["high"])
    crm.records.append(record(77, minutes=24))
    late = extract(**after(first))
    assert ids(late) == ["r024", "r077"]
    assert late.rereads
    assert extract(**after(late)).empty
    crm.records.append(record(78, minutes=25))
    assert ids(extract(**after(late))) == ["r024", "r077", "r078"]


def test_a_time_that_has_not_come_does_not_take_the_end_beyond_what_is_yet_to_be_written(
    crm: PagingCrm, extract: Callable[..., Extract]
) -> None:
    """By the API's own clock: this machine's may be ahead of it."""
    crm.clock = datetime(2025, 3, 1, 1, tzinfo=UTC)
    crm.page = 100
    crm.records.append(record(90, minutes=120))
    first = extract()
    assert ids(first) == EVERY
    assert any("1 rows" in notice and "later than" in notice and "own clock" in notice for notice in first.notices)
    crm.records.append(record(91, minutes=70))
    crm.clock = datetime(2025, 3, 1, 3, tzinfo=UTC)
    assert ids(extract(**after(first))) == ["r024", "r090", "r091"]


def test_numbers_say_how_far_a_source_was_read(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    crm.page = 100
    first = extract("version", keys=("id", "version"))
    place = {"object": "Thing", "connection": "crm"}
    assert (ids(first), first.watermark) == (EVERY, {"column": "Version", "low": None, "high": 24} | place)
    crm.records += [record(24), record(30)]
    crm.records[-2]["Id"] = "r124"
    second = extract("version", keys=("id", "version"), **after(first))
    assert ids(second) == ["r024", "r030", "r124"]
    assert second.watermark == {"column": "Version", "low": 24, "high": 30} | place


def test_a_cursor_that_changes_its_column_begins_anew(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    first = extract()
    second = extract("version", keys=("id", "version"), **after(first))
    assert ids(second) == EVERY
    assert second.full
    assert any("another column" in notice for notice in second.notices)
    assert second.watermark["high"] == 24


@pytest.mark.parametrize(
    "asked", [{"since": datetime(2025, 3, 1)}, {"period": Period.of_days(date(2025, 3, 1), date(2025, 3, 2))}]
)
def test_numbers_know_no_days(extract: Callable[..., Extract], asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"(?i)version") as refused:
        extract("version", keys=("id", "version"), **asked)
    assert "--full-refresh" in str(refused.value)


def test_a_day_of_the_past_has_its_first_and_its_last_record(crm: PagingCrm, extract: Callable[..., Extract]) -> None:
    day = 24 * 60
    crm.records = [record(0, minutes=day), record(1, minutes=2 * day), record(2, minutes=2 * day - 1)]
    crm.records[2]["SystemModstamp"] = "2025-03-02T23:59:59.999Z"
    got = extract(period=Period.of_days(date(2025, 3, 2), date(2025, 3, 2)))
    assert ids(got) == ["r000", "r002"]


LOADS: list[dict[str, Any]] = [
    {"mode": "append", "keys": ["id", "version"]},
    {"mode": "append"},
    {"mode": "upsert", "keys": ["id"]},
]


@pytest.mark.parametrize("write", LOADS, ids=lambda write: f"{write['mode']} {len(write.get('keys', ()))}")
def test_a_table_has_every_record_once_whenever_it_came(
    crm: PagingCrm, address: str, lake: Lake, write: dict[str, Any]
) -> None:
    """Run by run, through the engine's own steps: records that share a time, come late to it, or have none."""
    load = {
        "source": {"connection": "crm", "object": "Thing", "fields": FIELDS},
        "watermark": {"column": "changed"},
        "write": write,
    }
    lake.table(TABLE, COLUMNS, load, keys=write.get("keys", ())[:1])
    crm.page, crm.records = 4, []
    arrivals = [
        [record(1, minutes=5), record(2, minutes=5), *(record(number, minutes=4) for number in range(10, 17))],
        [],
        [record(3, minutes=5), record(4, minutes=5), record(5, minutes=9)],
        [{**record(6), "SystemModstamp": None}, record(7, minutes=9)],
        [record(8, minutes=9)],
    ]
    books = []
    for arrived in arrivals:
        crm.records += arrived
        books.append(run(lake, address).prepared)
        rows = [(row["Id"], row["Name"]) for row in crm.records]
        assert lake.read(TABLE, "id", "name") == sorted(rows, key=repr)
    assert [each.books.inserted for each in books if each] == [9, 0, 3, 2, 1]
    assert books[1] is not None
    assert books[1].changes_nothing


def run(lake: Lake, address: str) -> Loaded:
    """What a run does, but for the secret's way to it."""
    engine = lake.engine()
    state = read_state(lake.spark, lake.path(TABLE))
    request = ExtractRequest(
        table=engine.table(TABLE),
        connection=ConnectionValue("crm", "rest", {"base_url": address}, SECRET),
        spark=lake.spark,
        low=mark(state.watermark.get("high")),
        since=None,
        as_of=AS_OF,
        bookkeeping=state.watermark,
        staging="",
        local_staging=str(lake.root / "staging"),
        full=False,
        environment=engine.environment,
        seen=tables.known_look(engine, engine.table(TABLE), state),
    )
    got = RestSource(QUICK).extract(request)
    told = {
        name: getattr(got, name) for name in ("watermark", "identity", "full", "empty", "look", "window", "rereads")
    }
    return lake.load(TABLE, got.frame, engine=engine, **told)
