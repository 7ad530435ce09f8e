"""A CRM with a REST API in the manner of Salesforce v59.0: OAuth, SOQL windows, cursor pages, throttling, outages.

Protocol, all on the base URL (`http://127.0.0.1:<port>`):

Token
    `POST /services/oauth2/token`, form fields `grant_type=client_credentials`, `client_id`, `client_secret`
    → 200 `{"access_token", "instance_url", "token_type": "Bearer", "issued_at": "<epoch ms>"}`.
    Wrong credentials → 400 `{"error": "invalid_client", "error_description": "invalid client credentials"}`.
    A token dies after TOKEN_REQUESTS requests or TOKEN_SECONDS, whichever is first. From then on every call answers
    401 `[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]`: fetch a new token, repeat the
    call. A cursor outlives the token it was opened with.

Query
    `GET /services/data/v59.0/queryAll/?q=<SOQL>` (soft-deleted records included; `query/` leaves them out), header
    `Authorization: Bearer <token>`, optional header `Sforce-Query-Options: batchSize=<200…2000>` (default 2000)
    → 200 `{"totalSize", "done": false, "nextRecordsUrl": "/services/data/v59.0/query/<cursor>-<offset>",
    "records": [{"attributes": {"type": "Account", "url": …}, <the selected fields>}]}`. While `done` is false, GET
    `nextRecordsUrl` for the next page; the pages of one query are one consistent snapshot.
    SOQL: see `sandbox.services.soql`. A window is
    `SELECT Id, … FROM Account WHERE SystemModstamp > 2025-03-01T00:00:00.000Z AND SystemModstamp <= … ORDER BY
    SystemModstamp, Id`, rows without a stamp are `SystemModstamp = NULL`. The high-water mark is
    `SELECT SystemModstamp FROM Account WHERE SystemModstamp <= <as of> ORDER BY SystemModstamp DESC LIMIT 1` (no
    records: nothing there). There are no aggregates.
    Bad query → 400 `[{"errorCode": "MALFORMED_QUERY" | "INVALID_FIELD" | "INVALID_TYPE" | "INVALID_QUERY_LOCATOR",
    "message": …}]`: repeating does not help.

Trouble (counted over the authorised requests, so that it is the same every time)
    every RATE_LIMIT_EVERY-th → 429 `[{"errorCode": "REQUEST_LIMIT_EXCEEDED", …}]` with `Retry-After: <seconds>`;
    every UNAVAILABLE_EVERY-th → 503 `[{"errorCode": "SERVER_UNAVAILABLE", …}]`.

Objects: Account, Contact, Opportunity. Values are JSON strings, numbers, booleans or null; times look like
`2025-03-01T10:00:00.000Z`.

Shop keeper's door (not part of the CRM's API; loopback only, needs no token and causes no trouble)
    `POST /sandbox/records` `{"Account": [{"Id": …, …}, …], …}` inserts or replaces whole records by Id
    → `{"Account": <records now held>, …}`; `DELETE /sandbox/records` empties the CRM;
    `PUT /sandbox/trouble` `{"rate_limit_every": 0, …}` changes the settings below while it runs (0 switches
    off; a setting that is not named returns to its default).

Settings come from the environment: SANDBOX_CRM_CLIENT_ID, SANDBOX_CRM_CLIENT_SECRET, SANDBOX_CRM_TOKEN_REQUESTS (10),
SANDBOX_CRM_TOKEN_SECONDS (900), SANDBOX_CRM_RATE_LIMIT_EVERY (7), SANDBOX_CRM_RETRY_AFTER (1),
SANDBOX_CRM_UNAVAILABLE_EVERY (11).
"""

from __future__ import annotations

import os
import re
import secrets
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from sandbox.credentials import CRM_CLIENT
from sandbox.services.listen import serve_asgi, socket_from_command_line
from sandbox.services.soql import Query, Record, SoqlError, parse

API = "/services/data/v59.0"
FIELDS = {
    "Account": "Id Name Industry Tier__c OwnerEmail__c AnnualRevenue BillingCountryCode CreatedDate SystemModstamp "
    "IsDeleted",
    "Contact": "Id AccountId CustomerId__c FirstName LastName Email Phone Title HasOptedOutOfEmail SystemModstamp "
    "IsDeleted",
    "Opportunity": "Id AccountId Name StageName Amount CurrencyIsoCode Probability CloseDate SystemModstamp IsDeleted",
}
SMALLEST_PAGE, LARGEST_PAGE = 200, 2000
CURSORS_KEPT = 50
TOKENS_KEPT = 100


