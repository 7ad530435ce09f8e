"""Which failures may go away by themselves: those of the network and of a service that is overloaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidemark.errors import ConfigError

_TRANSIENT_TYPES = frozenset(
    {
        "builtins.ConnectionError",
        "builtins.TimeoutError",
        "socket.gaierror",
        "httpx.TransportError",
        "botocore.exceptions.EndpointConnectionError",
        "botocore.exceptions.HTTPClientError",
        "redshift_connector.error.InterfaceError",
        "redshift_connector.error.OperationalError",
        "requests.exceptions.ConnectionError",
        "requests.exceptions.Timeout",
        "snowflake.connector.errors.OperationalError",
        "snowflake.connector.errors.ServiceUnavailableError",
    }
)
# Spark reports what its JVM met as text.
_TRANSIENT_TEXTS = (
    "java.net.ConnectException",
    "java.net.NoRouteToHostException",
    "java.net.SocketTimeoutException",
    "java.net.UnknownHostException",
    "com.amazonaws.SdkClientException: Unable to execute HTTP request",
    "Please reduce your request rate",
)
# A second attempt would not help, and a third may lock the account.
_LASTING_TEXTS = ("incorrect username or password", "password authentication failed", "invalid_client")


def is_transient(failure: BaseException) -> bool:
    """Whether trying again may help: somewhere in the chain of causes stands a failure of the network."""
    chain = list(_chain(failure))
    if any(isinstance(link, ConfigError) or _says(link, _LASTING_TEXTS) for link in chain):
        return False
    return any(_names(type(link)) & _TRANSIENT_TYPES or _is_network_failure_of_spark(link) for link in chain)


def retry_when_transient(task: object, task_run: object, state: Any) -> bool:
    """Prefect's `retry_condition_fn`: the state of the failed attempt carries its exception."""
    return isinstance(state.data, BaseException) and is_transient(state.data)


def _chain(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = failure
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _names(kind: type) -> set[str]:
    """The full names of a class and its bases; httpx gives its classes the name of the package."""
    return {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}


def _is_network_failure_of_spark(failure: BaseException) -> bool:
    return type(failure).__module__.startswith(("py4j", "pyspark")) and _says(failure, _TRANSIENT_TEXTS)


def _says(failure: BaseException, texts: tuple[str, ...]) -> bool:
    said = str(failure).lower()
    return any(text.lower() in said for text in texts)
