"""The API client against a real server that is slow, busy, forgetful or cuts its answers off."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tidemark.aws.secrets import SecretMapping
from tidemark.config.connections import ConnectionValue
from tidemark.retry import RetryPolicy
from tidemark.sources.api import Api, ApiError, Failure

SECRET = SecretMapping({"client_id": "me", "client_secret": "api-canary-secret"}, "tidemark/crm")
QUICK = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.3)
GOOD = (200, {"records": [{"n": 1.10, "i": 12345678901234567890, "s": "ü"}]}, {})


@dataclass
class Script:
    """What the server answers, one entry a call (the last one again and again), and what it was asked."""

    answers: list[tuple[int, Any, dict[str, str]]]
    logins: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def next(self, method: str, path: str, authorization: str) -> tuple[int, Any, dict[str, str]]:
        self.asked.append((method, path, authorization))
        if method == "POST":
            count = sum(method == "POST" for method, _, _ in self.asked)
            default = (200, {"access_token": f"token-number-{count}"}, {})
            return self.logins.pop(0) if self.logins else default
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def count(self, method: str) -> int:
        return sum(each == method for each, _, _ in self.asked)


@pytest.fixture
def server() -> Iterator[tuple[Script, str]]:
    script = Script([GOOD])

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body, headers = script.next(self.command, self.path, self.headers.get("Authorization", ""))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *_: Any) -> None:
            """Tests say what they need themselves."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield script, f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def get(address: str, path: str = "data", policy: RetryPolicy = QUICK, secret: SecretMapping = SECRET) -> Any:
    with Api(address, "/login", ConnectionValue("crm", "rest", {}, secret), policy) as api:
        return api.get(path)


def test_numbers_come_digit_for_digit(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(200, b'{"n": 1.10, "i": 12345678901234567890.123456789, "t": true, "z": null}', {})]
    assert get(address) == {"n": "1.10", "i": "12345678901234567890.123456789", "t": True, "z": None}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_busy_and_broken_servers_are_asked_again(server: tuple[Script, str], status: int) -> None:
    script, address = server
    script.answers = [(status, {}, {}), (status, {}, {}), GOOD]
    assert get(address)["records"][0]["s"] == "ü"
    assert script.count("GET") == 3


@pytest.mark.parametrize("asked", ["1", "in an hour", "soon", "-5", ""])
def test_retry_after_is_honoured_as_far_as_it_can_be(server: tuple[Script, str], asked: str) -> None:
    script, address = server
    header = format_datetime(datetime.now(UTC) + timedelta(hours=1)) if asked == "in an hour" else asked
    script.answers = [(429, {}, {"Retry-After": header}), GOOD]
    started = datetime.now(UTC)
    get(address)
    waited = (datetime.now(UTC) - started).total_seconds()
    if asked in ("soon", "-5", ""):
        assert waited < QUICK.longest_wait
    else:
        assert QUICK.longest_wait <= waited < 5


def test_a_server_that_stays_down_is_given_up_with_what_it_said(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(503, {"message": "maintenance"}, {})]
    with pytest.raises(ApiError, match=r"HTTP 503 .*maintenance") as given_up:
        get(address)
    assert given_up.value.failure is Failure.DOWN
    assert script.count("GET") == QUICK.attempts


def test_nobody_listening_is_tried_again_and_then_told() -> None:
    with pytest.raises(ApiError, match="ConnectError") as down:
        get("http://127.0.0.1:9")
    assert down.value.failure is Failure.DOWN


@pytest.mark.parametrize("broken", [b'{"records": [{"Id"', b"", b"<html>", b'{"a": "\xff"}'])
def test_an_answer_that_is_cut_off_is_asked_for_again(server: tuple[Script, str], broken: bytes) -> None:
    script, address = server
    script.answers = [(200, broken, {}), GOOD]
    assert get(address)["records"]
    script.answers = [(200, broken, {})]
    with pytest.raises(ApiError, match=f"{len(broken)} bytes that are no JSON") as given_up:
        get(address)
    assert given_up.value.failure is Failure.BROKEN


def test_an_answer_shorter_than_announced_is_asked_for_again(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(200, b'{"records": []}', {"Content-Length": "4000"}), GOOD]

    assert get(address)["records"]


def test_a_page_of_html_is_told_as_what_it_is(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(200, b"<html><h1>Maintenance</h1></html>", {"Content-Type": "text/html; charset=utf-8"})]
    with pytest.raises(ApiError, match=r"HTTP 200, 33 bytes that are no JSON .*text/html: '<html><h1>Maintenance"):
        get(address)
    assert script.count("GET") == QUICK.attempts


def test_half_an_answer_is_told_without_what_it_says(server: tuple[Script, str]) -> None:
    script, address = server
    script.logins = [(200, b'{"access_token": "half-a-token-canary', {})] * 9
    with pytest.raises(ApiError, match="no JSON") as failed:
        get(address)
    assert "canary" not in str(failed.value)