class Trouble(BaseModel):
    """When the CRM is slow, busy or forgetful: counts of requests, and seconds; 0 switches a trouble off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_requests: NonNegativeInt = 10
    token_seconds: NonNegativeInt = 900
    rate_limit_every: NonNegativeInt = 7
    retry_after: NonNegativeInt = 1
    unavailable_every: NonNegativeInt = 11

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Trouble:
        """Reads SANDBOX_CRM_<NAME> for every setting; raises ValidationError on what is not a count."""
        found = {name: environment.get(f"SANDBOX_CRM_{name.upper()}") for name in cls.model_fields}
        return cls.model_validate({name: value for name, value in found.items() if value is not None})


class ApiError(Exception):
    """An answer in the CRM's own error format."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = JSONResponse([{"errorCode": code, "message": message}], status, headers)


@dataclass
class Token:
    """An access token's end (monotonic seconds) and the requests it has seen."""

    expires: float
    requests: int = 0


class Crm:
    """Records, tokens and cursors; everything lives in memory and dies with the process."""

    def __init__(self, client: tuple[str, str], trouble: Trouble) -> None:
        self.trouble = trouble
        self._client = client
        self._records: dict[str, dict[str, Record]] = {name: {} for name in FIELDS}
        self._fields = {name: set(fields.split()) for name, fields in FIELDS.items()}
        self._tokens: OrderedDict[str, Token] = OrderedDict()
        self._requests = 0
        self._cursors: OrderedDict[str, tuple[Query, list[Record], int]] = OrderedDict()

    def upsert(self, records: Mapping[str, list[dict[str, Any]]]) -> dict[str, int]:
        """Inserts or replaces records by Id; gives the number of records held per object."""
        for name, rows in records.items():
            held = self._records.setdefault(name, {})
            fields = self._fields.setdefault(name, {"Id"})
            for row in rows:
                held[row["Id"]] = row
                fields.update(row)
        return {name: len(held) for name, held in self._records.items()}

    def clear(self) -> None:
        """Forgets all records and cursors."""
        for held in self._records.values():
            held.clear()
        self._cursors.clear()

    def new_token(self, client_id: str, client_secret: str) -> str:
        """A fresh access token; others stay good. Raises PermissionError on wrong credentials."""
        if not secrets.compare_digest(f"{client_id}\0{client_secret}".encode(), "\0".join(self._client).encode()):
            raise PermissionError("invalid client credentials")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = Token(time.monotonic() + (self.trouble.token_seconds or float("inf")))
        if len(self._tokens) > TOKENS_KEPT:
            self._tokens.popitem(last=False)
        return token

    def admit(self, authorization: str) -> None:
        """Lets a request through, or raises ApiError 401, 429 or 503."""
        trouble = self.trouble
        token = self._tokens.get(authorization.removeprefix("Bearer "))
        if token is None or time.monotonic() > token.expires or 0 < trouble.token_requests <= token.requests:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        token.requests += 1
        self._requests += 1
        if trouble.rate_limit_every and self._requests % trouble.rate_limit_every == 0:
            headers = {"Retry-After": str(trouble.retry_after)}
            raise ApiError(429, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", headers)
        if trouble.unavailable_every and self._requests % trouble.unavailable_every == 0:
            raise ApiError(503, "SERVER_UNAVAILABLE", "Server too busy")

    def query(self, text: str, page_size: int, deleted: bool) -> dict[str, Any]:
        """The first page of a query. Raises ApiError 400."""
        try:
            query = parse(text)
        except SoqlError as error:
            raise ApiError(400, error.code, str(error)) from error
        if query.object_name not in self._records:
            raise ApiError(400, "INVALID_TYPE", f"sObject type '{query.object_name}' is not supported.")
        if unknown := sorted(query.names - self._fields[query.object_name]):
            raise ApiError(400, "INVALID_FIELD", f"No such column '{unknown[0]}' on entity '{query.object_name}'.")
        rows = query.run(self._records[query.object_name].values())
        if not deleted:
            rows = [row for row in rows if row.get("IsDeleted") is not True]
        cursor = secrets.token_hex(8)
        self._cursors[cursor] = (query, rows, page_size)
        if len(self._cursors) > CURSORS_KEPT:
            self._cursors.popitem(last=False)
        return self._page(cursor, 0)

    def next_page(self, locator: str) -> dict[str, Any]:
        """The page that a `nextRecordsUrl` names. Raises ApiError 400 when its cursor is gone."""
        cursor, _, offset = locator.rpartition("-")
        if cursor not in self._cursors or not offset.isdigit():
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(cursor, int(offset))

    def _page(self, cursor: str, offset: int) -> dict[str, Any]:
        query, rows, size = self._cursors[cursor]
        end = offset + size
        answer: dict[str, Any] = {
            "totalSize": len(rows),
            "done": end >= len(rows),
            "records": [self._visible(query, row) for row in rows[offset:end]],
        }
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"{API}/query/{cursor}-{end}"
        return answer

    @staticmethod
    def _visible(query: Query, row: Record) -> dict[str, Any]:
        url = f"{API}/sobjects/{query.object_name}/{row['Id']}"
        return {"attributes": {"type": query.object_name, "url": url}} | {name: row.get(name) for name in query.fields}


def create_app(crm: Crm) -> FastAPI:
    """The HTTP side of a CRM."""
    app = FastAPI(title="CRM stand-in", openapi_url=None)

    async def api_error(_request: Request, error: Exception) -> Response:
        if not isinstance(error, ApiError):
            raise error
        return error.response

    app.add_exception_handler(ApiError, api_error)
    _add_token_route(app, crm)
    _add_query_routes(app, crm)
    _add_keeper_routes(app, crm)
    return app


def _add_token_route(app: FastAPI, crm: Crm) -> None:
    @app.post("/services/oauth2/token")
    async def token(request: Request) -> Response:
        form = dict(urllib.parse.parse_qsl((await request.body()).decode()))
        if form.get("grant_type") != "client_credentials":
            return _oauth_error("unsupported_grant_type", "grant type not supported")
        try:
            access_token = crm.new_token(form.get("client_id", ""), form.get("client_secret", ""))
        except PermissionError as error:
            return _oauth_error("invalid_client", str(error))
        return JSONResponse(
            {
                "access_token": access_token,
                "instance_url": str(request.base_url).rstrip("/"),
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            }
        )


def _oauth_error(code: str, description: str) -> JSONResponse:
    return JSONResponse({"error": code, "error_description": description}, 400)


def _add_query_routes(app: FastAPI, crm: Crm) -> None:
    def first_page(deleted: bool) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def query(
            q: str,
            authorization: Annotated[str, Header()] = "",
            sforce_query_options: Annotated[str, Header()] = "",
        ) -> dict[str, Any]:
            crm.admit(authorization)
            return crm.query(q, _page_size(sforce_query_options), deleted)

        return query

    async def next_page(locator: str, authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
        crm.admit(authorization)
        return crm.next_page(locator)

    for resource, deleted in (("query", False), ("queryAll", True)):
        app.add_api_route(f"{API}/{resource}/", first_page(deleted), methods=["GET"])
        app.add_api_route(f"{API}/{resource}/{{locator}}", next_page, methods=["GET"])


def _page_size(options: str) -> int:
    match = re.search(r"batchSize\s*=\s*(\d+)", options)
    return min(max(int(match[1]), SMALLEST_PAGE), LARGEST_PAGE) if match else LARGEST_PAGE


def _add_keeper_routes(app: FastAPI, crm: Crm) -> None:
    @app.post("/sandbox/records")
    async def upsert(records: dict[str, list[dict[str, Any]]]) -> dict[str, int]:
        return crm.upsert(records)

    @app.delete("/sandbox/records", status_code=204)
    async def clear() -> None:
        crm.clear()

    @app.put("/sandbox/trouble")
    async def change(trouble: Trouble) -> Trouble:
        crm.trouble = trouble
        return trouble


def main() -> None:
    """Serves until SIGTERM."""
    listener = socket_from_command_line("CRM stand-in")
    client = (
        os.environ.get("SANDBOX_CRM_CLIENT_ID", CRM_CLIENT.user),
        os.environ.get("SANDBOX_CRM_CLIENT_SECRET", CRM_CLIENT.password),
    )
    serve_asgi(create_app(Crm(client, Trouble.from_environment(os.environ))), listener)


if __name__ == "__main__":
    main()
