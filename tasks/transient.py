"""Which failures may go away by themselves: those of the network, of a service that is overloaded, of a lost race."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from httpx import HTTPStatusError, codes

from tidemark.errors import ConfigError, SourceDownError
from tidemark.sources.api import ApiError
from tidemark.warehouses import WarehouseError
from tidemark.write.commit import CONFLICTS

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
    "Status Code: 500; Error Code: InternalError",
    "Status Code: 503; Error Code:",
)
# What AWS calls being asked too often, or being busy.
_BUSY_CODES = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_patience: ContextVar[timedelta] = ContextVar("tidemark_patience", default=timedelta(minutes=5))
# A second attempt would not help, and a third may lock the account.
_LASTING_TEXTS = ("incorrect username or password", "password authentication failed", "invalid_client")


def is_transient(failure: BaseException) -> bool:
    """Whether trying again may help: somewhere in the chain of causes stands a failure that passes."""
    chain = list(_chain(failure))
    if any(isinstance(link, SourceDownError) for link in chain):
        return False  # its client has waited already, for as long as somebody wants to wait
    if any(_is_busy(link) for link in chain):
        return True
    if any(isinstance(link, ConfigError) or _says(link, _LASTING_TEXTS) for link in chain):
        return False
    return any(_passes(link) for link in chain)


def retry_when_transient(task: object, task_run: Any, state: Any) -> bool:
    """Prefect's `retry_condition_fn`: the state of the failed attempt carries its exception.

    A task is tried again as long as its first attempt began less than `patience` ago: an outage of that length is
    survived, as the last attempt comes after it.
    """
    if not isinstance(state.data, BaseException) or not is_transient(state.data):
        return False
    began = task_run.start_time
    return began is None or datetime.now(UTC) - began < _patience.get()


@contextmanager
def patience(lasting: timedelta) -> Iterator[None]:
    """Tasks inside the block are tried again for so long."""
    token = _patience.set(lasting)
    try:
        yield
    finally:
        _patience.reset(token)


def _chain(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = failure
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _is_busy(failure: BaseException) -> bool:
    """Whether a service said that it was asked too often, or that something is wrong with itself."""
    if isinstance(failure, HTTPStatusError):
        status = failure.response.status_code
        return status == codes.TOO_MANY_REQUESTS or codes.is_server_error(status)
    if isinstance(failure, ClientError):
        status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return failure.response.get("Error", {}).get("Code") in _BUSY_CODES or codes.is_server_error(status)
    return False


def _passes(failure: BaseException) -> bool:
    if isinstance(failure, CONFLICTS):
        return True  # another transaction came first; a commit looks at the table again before it writes
    if isinstance(failure, WarehouseError):
        return failure.trouble.passes
    if isinstance(failure, ApiError):
        return failure.passes
    return bool(_names(type(failure)) & _TRANSIENT_TYPES) or _is_network_failure_of_spark(failure)


def _names(kind: type) -> set[str]:
    """The full names of a class and its bases; httpx gives its classes the name of the package."""
    return {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}


def _is_network_failure_of_spark(failure: BaseException) -> bool:
    return type(failure).__module__.startswith(("py4j", "pyspark")) and _says(failure, _TRANSIENT_TEXTS)


def _says(failure: BaseException, texts: tuple[str, ...]) -> bool:
    said = str(failure).lower()
    return any(text.lower() in said for text in texts)