@pytest.mark.parametrize("content", [b"no gzip at all", gzip.compress(b'{"records": []}', mtime=0)[:-12]])
def test_a_compressed_answer_that_is_broken_is_asked_for_again(server: tuple[Script, str], content: bytes) -> None:
    script, address = server
    script.answers = [(200, content, {"Content-Encoding": "gzip"}), GOOD]
    assert get(address)["records"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_within_the_host_are_followed(server: tuple[Script, str], status: int) -> None:
    script, address = server
    script.answers = [(status, b"", {"Location": "/elsewhere/data?page=2"}), GOOD]
    assert get(address)["records"]
    assert [path for method, path, _ in script.asked if method == "GET"] == ["/data", "/elsewhere/data?page=2"]


def test_redirects_to_another_host_get_no_token_and_are_told(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(301, b"", {"Location": "https://elsewhere.example/data"})]
    with pytest.raises(ApiError, match=r"another host: https://elsewhere\.example/data") as refused:
        get(address)
    assert refused.value.failure is Failure.REFUSED
    assert script.count("GET") == 1


def test_redirects_in_a_circle_end(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(302, b"", {"Location": "/data"})]
    with pytest.raises(ApiError, match="redirects more than"):
        get(address)


def test_a_login_that_is_redirected_is_told_with_where_to(server: tuple[Script, str]) -> None:
    script, address = server
    script.logins = [(302, b"", {"Location": "/login/new"})]
    with pytest.raises(ApiError, match="sends us on to /login/new") as refused:
        get(address)
    assert refused.value.failure is Failure.REFUSED


def test_an_address_that_is_none_is_told_at_once() -> None:
    started = datetime.now(UTC)
    with pytest.raises(ApiError, match="is no address") as refused:
        get("crm.example.com/data")
    assert refused.value.failure is Failure.REFUSED
    assert (datetime.now(UTC) - started).total_seconds() < 1


def test_the_clock_is_that_of_the_other_side(server: tuple[Script, str]) -> None:
    script, address = server
    told = datetime(2025, 3, 1, 12, 30, 15, tzinfo=UTC)
    script.logins = [(200, {"access_token": "t"}, {"Date": format_datetime(told, usegmt=True)})]
    with Api(address, "/login", ConnectionValue("crm", "rest", {}, SECRET), QUICK) as api:
        assert api.clock() == told.replace(tzinfo=None)
        assert script.count("POST") == 1
        api.get("data")
    assert script.count("POST") == 1


def test_a_token_that_died_is_renewed_once_and_the_call_repeated(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [GOOD, (401, {}, {}), GOOD]
    with Api(address, "/login", ConnectionValue("crm", "rest", {}, SECRET), QUICK) as api:
        api.get("first")
        api.get("second")
    assert script.count("POST") == 2
    assert [token for method, _, token in script.asked if method == "GET"] == [
        "Bearer token-number-1",
        "Bearer token-number-1",
        "Bearer token-number-2",
    ]


def test_a_new_token_that_is_refused_is_no_matter_of_time(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(401, {"message": "no access"}, {})]
    with pytest.raises(ApiError, match="new token was refused") as refused:
        get(address)
    assert refused.value.failure is Failure.CREDENTIALS
    assert script.count("GET") == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_wrong_credentials_are_told_at_once_without_showing_them(server: tuple[Script, str], status: int) -> None:
    script, address = server
    script.logins = [(status, {"error": "invalid_client, not api-canary-secret"}, {})] * 9
    with pytest.raises(ApiError, match="invalid_client") as refused:
        get(address, secret=SecretMapping({"client_id": "me", "client_secret": "api-canary-secret"}))
    assert refused.value.failure is Failure.CREDENTIALS
    assert script.count("POST") == 1


def test_credentials_that_were_rotated_are_fetched_again_once(server: tuple[Script, str]) -> None:
    script, address = server
    refused = (401, {"error": "invalid_client"}, {})
    renewed = SecretMapping({"client_id": "me", "client_secret": "renewed"}, "tidemark/crm")
    fetched: list[str] = []

    def refetch() -> SecretMapping:
        fetched.append("again")
        return renewed

    connection = ConnectionValue("crm", "rest", {}, SECRET, refetch)
    script.logins = [refused]
    with Api(address, "/login", connection, QUICK) as api:
        assert api.get("/data")["records"]
    assert (script.count("POST"), fetched) == (2, ["again"])

    script.logins = [refused, refused]
    with Api(address, "/login", connection, QUICK) as api, pytest.raises(ApiError, match="invalid_client"):
        api.get("/data")
    assert (script.count("POST"), fetched) == (4, ["again"] * 2)

    script.logins = [refused]
    same = ConnectionValue("crm", "rest", {}, SECRET, lambda: SECRET)
    with Api(address, "/login", same, QUICK) as api, pytest.raises(ApiError, match="invalid_client"):
        api.get("/data")
    assert script.count("POST") == 5, "what was refused is not tried twice"


def test_a_login_that_is_busy_is_asked_again(server: tuple[Script, str]) -> None:
    script, address = server
    script.logins = [(503, {}, {}), (200, {"token_type": "Bearer"}, {})]
    assert get(address)["records"]
    assert script.count("POST") == 3


def test_what_is_refused_is_not_asked_again(server: tuple[Script, str]) -> None:
    script, address = server
    script.answers = [(400, [{"errorCode": "INVALID_FIELD"}], {})]
    with pytest.raises(ApiError, match="INVALID_FIELD"):
        get(address)
    assert script.count("GET") == 1


def test_the_token_goes_to_no_other_host(server: tuple[Script, str]) -> None:
    _, address = server
    with pytest.raises(ApiError, match="another host"):
        get(address, "http://elsewhere.example/data")


def test_paths_lie_below_the_base_address_unless_they_are_absolute(server: tuple[Script, str]) -> None:
    script, address = server
    get(f"{address}/crm/", "data?page=2")
    get(f"{address}/crm/", "/data?page=2")
    assert [path for method, path, _ in script.asked if method == "GET"] == ["/crm/data?page=2", "/data?page=2"]
