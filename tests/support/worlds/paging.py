"""A small CRM whose pages are cut out of what it holds just then, and which does what a test says before it answers."""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Record = dict[str, Any]
Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class PagingCrm:
    """`records` as they are; `before(query, offset, call)` may change them, or give another answer for this page.

    `raw` stands for records whose JSON a test writes itself. `clock` is what the server says the time is. Records that
    are deleted are there for `queryAll` alone.
    """

    records: list[Record] = field(default_factory=list)
    raw: str | None = None
    page: int = 10
    clock: datetime | None = None
    before: Callable[[str, int, int], Answer | None] = lambda *_: None
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    logins: int = 0
    with_bin: bool = False

    def answer(self, path: str, token: str) -> Answer:
        """What a GET gives."""
        parts = urllib.parse.urlsplit(path)
        if parts.path.startswith("/next/"):
            query, offset = urllib.parse.unquote(parts.query), int(parts.path.rpartition("/")[2])
        else:
            query, offset = urllib.parse.parse_qs(parts.query)["q"][0], 0
            self.with_bin = parts.path.endswith("/queryAll/")
        self.asked.append((query, offset, token))
        calls = sum((query, offset) == (asked, at) for asked, at, _ in self.asked)
        other = self.before(query, offset, calls)
        if other is not None:
            return other
        chosen = self.chosen(query)
        end = offset + self.page
        body: dict[str, Any] = {"totalSize": len(chosen), "done": end >= len(chosen)}
        if end < len(chosen):
            body["nextRecordsUrl"] = f"/next/{end}?{urllib.parse.quote(query)}"
        if self.raw is not None:
            return 200, f'{{"totalSize": 1, "done": true, "records": [{self.raw}]}}'.encode(), {}
        return 200, json.dumps(body | {"records": chosen[offset:end]}).encode(), {}

    def chosen(self, query: str) -> list[Record]:
        """The records of a query, as far as tests ask: ends of a window, nulls, one column's order."""
        chosen = [row for row in self.records if self.with_bin or not row.get("IsDeleted")]
        ends = re.findall(r"(\w+) (<=|>=|<|>) ([\w:.-]+)", query)
        if ends or "!= NULL" in query or "= NULL" in query:
            timeless = re.search(r"(?<!!)= NULL", query) is not None
            cursor = ends[0][0] if ends else query.split("WHERE")[1].split()[0].strip("(")
            chosen = [
                row
                for row in chosen
                if (timeless and row[cursor] is None)
                or (row[cursor] is not None and (ends or "!=" in query) and all(_holds(row, *end) for end in ends))
            ]
            chosen.sort(key=lambda row: _value(row[cursor] if row[cursor] is not None else ""), reverse="DESC" in query)
        return chosen[:1] if "LIMIT 1" in query else chosen

    def count(self, text: str = "") -> int:
        """How many queries held this text on their first page."""
        return sum(text in query and offset == 0 for query, offset, _ in self.asked)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address of the running server."""
        crm = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send(*crm.answer(self.path, self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                crm.logins += 1
                self.send(200, json.dumps({"access_token": f"token-of-login-{crm.logins}"}).encode(), {})

            def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
                self.send_response_only(status)
                clock = crm.clock or datetime.now(UTC)
                self.send_header("Date", format_datetime(clock.astimezone(UTC), usegmt=True))
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Tests say what they need themselves."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
            thread = threading.Thread(target=http.serve_forever, daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{http.server_address[1]}"
            http.shutdown()
            thread.join()


def _holds(row: Record, name: str, sign: str, bound: str) -> bool:
    value, limit = _value(row[name]), _value(bound)
    return {"<=": value <= limit, ">=": value >= limit, "<": value < limit, ">": value > limit}[sign]


def _value(told: Any) -> Any:
    return told if isinstance(told, int) else int(told) if str(told).isdigit() else str(told)
