"""Systems to talk to: what is known of one connection, and the class that speaks with its kind of system."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tidemark.aws.secrets import SecretMapping
from tidemark.errors import ConfigError, choose

EXTRAS: Mapping[str, str] = {"snowflake": "snowflake", "redshift": "redshift"}
"""Kinds whose client is an optional dependency → the extra that brings it."""


@dataclass(frozen=True)
class ConnectionValue:
    """A system to talk to: its kind and settings, and its credentials, which are never shown.

    `refetch` asks for the credentials again, past every memory of them. `login` opens a session of the system's client,
    given this connection and what the session is to be like; without one the client's own way is taken.
    """

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secret: SecretMapping = field(default_factory=lambda: SecretMapping({}))
    refetch: Callable[[], SecretMapping] | None = None
    login: Callable[[ConnectionValue, Mapping[str, Any]], Any] | None = None

    def rotated(self) -> ConnectionValue | None:
        """The connection with the credentials that it has now; None when they are those that were refused.

        Trying the same ones again would only bring the account closer to being locked.
        """
        secret = self.refetch() if self.refetch else self.secret
        return None if secret == self.secret else replace(self, secret=secret)


def load_plugin(what: str, kind: str, registry: Mapping[str, str]) -> Any:
    """The class that `registry` names for `kind`; raises `ConfigError` for a kind that is not known, or whose
    client is not installed (with how to install it)."""
    if kind not in registry:
        raise ConfigError(f"there is no {what} of the kind `{kind}`", next_step=choose(kind, registry))
    module, _, name = registry[kind].partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as missing:
        extra = EXTRAS.get(kind)
        if extra is None or (missing.name or "").startswith("tidemark"):
            raise
        raise ConfigError(
            f"the {what} {kind} needs the package {missing.name}, which is not installed",
            next_step=f"pip install 'tidemark[{extra}]'",
        ) from missing
