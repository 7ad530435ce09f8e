"""The CRM as a source: real HTTP, throttling, outages and dying tokens included."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.worlds.systems import Systems, rows
from tidemark.config.project import Table
from tidemark.errors import SourceError
from tidemark.rows import ORDER
from tidemark.sources import Extract
from tidemark.sources.watermark import Period

FIELDS = {
    "account_id": "Id",
    "account_name": "Name",
    "revenue": "AnnualRevenue",
    "changed": "SystemModstamp",
    "is_deleted": "IsDeleted",
}
COLUMNS = "account_id string\naccount_name string\nrevenue decimal(18,2)\nchanged timestamp\nis_deleted boolean"
RECORDS = 450
START = datetime(2025, 3, 1)


@pytest.fixture(scope="module")
def gadgets() -> list[dict[str, Any]]:
    """Records of an object of this module's own, ten minutes apart; every tenth is deleted, the last has no time."""
    made = [
        {
            "Id": f"GAD-{number:04d}",
            "Name": f"Gädget {number}" if number % 3 else None,
            "AnnualRevenue": 0.1 + number if number % 2 else str(number),
            "SystemModstamp": (START + timedelta(minutes=10 * number, milliseconds=number)).isoformat(
                timespec="milliseconds"
            )
            + "Z",
            "IsDeleted": number % 10 == 0,
        }
        for number in range(RECORDS)
    ]
    made[-1]["SystemModstamp"] = None
    return made


@pytest.fixture
def crm(systems: Systems, gadgets: list[dict[str, Any]]) -> Systems:
    base = systems.connection("crm").settings["base_url"]
    httpx.post(f"{base}/sandbox/records", json={"Gadget": gadgets}).raise_for_status()
    return systems


def described(systems: Systems, name: str = "Gadget", **load: Any) -> Table:
    load = {"watermark": {"column": "changed", "lookback": "1h"}} | load
    return systems.table(COLUMNS, {"object": name, "fields": FIELDS}, **load)


def extract(systems: Systems, **request: Any) -> Extract:
    connection = systems.connection("crm", page_size=200)
    return systems.extract(described(systems), connection, **request)


def test_every_record_comes_through_pages_throttling_and_dying_tokens(
    crm: Systems, gadgets: list[dict[str, Any]]
) -> None:
    got = extract(crm)
    assert {row[0] for row in rows(got.frame, "Id")} == {record["Id"] for record in gadgets}
    by_id = {row["Id"]: row for row in got.frame.collect()}
    assert by_id["GAD-0001"]["AnnualRevenue"] == "1.1"
    assert by_id["GAD-0002"]["AnnualRevenue"] == "2"
    assert by_id["GAD-0001"]["Name"] == "Gädget 1"
    assert by_id["GAD-0003"]["Name"] is None
    assert by_id["GAD-0449"]["SystemModstamp"] is None
    assert got.frame.columns == [*FIELDS.values(), "_origin", ORDER]
    assert by_id["GAD-0001"]["_origin"] == "rest://crm/Gadget"
    assert got.watermark["high"] == max(record["SystemModstamp"] or "" for record in gadgets).removesuffix("Z") + "000"
    assert any("have no SystemModstamp" in notice for notice in got.notices)


def test_a_window_that_shows_what_it_showed_before_brings_nothing(crm: Systems, gadgets: list[dict[str, Any]]) -> None:
    base = crm.connection("crm").settings["base_url"]
    first = extract(crm)
    arguments = {"low": datetime.fromisoformat(first.watermark["high"]), "bookkeeping": first.watermark}

    again = extract(crm, **arguments, seen=first.look)
    assert (again.empty, again.full, again.look) == (True, False, first.look)
    assert not extract(crm, **arguments, seen={}).empty
    assert not extract(crm, low=None, seen=first.look).empty

    newest = next(record for record in reversed(gadgets) if record["SystemModstamp"])
    changed = {**newest, "Name": "renamed, at the same instant"}
    httpx.post(f"{base}/sandbox/records", json={"Gadget": [changed]}).raise_for_status()
    renamed = extract(crm, **arguments, seen=first.look)
    assert "renamed, at the same instant" in {row[0] for row in rows(renamed.frame, "Name")}


def test_a_window_is_closed_on_both_sides(crm: Systems, gadgets: list[dict[str, Any]]) -> None:
    low, as_of = datetime(2025, 3, 2, 12), datetime(2025, 3, 3, 6)
    got = extract(crm, low=low, as_of=as_of)
    inside = {
        record["Id"]
        for record in gadgets
        if record["SystemModstamp"] is None
        or "2025-03-02T11:00:00.000Z" <= record["SystemModstamp"] <= "2025-03-03T06:00:00.000Z"
    }
    assert {row[0] for row in rows(got.frame, "Id")} == inside
    later = sum((record["SystemModstamp"] or "") > "2025-03-03T06:00:00.000Z" for record in gadgets)
    assert any(notice.startswith(f"{later} rows") for notice in got.notices)
    assert got.identity == extract(crm, low=low, as_of=as_of).identity


