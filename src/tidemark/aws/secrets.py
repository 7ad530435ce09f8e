"""Secrets: fetched where they are used, kept in memory for minutes, shown to nobody.

A secret is a JSON object (`{"user": …, "password": …}`). An environment says where it is looked for, in one place after
another: `aws` (Secrets Manager, by name), `ssm` (Parameter Store, a SecureString of that name), `env` (the variable
`TIDEMARK_SECRET_<NAME>`: the name in capitals, every other character than letters and digits as `_`).

The next place is asked where the one before says that it has no such secret, and for no other reason: whoever may not
read the present password, or cannot reach it, must not log in with one of last year.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from tidemark.errors import ConfigError
from tidemark.redaction import protect

if TYPE_CHECKING:
    from tidemark.aws.settings import AwsSettings

Provider = Literal["aws", "ssm", "env"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
"""In the order in which they are asked."""

TTL_SECONDS = 300.0
_ENV_PREFIX = "TIDEMARK_SECRET_"
_NOT_THERE = frozenset({"ResourceNotFoundException", "ParameterNotFound"})
_ARN = "arn:"
_cache: dict[tuple[str, tuple[Provider, ...], AwsSettings | None], tuple[float, SecretMapping]] = {}
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


class _AbsentError(Exception):
    """A place says that it has no secret of this name; what was looked at, and what to do about it."""

    def __init__(self, looked_at: str, advice: str) -> None:
        super().__init__(looked_at)
        self.looked_at = looked_at
        self.advice = advice


def fetch(
    name: str,
    providers: Provider | Sequence[Provider],
    aws: AwsSettings | None = None,
    *,
    anew: bool = False,
    manager: Callable[[], str] | None = None,
) -> SecretMapping:
    """The secret called `name`, at most `TTL_SECONDS` old, its values known to the log's redaction from now on.

    `anew` asks in any case: what is remembered was refused, as it is after a rotation. `manager` reads the text from
    Secrets Manager in place of our own client, and raises what `secret_value` does. Raises `ConfigError` that names
    every place that was searched when there is none, or when it is not a JSON object.
    """
    places = ordered(providers)
    key = (name, places, aws)
    with _lock:
        fetched = _cache.get(key)
    if fetched is not None and not anew and time.monotonic() - fetched[0] < TTL_SECONDS:
        return fetched[1]
    secret = SecretMapping(_parsed(name, _text(name, places, aws, manager)), name)
    protect(secret)
    with _lock:
        _cache[key] = (time.monotonic(), secret)
    return secret


def ordered(places: str | Sequence[str]) -> tuple[Provider, ...]:
    """The places to ask; raises `ValueError` for none, and for another order than that of `PROVIDERS`."""
    asked = (places,) if isinstance(places, str) else tuple(places)
    found = tuple(place for place in PROVIDERS if place in asked)
    if not found or asked != found:
        raise ValueError(f"secrets are looked for in some of {', '.join(PROVIDERS)}, each once and in this order")
    return found


def _text(name: str, places: Sequence[Provider], aws: AwsSettings | None, manager: Callable[[], str] | None) -> str:
    readers: Mapping[Provider, Callable[[], str]] = {
        "aws": lambda: _from_secrets_manager(name, aws, manager),
        "ssm": lambda: _from_parameter_store(name, aws),
        "env": lambda: _from_environment(name),
    }
    absent: list[_AbsentError] = []
    for place in places:
        try:
            return readers[place]()
        except _AbsentError as nothing:
            absent.append(nothing)
    raise ConfigError(
        f"there is no secret {name}; searched: {', then '.join(each.looked_at for each in absent)}",
        next_step=absent[0].advice,
    )


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
        advice = f"set {variable} to the secret's JSON object, or say `secrets: aws` in the environment's file"
        raise _AbsentError(f"the environment variable {variable} (not set)", advice)
    return text


def _from_secrets_manager(name: str, aws: AwsSettings | None, manager: Callable[[], str] | None) -> str:
    from tidemark.aws.clients import secret_value

    place = f"Secrets Manager {_where(aws)}"
    return _asked(name, place, "secretsmanager:GetSecretValue", manager or (lambda: secret_value(aws, name)))


def _from_parameter_store(name: str, aws: AwsSettings | None) -> str:
    from tidemark.aws.clients import parameter_value

    if name.startswith(_ARN):
        raise _AbsentError("Parameter Store (not asked: the name is an ARN of Secrets Manager)", f"create {name}")
    parameter = parameter_name(name)
    place = f"the parameter {parameter} {_where(aws)}"
    return _asked(name, place, "ssm:GetParameter", lambda: parameter_value(aws, parameter))


def _asked(name: str, place: str, action: str, ask: Callable[[], str]) -> str:
    from tidemark.aws.clients import AwsError

    try:
        return ask()
    except AwsError as refused:
        looked_at, advice = f"{place} ({refused.code})", _advice(refused.code, name, action)
        if refused.code in _NOT_THERE:
            raise _AbsentError(looked_at, advice) from None
        raise ConfigError(f"the secret {name} could not be read; asked: {looked_at}", next_step=advice) from None


def parameter_name(name: str) -> str:
    """The name of a secret in Parameter Store, whose paths begin with a slash."""
    return f"/{name}" if "/" in name and not name.startswith("/") else name


def _where(aws: AwsSettings | None) -> str:
    if aws is None:
        return "as the process's own AWS settings say"
    details = [f"in {aws.region}"]
    details += [f"at {aws.endpoint_url}"] if aws.endpoint_url else []
    details += [f"with the profile {aws.profile}"] if aws.profile else []
    details += [f"of {aws.credentials_file}"] if aws.credentials_file else []
    return " ".join(details)


def _advice(code: str, name: str, action: str) -> str:
    if code in _NOT_THERE:
        return f"create the secret {name}, or correct its name in the connection"
    if code in ("AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"):
        return f"let this role or profile read the secret {name} ({action})"
    if code in ("EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError"):
        return "check that the endpoint is up (locally: tidemark sandbox up)"
    if code == "NotSecureString":
        return "store it as a SecureString: anyone who may list parameters could read it as it is"
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
