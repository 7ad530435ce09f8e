"""A Prefect server with its home and database in the sandbox: nothing of the user's own Prefect is read or written.

PREFECT_HOME names the home; SANDBOX_POSTGRES_SOCKET the directory of PostgreSQL's socket, where a database `prefect`
must exist (SQLite locks up under flows that run side by side). PostgreSQL from PyPI comes without the `pg_trgm`
extension, which Prefect has for finding names faster: its trigram indexes become plain ones.
"""

from __future__ import annotations

import os
import urllib.parse
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from sandbox.services.listen import LOOPBACK, serve_asgi, socket_from_command_line
from sandbox.services.postgres import SUPERUSER

DATABASE = "prefect"
WITHOUT_TRIGRAMS = (
    ("CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT 1"),
    ("USING gin (name gin_trgm_ops)", "(name)"),
)


def settings(port: int, socket_directory: str) -> dict[str, str]:
    """Prefect's settings for this server, as environment variables."""
    host = urllib.parse.urlencode({"host": socket_directory})
    api = f"http://{LOOPBACK}:{port}/api"
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{SUPERUSER}@/{DATABASE}?{host}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_API_URL": api,
        # Its own pages alone: any page in a browser on this machine could start runs otherwise.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{port},http://localhost:{port}",
        "PREFECT_API_URL": api,
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def without_trigrams(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """A migration's statement without the extension, as SQLAlchemy's `before_cursor_execute` wants it."""
    for unknown, known in WITHOUT_TRIGRAMS:
        statement = statement.replace(unknown, known)
    return statement, parameters


def main() -> None:
    """Serves until SIGTERM."""
    listener = socket_from_command_line("Prefect server")
    os.environ.update(settings(listener.getsockname()[1], os.environ["SANDBOX_POSTGRES_SOCKET"]))
    event.listen(Engine, "before_cursor_execute", without_trigrams, retval=True)

    from prefect.server.api.server import create_app  # reads its settings when imported

    serve_asgi(create_app(), listener)


if __name__ == "__main__":
    main()
