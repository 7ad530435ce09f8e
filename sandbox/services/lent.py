"""Logins for minutes, as clouds lend them: a password that says whose it is and until when, signed by the sandbox.

The AWS stand-in lends those of Redshift, tests those of OAuth; the stand-ins of the warehouses check them. None of them
has to know of the others.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Literal

from sandbox.credentials import AWS

Verdict = Literal["good", "expired", "wrong"]


def lend(user: str, seconds: float) -> str:
    """A password for `user` that is good for so long."""
    until = f"{time.time() + seconds:.0f}"
    return f"{until}.{_signature(user, until)}"


def judge(user: str, password: str) -> Verdict:
    """Whether a password was lent to `user`, and is good still."""
    until, _, signature = password.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(user, until).encode()):
        return "wrong"
    return "good" if time.time() < float(until) else "expired"


def _signature(user: str, until: str) -> str:
    return hmac.new(AWS.password.encode(), f"{user}\0{until}".encode(), hashlib.sha256).hexdigest()
