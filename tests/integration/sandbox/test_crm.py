"""The CRM as a client sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.credentials import CRM_CLIENT
from sandbox.home import Endpoints
from sandbox.services.crm import Trouble
from sandbox.shop import Shop

API = "/services/data/v59.0"


class Client:
    """A client that does nothing on its own: no paging, no patience."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False)
        self.login()

    def login(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": CRM_CLIENT.user, "client_secret": CRM_CLIENT.password}
        token = self.http.post("/services/oauth2/token", data=form).raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def query(self, soql: str, *, page: int = 2000, resource: str = "queryAll") -> httpx.Response:
        return self.http.get(
            f"{API}/{resource}/", params={"q": soql}, headers={"Sforce-Query-Options": f"batchSize={page}"}
        )

    def trouble(self, **settings: int) -> None:
        calm = dict.fromkeys(Trouble.model_fields, 0)
        self.http.put("/sandbox/trouble", json=calm | settings).raise_for_status()


@pytest.fixture
def crm(endpoints: Endpoints) -> Iterator[Client]:
    client = Client(endpoints.url("crm"))
    client.trouble()
    client.login()
    yield client
    client.trouble(**Trouble().model_dump())


def test_wrong_credentials_are_refused(crm: Client) -> None:
    form = {"grant_type": "client_credentials", "client_id": CRM_CLIENT.user, "client_secret": "guess"}
    answer = crm.http.post("/services/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    crm.http.headers["Authorization"] = "Bearer made-up"
    assert crm.query("SELECT Id FROM Account").json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_pages_hold_every_record_once(crm: Client, days: range, shop: Shop) -> None:
    page = crm.query("SELECT Id, LastName, IsDeleted FROM Contact ORDER BY Id", page=200).json()
    records: list[dict[str, Any]] = page["records"]
    pages = 1
    while not page["done"]:
        page = crm.http.get(page["nextRecordsUrl"]).json()
        records += page["records"]
        pages += 1
    expected = {record["Id"] for day in days for record in shop.day(day).crm["Contact"].records()}
    assert [record["Id"] for record in records] == sorted(expected)
    assert pages == -(-len(expected) // 200)
    assert set(records[0]) == {"attributes", "Id", "LastName", "IsDeleted"}


def test_deleted_records_are_in_query_all_only(crm: Client) -> None:
    every = crm.query("SELECT Id FROM Opportunity").json()["totalSize"]
    deleted = crm.query("SELECT Id FROM Opportunity WHERE IsDeleted = TRUE").json()["totalSize"]
    assert crm.query("SELECT Id FROM Opportunity", resource="query").json()["totalSize"] == every - deleted


def test_a_snapshot_does_not_move_between_its_pages(crm: Client) -> None:
    first = crm.query("SELECT Id, LastName FROM Contact ORDER BY Id", page=200).json()
    crm.http.post("/sandbox/records", json={"Contact": [{"Id": "CON-000000", "LastName": "new, and first by Id"}]})
    second = crm.http.get(first["nextRecordsUrl"]).json()
    ids = [record["Id"] for record in first["records"] + second["records"]]
    assert len(set(ids)) == 400
    assert "CON-000000" not in ids
    assert crm.http.get(first["nextRecordsUrl"]).json() == second  # a page may be asked for again


def test_high_water_mark(crm: Client) -> None:
    window = "SELECT SystemModstamp FROM Contact WHERE SystemModstamp"
    records = crm.query(f"{window} <= 9999-12-31T00:00:00Z ORDER BY SystemModstamp DESC LIMIT 1").json()["records"]
    newest = records[0]["SystemModstamp"]
    assert crm.query(f"{window} > {newest}").json()["totalSize"] == 0
    assert crm.query(f"{window} = {newest}").json()["totalSize"] >= 1


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nope__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nope__c = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
    ],
)
def test_bad_queries(crm: Client, soql: str, code: str) -> None:
    answer = crm.query(soql)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_it_throttles_and_fails_by_count(crm: Client) -> None:
    crm.trouble(rate_limit_every=3, retry_after=2, unavailable_every=4)
    answers = [crm.query("SELECT Id FROM Account LIMIT 1") for _ in range(24)]
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(429) == 8
    assert statuses.count(503) == 4  # every fourth, where it is not a third
    assert {answer.headers.get("Retry-After") for answer in answers if answer.status_code == 429} == {"2"}


def test_a_token_wears_out_and_a_cursor_outlives_it(crm: Client) -> None:
    crm.trouble(token_requests=2)
    page = crm.query("SELECT Id FROM Contact", page=200).json()
    assert crm.http.get(page["nextRecordsUrl"]).status_code == 200
    refused = crm.http.get(page["nextRecordsUrl"])
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    crm.login()
    assert len(crm.http.get(page["nextRecordsUrl"]).json()["records"]) == 200
