"""A small S3 that S3A talks to, whose answers can be lost or wrong: what real ones do once in a million requests."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_EMPTY = (
    b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>'
)


class S3Store:
    """Objects by key. Of the puts to come, the next ones are answered as `mishaps` says, first things first.

    `lost`: done, and the connection breaks; `broken`: done, and answered with an error of the server; `conflict`: not
    done, as another is under way; `down`: neither done nor answered well. One that is `deaf` overwrites, whatever the
    condition.
    """

    def __init__(self, *, deaf: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.mishaps: list[str] = []
        self.requests: Counter[str] = Counter()
        self.deaf = deaf
        self.lock = threading.Lock()
        self.port = 0

    def put(self, key: str, body: bytes, *, only_new: bool) -> int | None:
        """The status of the answer; None where there is none."""
        with self.lock:
            mishap = self.mishaps.pop(0) if self.mishaps and "_conditional_put" not in key else None
            if mishap == "conflict":
                return 409
            if mishap == "down":
                return 500
            if only_new and key in self.objects and not self.deaf:
                return 412
            self.objects[key] = body
            return {"lost": None, "broken": 500}.get(mishap or "", 200)


@contextmanager
def serving(store: S3Store) -> Iterator[S3Store]:
    """The store behind a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if "aws-chunked" in self.headers.get("Content-Encoding", ""):
                body = unchunked(body)
            store.requests["PUT"] += 1
            status = store.put(self.path, body, only_new=self.headers.get("If-None-Match") == "*")
            if status is None:
                self.close_connection = True
                self.connection.close()
                return
            self.answer(status, b"", ETag=etag(body))

        def do_HEAD(self) -> None:
            store.requests["HEAD"] += 1
            self.give(with_body=False)

        def do_GET(self) -> None:
            store.requests["GET"] += 1
            if "list-type" in self.path:
                self.answer(200, _EMPTY)
            else:
                self.give(with_body=True)

        def give(self, *, with_body: bool) -> None:
            body = store.objects.get(self.path)
            if body is None:
                self.answer(404, b"")
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", etag(body))
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: Any) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


def etag(body: bytes) -> str:
    """What S3 calls this content."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def unchunked(body: bytes) -> bytes:
    """The content of a body in signed chunks: `size;signature`, the bytes, and so on until a size of nought."""
    content = b""
    while True:
        head, _, body = body.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            return content
        content, body = content + body[:size], body[size + 2 :]
