"""The server of a catalog: its pages for browsers on this machine, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tidemark.catalog.serving import server
from tidemark.catalog.site import MARK
from tidemark.errors import ConfigError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "data").mkdir(parents=True)
    (folder / MARK).write_text("{}", encoding="utf-8")
    (folder / "index.html").write_text("<!doctype html><title>Tables</title>", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("not of the site", encoding="utf-8")
    return folder


@pytest.fixture
def client(site: Path) -> Iterator[httpx.Client]:
    with server(site, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{serving.server_port}", trust_env=False) as client:
            yield client
        serving.shutdown()
        thread.join()


def test_pages_come_with_headers_that_keep_them_in_their_place(
    client: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/")
    assert "Tables" in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", ["/data/", "/../secret.txt", "/%2e%2e/secret.txt", "/nothing.html"])
def test_there_is_nothing_else(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""])
def test_another_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == httpx.codes.FORBIDDEN


def test_a_folder_without_a_catalog_and_a_port_that_is_taken_are_told(site: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no catalog"):
        server(tmp_path, 0)
    with server(site, 0) as serving, pytest.raises(ConfigError, match="cannot be used"):
        server(site, serving.server_port)
