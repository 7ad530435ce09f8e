"""Redshift's part of the AWS stand-in: it lends logins to a workgroup or a cluster, as IAM does; moto does not.

There is one of each, called `shop`. The login is that of the role (`IAMR:…`), or of the database user that is named
(`IAM:…`); the Redshift stand-in lets both in as its own user.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from sandbox.services.lent import lend

NAME = "shop"
ROLE_USER, USER_PREFIX = "IAMR:tidemark-sandbox", "IAM:"
SHORTEST, LONGEST = 900, 3600

_GET_CREDENTIALS = "RedshiftServerless.GetCredentials"
_OF_CLUSTERS = ("GetClusterCredentials", "GetClusterCredentialsWithIAM")
_XMLNS = "http://redshift.amazonaws.com/doc/2012-12-01/"

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class RedshiftLogins:
    """A WSGI application in front of another one, to which it leaves every other request."""

    def __init__(self, behind: WsgiApp) -> None:
        self._behind = behind

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") == _GET_CREDENTIALS:
            status, kind, text = _for_workgroup(json.loads(_body(environ)))
        elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            asked = {name: values[0] for name, values in parse_qs(_body(environ).decode()).items()}
            if asked.get("Action") not in _OF_CLUSTERS:
                return self._behind(environ, start_response)
            status, kind, text = _for_cluster(asked)
        else:
            return self._behind(environ, start_response)
        content = text.encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(content)))])
        return [content]


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body, which stays there for whoever reads it next."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content


def _for_workgroup(asked: Mapping[str, Any]) -> tuple[str, str, str]:
    kind = "application/x-amz-json-1.1"
    seconds = int(asked.get("durationSeconds", SHORTEST))
    if asked.get("workgroupName") != NAME:
        refused = {"__type": "ResourceNotFoundException", "message": f"no workgroup {asked.get('workgroupName')}"}
        return "400 Bad Request", kind, json.dumps(refused)
    until = time.time() + seconds
    answer = {"dbUser": ROLE_USER, "dbPassword": lend(ROLE_USER, seconds), "expiration": until}
    return "200 OK", kind, json.dumps({**answer, "nextRefreshTime": until})


def _for_cluster(asked: Mapping[str, str]) -> tuple[str, str, str]:
    action, seconds = asked["Action"], int(asked.get("DurationSeconds", SHORTEST))
    if asked.get("ClusterIdentifier") != NAME:
        error = "<Error><Type>Sender</Type><Code>ClusterNotFound</Code><Message>no such cluster</Message></Error>"
        return "404 Not Found", "text/xml", f'<ErrorResponse xmlns="{_XMLNS}">{error}</ErrorResponse>'
    user = f"{USER_PREFIX}{asked['DbUser']}" if "DbUser" in asked else ROLE_USER
    until = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    login = f"<DbUser>{user}</DbUser><DbPassword>{lend(user, seconds)}</DbPassword><Expiration>{until}</Expiration>"
    result = f"<{action}Result>{login}</{action}Result>"
    return "200 OK", "text/xml", f'<{action}Response xmlns="{_XMLNS}">{result}</{action}Response>'
