"""Who may open a session: by password, by a key pair whose public half the user has, by a token of OAuth.

A user gets public keys as in the real warehouse: `ALTER USER … SET RSA_PUBLIC_KEY = '…'` (and `RSA_PUBLIC_KEY_2`, so
that one can be rotated). Tokens are those that `sandbox.services.lent` lends. A login by workload identity does not get
here: the connector presents it to Snowflake's own addresses alone.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sandbox.credentials import SNOWFLAKE
from sandbox.services.lent import judge

_ALTER_USER = re.compile(
    r"\s*ALTER\s+USER\s+\"?(?P<user>\w+)\"?\s+(?P<how>SET|UNSET)\s+(?P<which>RSA_PUBLIC_KEY(?:_2)?)"
    r"\s*(?:=\s*'(?P<key>[^']+)')?\s*;?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Refusal:
    """Why nobody is let in, as Snowflake says it."""

    code: str
    message: str


PASSWORD = Refusal("390100", "Incorrect username or password was specified.")
KEY = Refusal("390144", "JWT token is invalid.")
TOKEN = Refusal("390303", "Invalid OAuth access token.")
EXPIRED = Refusal("390318", "OAuth access token expired.")
UNKNOWN = Refusal("390104", "The authenticator is not one that the stand-in knows.")


@dataclass
class Users:
    """The users of the account; there is one, with its password and up to two public keys."""

    _keys: dict[str, str] = field(default_factory=dict)

    def refused(self, login: Mapping[str, Any]) -> Refusal | None:
        """Why this login is not let in; None for one that is."""
        match str(login.get("AUTHENTICATOR") or "SNOWFLAKE").upper():
            case "SNOWFLAKE":
                given = f"{str(login.get('LOGIN_NAME')).upper()}\0{login.get('PASSWORD')}"
                same = secrets.compare_digest(given.encode(), "\0".join(SNOWFLAKE).encode())
                return None if same else PASSWORD
            case "SNOWFLAKE_JWT":
                return None if self._signed(str(login.get("TOKEN"))) else KEY
            case "OAUTH":
                user = str(login.get("LOGIN_NAME")).upper()
                verdict = judge(user, str(login.get("TOKEN"))) if user == SNOWFLAKE.user else "wrong"
                return {"good": None, "expired": EXPIRED, "wrong": TOKEN}[verdict]
            case _:
                return UNKNOWN

    def altered(self, statement: str) -> bool:
        """Whether a statement gave the user a public key, or took one; then that is done."""
        found = _ALTER_USER.fullmatch(statement)
        if found is None or found["user"].upper() != SNOWFLAKE.user:
            return False
        which = found["which"].upper()
        if found["how"].upper() == "UNSET":
            self._keys.pop(which, None)
        else:
            self._keys[which] = found["key"]
        return True

    def _signed(self, token: str) -> bool:
        """Whether one of the user's keys signed a token for this account and user."""
        for text in self._keys.values():
            key: Any = load_der_public_key(base64.b64decode(text))
            try:
                claims = jwt.decode(token, key, algorithms=["RS256"])
            except jwt.InvalidTokenError:
                continue
            return str(claims["sub"]).rpartition(".")[2] == SNOWFLAKE.user
        return False
