"""Secrets: fetched where they are used, kept in memory for minutes, shown to nobody.

A secret is a JSON object (`{"user": …, "password": …}`). Its provider is `aws` (Secrets Manager, by name) or `env`
(the variable `TIDEMARK_SECRET_<NAME>`: the name in capitals, every other character than letters and digits as `_`).
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from tidemark.errors import ConfigError
from tidemark.redaction import protect

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings

Provider = Literal["aws", "env"]

TTL_SECONDS = 300.0
_ENV_PREFIX = "TIDEMARK_SECRET_"
_cache: dict[tuple[str, Provider, AwsSettings | None], tuple[float, SecretMapping]] = {}
_lock = threading.Lock()


class MissingFieldError(ConfigError, KeyError):
    """A secret is there, but lacks a field that its use needs."""


class SecretMapping(Mapping[str, Any]):
    """The fields of a secret. Reading a field gives its value; printing, formatting, pickling never does."""

    __slots__ = ("__values", "name")

    def __init__(self, values: Mapping[str, Any], name: str | None = None) -> None:
        self.__values = dict(values)
        self.name: str | None = name or getattr(values, "name", None)

    def __getitem__(self, field: str) -> Any:
        if field not in self.__values:
            raise MissingFieldError(
                f"the secret {self.name or '(unnamed)'} has no field {field!r}; it has {_listed(self.__values)}",
                next_step="add the field to the secret's JSON object",
            )
        return self.__values[field]

    def __contains__(self, field: object) -> bool:
        return field in self.__values

    def __iter__(self) -> Iterator[str]:
        return iter(self.__values)

    def __len__(self) -> int:
        return len(self.__values)

    def __repr__(self) -> str:
        return f"SecretMapping({self.name or 'unnamed'}: {_listed(self.__values)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied: pass the connection's name on and fetch it there")


def fetch(name: str, provider: Provider, aws: AwsSettings | None = None, *, anew: bool = False) -> SecretMapping:
    """The secret called `name`, at most `TTL_SECONDS` old, its values known to the log's redaction from now on.

    `anew` asks the provider in any case: what is remembered was refused, as it is after a rotation.
    Raises `ConfigError` that names every place that was searched when there is none, or when it is not a JSON object.
    """
    place = (name, provider, aws)
    with _lock:
        fetched = _cache.get(place)
    if fetched is not None and not anew and time.monotonic() - fetched[0] < TTL_SECONDS:
        return fetched[1]
    text = _from_environment(name) if provider == "env" else _from_aws(name, aws)
    secret = SecretMapping(_parsed(name, text), name)
    protect(secret)
    with _lock:
        _cache[place] = (time.monotonic(), secret)
    return secret


def forget() -> None:
    """Empties the memory of fetched secrets: the next use asks the provider, for a password was changed."""
    with _lock:
        _cache.clear()


def variable_name(name: str) -> str:
    """The environment variable that holds a secret: `tidemark/crm` → `TIDEMARK_SECRET_TIDEMARK_CRM`."""
    return _ENV_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _from_environment(name: str) -> str:
    variable = variable_name(name)
    text = os.environ.get(variable)
    if text is None:
        raise ConfigError(
            f"there is no secret {name}; searched: the environment variable {variable} (not set)",
            next_step=f"set {variable} to the secret's JSON object, or say `secrets: aws` in the environment's file",
        )
    return text


def _from_aws(name: str, aws: AwsSettings | None) -> str:
    from tidemark.aws.clients import AwsError, secret_value

    try:
        return secret_value(aws, name)
    except AwsError as refused:
        raise ConfigError(
            f"there is no secret {name}; searched: {_secrets_manager(aws)} ({refused.code})",
            next_step=_advice(refused.code, name),
        ) from None


def _secrets_manager(aws: AwsSettings | None) -> str:
    if aws is None:
        return "Secrets Manager as the process's own AWS settings say"
    details = [f"in {aws.region}"]
    details += [f"at {aws.endpoint_url}"] if aws.endpoint_url else []
    details += [f"with the profile {aws.profile}"] if aws.profile else []
    details += [f"of {aws.credentials_file}"] if aws.credentials_file else []
    return f"Secrets Manager {' '.join(details)}"


def _advice(code: str, name: str) -> str:
    if code == "ResourceNotFoundException":
        return f"create the secret {name}, or correct its name in the connection"
    if code in ("AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"):
        return f"let this role or profile read the secret {name} (secretsmanager:GetSecretValue)"
    if code in ("EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError"):
        return "check that the endpoint is up (locally: tidemark sandbox up)"
    return "check the AWS settings of the environment (tidemark doctor)"


def _parsed(name: str, text: str) -> Mapping[str, Any]:
    """The JSON object in `text`; what the parser says is dropped, because it quotes the text."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigError(
            f"the secret {name} is not a JSON object",
            next_step='store it as an object with a field for each value: {"user": "…", "password": "…"}',
        )
    return values


def _listed(fields: Mapping[str, Any]) -> str:
    return ", ".join(sorted(fields)) or "no fields"
