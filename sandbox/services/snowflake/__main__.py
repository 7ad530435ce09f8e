"""Snowflake by fakesnow's server (DuckDB behind the unmodified connector), with logins checked.

Connect with `account="fakesnow", host="127.0.0.1", port=…, protocol="http"` and the login of `sandbox.credentials`, or
by another of the ways in `sandbox.services.snowflake.login`. Whoever may not gets Snowflake's own answer, for example
390100 "Incorrect username or password was specified." Data lives in memory.
What it can do beyond fakesnow: `sandbox.services.snowflake.session`.

Settings from the environment: SANDBOX_SNOWFLAKE_MEMORY (512MB, of DuckDB), SANDBOX_SNOWFLAKE_SILENCE (15, seconds after
which the client of an open transaction counts as gone).
"""

from __future__ import annotations

import gzip
import importlib
import json
import logging
import os
import tempfile
import warnings
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.services.listen import serve_asgi, socket_from_command_line
from sandbox.services.snowflake import results
from sandbox.services.snowflake.session import SandboxSnow

server: Any = importlib.import_module("fakesnow.server")  # `fakesnow.server` is a function of the package, too

LOGIN_PATH = "/session/v1/login-request"
MEMORY_LIMIT = "512MB"
SILENCE = 15.0  # seconds


async def login(request: Request) -> Response:
    """Opens a session for the one user there is."""
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    data = json.loads(body)["data"]
    refusal = server.shared_fs.users.refused(data)
    if refusal is not None:
        details = {"nextAction": "RETRY_LOGIN", "loginName": data.get("LOGIN_NAME")}
        answer = {"data": details, "code": refusal.code, "message": refusal.message, "success": False}
        return JSONResponse(answer)
    response: Response = await server.login_request(request)
    return response


def create_app(account: SandboxSnow) -> Starlette:
    """fakesnow's routes on our account, its login behind ours."""
    results.mend()
    server.shared_fs = account
    others = [route for route in server.routes if getattr(route, "path", None) != LOGIN_PATH]
    return Starlette(routes=[Route(LOGIN_PATH, login, methods=["POST"]), *others])


def main() -> None:
    """Serves until SIGTERM."""
    listener = socket_from_command_line("Snowflake stand-in")
    # fakesnow logs every failed statement as a bug with its stack; the client hears of it anyway.
    logging.getLogger("fakesnow.server").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    with tempfile.TemporaryDirectory(prefix="tidemark-snowflake-") as spill:
        silence = float(os.environ.get("SANDBOX_SNOWFLAKE_SILENCE", SILENCE))
        account = SandboxSnow(os.environ.get("SANDBOX_SNOWFLAKE_MEMORY", MEMORY_LIMIT), spill, silence)
        serve_asgi(create_app(account), listener)


if __name__ == "__main__":
    main()