def test_a_period_is_read_again_without_records_that_have_no_time(crm: Systems, gadgets: list[dict[str, Any]]) -> None:
    book = {"column": "SystemModstamp", "low": None, "high": "2025-03-04T00:00:00.000000"}
    got = extract(crm, bookkeeping=book, period=Period.of_days(date(2025, 3, 2), date(2025, 3, 2)))
    inside = {
        record["Id"]
        for record in gadgets
        if "2025-03-02T00:00:00.000Z" <= (record["SystemModstamp"] or "") < "2025-03-03T00:00:00.000Z"
    }
    assert {row[0] for row in rows(got.frame, "Id")} == inside
    assert (got.watermark, got.full, got.notices) == (book, False, ())


def test_nothing_new_is_an_empty_window_but_for_records_without_a_time(crm: Systems) -> None:
    got = extract(crm, low=datetime(2025, 3, 20))
    assert rows(got.frame, "Id") == [("GAD-0449",)]


def test_an_object_without_records_is_empty(crm: Systems) -> None:
    base = crm.connection("crm").settings["base_url"]
    httpx.post(f"{base}/sandbox/records", json={"Void": [{"Id": "1", **dict.fromkeys(FIELDS.values())}]})
    table = described(crm, "Void", watermark=None)
    got = crm.extract(table, crm.connection("crm"))
    assert [row[0] for row in rows(got.frame, "Id")] == [None]


def test_pages_lie_in_staging_as_text_and_hold_no_secret(crm: Systems) -> None:
    got = extract(crm)
    files = sorted((crm.root / "staging").rglob("*.json"))
    assert len(files) == 3
    first = json.loads(files[0].read_text("utf-8").splitlines()[0])
    assert all(isinstance(value, str | None) for value in first.values())
    secret = str(crm.connection("crm").secret["client_secret"])
    assert all(secret not in file.read_text("utf-8") for file in files)
    assert secret not in got.frame._jdf.queryExecution().toString()


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("Nothing", FIELDS, "sObject type 'Nothing' is not supported"),
        ("Gadget", FIELDS | {"revenue": "Turnover__c"}, "No such column 'Turnover__c'"),
    ],
)
def test_what_the_crm_does_not_have_is_told(crm: Systems, name: str, fields: dict[str, str], said: str) -> None:
    table = crm.table(COLUMNS, {"object": name, "fields": fields}, watermark={"column": "changed"})
    with pytest.raises(SourceError, match=said) as failed:
        crm.extract(table, crm.connection("crm"))
    assert failed.value.table == "bronze.rows"


def test_a_name_that_would_change_the_query_is_refused(crm: Systems) -> None:
    table = crm.table(COLUMNS, {"object": "Gadget WHERE Id != NULL", "fields": FIELDS})
    with pytest.raises(SourceError, match="cannot be a name"):
        crm.extract(table, crm.connection("crm"))


def test_wrong_credentials_are_told_at_once_and_not_shown(crm: Systems) -> None:
    wrong = crm.connection("crm", secret={"client_id": "somebody", "client_secret": "hunter2-wrong"})
    with pytest.raises(SourceError, match="refuses the credentials") as failed:
        crm.extract(described(crm), wrong)
    assert "invalid client credentials" in str(failed.value)
    assert "tidemark/crm" in str(failed.value)
    assert "hunter2-wrong" not in f"{failed.value} {failed.value.__context__}"


def test_several_numbers_say_how_far_an_object_was_read(crm: Systems) -> None:
    base = crm.connection("crm").settings["base_url"]

    def post(*numbers: tuple[int, int | None]) -> None:
        made = [{"Id": f"T-{batch}-{line}", "Batch": batch, "Line": line} for batch, line in numbers]
        httpx.post(f"{base}/sandbox/records", json={"Ticket": made}).raise_for_status()

    columns = "ticket_id string\nbatch bigint\nline int"
    fields = {"ticket_id": "Id", "batch": "Batch", "line": "Line"}
    table = crm.table(columns, {"object": "Ticket", "fields": fields}, watermark={"column": ["batch", "line"]})

    def read(book: dict[str, Any], look: Any = None) -> Extract:
        return crm.extract(table, crm.connection("crm"), low=book.get("high"), bookkeeping=book, seen=look or {})

    post((1, 1), (1, 2), (2, 1), (2, 2))
    first = read({})
    assert len(rows(first.frame, "Id")) == 4
    assert dict(first.watermark) == {
        "column": "Batch", "low": None, "high": 2, "then": [{"column": "Line", "low": None, "high": 2}],
        "object": "Ticket", "connection": "shop",
    }  # fmt: skip
    assert read(dict(first.watermark), first.look).empty
    post((2, 3), (2, None), (3, 1), (1, 9))
    second = read(dict(first.watermark), first.look)
    assert rows(second.frame, "Id") == [("T-2-2",), ("T-2-3",), ("T-2-None",), ("T-3-1",)]
    assert [second.watermark["high"], second.watermark["then"][0]["high"]] == [3, 1]
