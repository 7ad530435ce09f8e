"""The Prefect server is found before Prefect is imported, and nothing is started in its stead."""

from __future__ import annotations

import os
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.console.prefect_api import API_URL, start_here, unreachable, use_prefect
from tidemark.config.environment import Environment
from tidemark.errors import ConfigError, TidemarkError

CLOSED = "http://127.0.0.1:9/api"


LOGIN = "admin:correct-horse"
ASKED_FOR = f"Basic {b64encode(LOGIN.encode()).decode()}"


class _Guarded(BaseHTTPRequestHandler):
    """As Prefect's server with a login: anybody may ask how it is, and nothing else."""

    def do_GET(self) -> None:
        is_open = self.path == "/api/health" or self.headers.get("Authorization") == ASKED_FOR
        self.send_response(200 if is_open else 401)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The test's output stays clean."""


@pytest.fixture
def server() -> Iterator[str]:
    """The API address of a server that lets in whoever has its login."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Guarded)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/api"
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The process's environment variables, as a copy that ends with the test."""
    copied = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    copied["PREFECT_API_AUTH_STRING"] = LOGIN
    monkeypatch.setattr(os, "environ", copied)
    return copied


def environment(home: Path, api_url: str | None) -> Environment:
    document = {"name": "test", "home": str(home), "exchange": str(home)}
    return Environment.model_validate(document | ({"prefect": {"api_url": api_url}} if api_url else {}))


def test_the_environments_server_is_used(tmp_path: Path, server: str, variables: dict[str, str]) -> None:
    assert use_prefect(environment(tmp_path, server)) == server
    assert variables[API_URL] == server
    assert variables["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] == "false"
    assert variables["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "CRITICAL"


def test_the_variable_comes_first(tmp_path: Path, server: str, variables: dict[str, str]) -> None:
    variables[API_URL] = server
    assert use_prefect(environment(tmp_path, CLOSED)) == server


@pytest.mark.parametrize("login", ["", "admin:guessed", None])
def test_a_server_that_lets_nobody_in_is_told(
    tmp_path: Path, server: str, variables: dict[str, str], login: str | None
) -> None:
    variables.pop("PREFECT_API_AUTH_STRING")
    if login is not None:
        variables["PREFECT_API_AUTH_STRING"] = login
    with pytest.raises(ConfigError, match="does not let this process in") as raised:
        use_prefect(environment(tmp_path, server))
    assert "PREFECT_API_AUTH_STRING=USER:PASSWORD" in str(raised.value.next_step)
    assert "guessed" not in str(raised.value)


def test_with_debug_prefects_records_are_shown(tmp_path: Path, server: str, variables: dict[str, str]) -> None:
    use_prefect(environment(tmp_path, server), debug=True)
    assert "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL" not in variables


def test_what_the_user_has_set_stays(tmp_path: Path, server: str, variables: dict[str, str]) -> None:
    variables["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "DEBUG"
    use_prefect(environment(tmp_path, server))
    assert variables["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "DEBUG"


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="does not answer") as raised:
        use_prefect(environment(tmp_path, CLOSED))
    assert CLOSED in raised.value.summary
    assert "tidemark sandbox up" in str(raised.value.next_step)
    assert API_URL not in variables


@pytest.mark.parametrize("url", [CLOSED, "http://no-such-host.invalid/api", "not an address"])
def test_why_it_does_not_answer_is_told(url: str) -> None:
    assert unreachable(url)


def test_any_answer_is_an_answer(server: str) -> None:
    assert unreachable(server) is None


class TestStart:
    """A server is started on this machine alone, and only where none answers."""

    def test_one_that_answers_is_left_alone(self, tmp_path: Path, server: str) -> None:
        assert start_here(environment(tmp_path, server)) is None

    @pytest.mark.parametrize("url", ["https://prefect.acme.example/api", "https://10.0.0.7:4200/api", None])
    def test_none_is_started_for_an_address_elsewhere(self, url: str | None, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as refused:
            start_here(environment(tmp_path, url))
        assert "http://127.0.0.1:4200/api" in str(refused.value)

    def test_one_that_does_not_start_is_told_with_what_it_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess([], 1, "", "it starts\nport 9 is not yours\n")

        monkeypatch.setattr(subprocess, "run", refused)
        with pytest.raises(TidemarkError, match="did not come up") as told:
            start_here(environment(tmp_path, CLOSED))
        assert "port 9 is not yours" in str(told.value)
