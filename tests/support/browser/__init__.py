"""A real browser without a window, by the WebDriver protocol: Chromium or Chrome, and its driver.

`axe.min.js` beside it is axe-core 4.14.1 by Deque Systems (MPL-2.0, `axe.LICENSE`), as it comes from the npm registry.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

AXE = Path(__file__).parent / "axe.min.js"
ENTER, ARROW_LEFT, ARROW_RIGHT, TAB = "\ue007", "\ue012", "\ue014", "\ue004"
_SECONDS = 20.0
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
_OWN = ("data:", "about:", "chrome:", "devtools:")


@dataclass(frozen=True)
class Browser:
    """One window of a browser."""

    driver: httpx.Client
    session: str

    def open(self, url: str) -> None:
        """Loads a page, even one that differs only behind the `#`."""
        self._ask("url", {"url": "about:blank"})
        self._ask("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns (`return …`)."""
        return self._ask("execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + _SECONDS
        while not self.run(f"return Boolean({script});"):
            assert time.monotonic() < end, f"never became true: {script}"
            time.sleep(0.05)

    def press(self, keys: str) -> None:
        """Types on the keyboard, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def resize(self, width: int, height: int) -> None:
        self._ask("window/rect", {"width": width, "height": height})

    def prefers(self, scheme: str) -> None:
        """Light or dark, as the reader's system would say."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._get("screenshot")))

    def complaints(self) -> list[str]:
        """What the browser wrote into its console since the last look."""
        return [entry["message"] for entry in self._ask("se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """What was asked for since the last look."""
        found = (json.loads(entry["message"])["message"] for entry in self._ask("se/log", {"type": "performance"}))
        urls = [each["params"]["request"]["url"] for each in found if each["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(_OWN)]

    def violations(self) -> list[str]:
        """What axe-core finds that keeps people out, on the page as it is now."""
        self.run(f"if (!window.axe) {{ {AXE.read_text('utf-8')} }}")
        found: Mapping[str, Any] = self._ask(
            "execute/async",
            {"script": "const done = arguments[0]; axe.run(document, {preload: false}).then(done);", "args": []},
        )
        return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found["violations"]]

    def _ask(self, what: str, body: Mapping[str, Any]) -> Any:
        return _value(self.driver.post(f"/session/{self.session}/{what}", json=body))

    def _get(self, what: str) -> Any:
        return _value(self.driver.get(f"/session/{self.session}/{what}"))


@contextmanager
def browser(*options: str) -> Iterator[Browser]:
    """A browser that is closed again. Needs `chromedriver` and its browser (`apt-get install chromium-driver`)."""
    port = _free_port()
    process = subprocess.Popen([_driver(), f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as driver:
            _wait_for(driver)
            session = _value(driver.post("/session", json=_wanted((*_OPTIONS, *options))))["sessionId"]
            try:
                yield Browser(driver, session)
            finally:
                driver.delete(f"/session/{session}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _driver() -> str:
    beside = os.environ.get("CHROMEWEBDRIVER", "")
    found = shutil.which("chromedriver") or shutil.which("chromedriver", path=beside)
    assert found, "there is no chromedriver: apt-get install chromium-driver"
    return found


def _wanted(options: Sequence[str]) -> Mapping[str, Any]:
    logs = {"browser": "ALL", "performance": "ALL"}
    chrome = {"args": list(options)}
    return {"capabilities": {"alwaysMatch": {"goog:loggingPrefs": logs, "goog:chromeOptions": chrome}}}


def _wait_for(driver: httpx.Client) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            driver.get("/status")
        except httpx.TransportError:
            assert time.monotonic() < end, "the driver does not answer"
            time.sleep(0.1)
        else:
            return


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    assert answer.status_code == httpx.codes.OK, value
    return value


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])
