"""Takes `docs/images/hostile.png`, what Prefect makes of the worst texts that a source could hold:
`python -m tests.support.deployments.hostile_picture [FOLDER]`. With a folder, every page for each look there as well.

A Prefect server of its own, and the artifacts of a run that met them. Needs chromedriver and its browser.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.running.telling.artifacts import show_markdown
from tests.support.browser import Browser, browser
from tests.support.deployments.artifacts import newest
from tests.support.hostile import HOSTILE, WORST
from tests.support.hostile_pages import PAGES
from tidemark.books import Books
from tidemark.control.runs import RunSummary, TableResult, Warned
from tidemark.observe.run_report import markdown

PICTURE = Path(__file__).parents[3] / "docs" / "images" / "hostile.png"
WIDTH, HEIGHT = 1280, 1150
_STARTS, _SETTLED = 120, 3  # seconds


def main() -> None:
    """Makes the pages and takes the pictures."""
    with server() as api, browser(f"--window-size={WIDTH},{HEIGHT}") as window:
        with temporary_settings({PREFECT_API_URL: f"{api}/api"}):
            _tell()
        _picture(window, api, "tidemark-run-summary", PICTURE, HEIGHT)
        for folder in map(Path, sys.argv[1:]):
            for page in PAGES:
                _picture(window, api, f"all-{page}", folder / f"{page}.png", 12_000)


@flow(persist_result=False)
def _tell() -> None:
    show_markdown("tidemark-run-summary", markdown(_run()), f"daily test 2026-01-31: failed {WORST[0]}")
    for name, page in PAGES.items():
        show_markdown(f"all-{name}", "\n\n".join(page(text) for text in HOSTILE if text.strip()), HOSTILE[0])


def _run() -> RunSummary:
    """A run that met them: as rules and names, in warnings, and in what ended it."""
    began = datetime(2026, 1, 31, 1)
    books = Books(extracted=24, accepted=21, quarantined=3, inserted=21)
    tables = [TableResult(f"bronze.{text}", "failed", 1.0, books=books, rejected={text: 3}) for text in WORST[:6]]
    warnings = tuple(Warned("bronze.orders", text) for text in WORST[2:])
    return RunSummary(
        "0198f3c2-0000-7000-8000-000000000000",
        "daily",
        "test",
        began.date(),
        began,
        status="failed",
        finished_at=began,
        tables=tuple(tables),
        warnings=warnings,
        error=f"bronze.orders: {WORST[0]}\n{WORST[6]}",
    )


def _picture(window: Browser, api: str, key: str, target: Path, height: int) -> None:
    artifact = newest(f"{api}/api", key)
    assert artifact is not None, key
    window.resize(WIDTH, height)
    window.open(f"{api}/artifacts/artifact/{artifact['id']}")
    window.wait("document.body.innerText.includes('evil.example')")
    time.sleep(_SETTLED)
    window.screenshot(target)
    made = "document.querySelectorAll('main script, main img, main a[href*=\"evil\"], main [onerror]').length"
    assert window.run(f"return {made};") == 0, f"{key}: something was made of a text"
    assert not [url for url in window.requests() if "evil" in url], key


@contextmanager
def server() -> Iterator[str]:
    """The address of a Prefect server with an empty database, which is gone after."""
    with tempfile.TemporaryDirectory() as home, socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        held.close()
        address = f"http://127.0.0.1:{port}"
        settings = {"PREFECT_HOME": home, "PREFECT_SERVER_UI_API_URL": f"{address}/api", "DO_NOT_TRACK": "1"}
        settings |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_SERVER_LEVEL": "WARNING"}
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, env=os.environ | settings)
        try:
            _wait_for(f"{address}/api/health")
            yield address
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_for(url: str) -> None:
    end = time.monotonic() + _STARTS
    while True:
        try:
            httpx.get(url, timeout=5, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < end, "Prefect does not answer"
            time.sleep(0.5)
        else:
            return


if __name__ == "__main__":
    main()
