"""A small web server for a catalog on this machine: for a look, not for the world."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tidemark.catalog.site import MARK
from tidemark.errors import ConfigError

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}


_HOSTS = ("127.0.0.1", "localhost")


class _Handler(SimpleHTTPRequestHandler):
    """Files of one folder, without listings and without a line for each request."""

    def send_head(self) -> Any:
        """What is asked for, unless another name than this machine's own led here: pages of others could read it."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in _HOSTS:
            self.send_error(403)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: object) -> None:
        self.send_error(404)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing: who looks at a catalog is nobody's business."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the catalog in a folder, on this machine's own address; it serves when it is told to."""
    if not (folder / MARK).is_file():
        raise ConfigError(f"there is no catalog in {folder}", next_step=f"tidemark catalog build --out {folder}")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(folder)))
    except OSError as failure:
        raise ConfigError(f"port {port} cannot be used: {failure}", next_step="name another one with --port") from None
