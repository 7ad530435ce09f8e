"""Only what may go away by itself is tried again."""

from __future__ import annotations

import socket

import botocore.exceptions
import httpx
import pytest
import redshift_connector.error
import snowflake.connector.errors
from prefect.states import Completed, Failed
from py4j.protocol import Py4JError

from tasks.transient import is_transient, retry_when_transient
from tidemark.errors import ConfigError, GateError, SourceError

REQUEST = httpx.Request("GET", "http://crm")


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "failure",
    [
        ConnectionResetError("reset"),
        TimeoutError("too late"),
        socket.gaierror("no such host"),
        httpx.ConnectError("refused", request=REQUEST),
        httpx.ReadTimeout("slow", request=REQUEST),
        botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"),
        snowflake.connector.errors.OperationalError("250003: failed to execute request"),
        redshift_connector.error.InterfaceError("communication error"),
        Py4JError("Caused by: java.net.ConnectException: Connection refused"),
        Py4JError("com.amazonaws.services.s3.model.AmazonS3Exception: Please reduce your request rate."),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_failures_of_the_network_are_transient_alone_and_as_a_cause(failure: Exception) -> None:
    assert is_transient(failure)
    assert is_transient(caused(SourceError("the source is down"), failure))


@pytest.mark.parametrize(
    "failure",
    [
        ValueError("wrong"),
        GateError("a check failed"),
        SourceError("there is no table SALES.ORDER"),
        Py4JError("org.apache.spark.sql.AnalysisException: cannot resolve"),
        OSError(28, "No space left on device"),
        caused(ConfigError("there is no secret"), ConnectionError("refused")),
        snowflake.connector.errors.OperationalError("Incorrect username or password was specified."),
        redshift_connector.error.InterfaceError("password authentication failed for user loader"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_what_stays_wrong_is_not(failure: Exception) -> None:
    assert not is_transient(failure)


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_transient(first)


def test_prefect_asks_with_the_state_of_the_attempt() -> None:
    assert retry_when_transient(None, None, Failed(data=ConnectionError("refused")))
    assert not retry_when_transient(None, None, Failed(data=GateError("a check failed")))
    assert not retry_when_transient(None, None, Completed(data=None))
