"""Only what may go away by itself is tried again."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import httpx
import pytest
import redshift_connector.error
import snowflake.connector.errors
from delta.exceptions.captured import ConcurrentAppendException
from prefect.states import Completed, Failed
from py4j.protocol import Py4JError

from tasks.steps import RETRIES
from tasks.transient import is_transient, patience, retry_when_transient
from tidemark.errors import CommitError, ConfigError, GateError, SourceDownError, SourceError
from tidemark.sources.api import ApiError, Failure
from tidemark.warehouses import Trouble, WarehouseError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REQUEST = httpx.Request("GET", "http://crm")


def throttled(code: str, status: int) -> botocore.exceptions.ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, "GetItem")


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
        throttled("ThrottlingException", 400),
        throttled("ProvisionedThroughputExceededException", 400),
        throttled("SlowDown", 503),
        throttled("Whatever", 500),
        httpx.HTTPStatusError("busy", request=REQUEST, response=httpx.Response(429)),
        httpx.HTTPStatusError("broken", request=REQUEST, response=httpx.Response(502)),
        WarehouseError(Trouble.CONFLICT, "locked"),
        WarehouseError(Trouble.UNREACHABLE, "shutting down"),
        ApiError(Failure.DOWN, "HTTP 503"),
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
        throttled("AccessDeniedException", 403),
        httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(404)),
        WarehouseError(Trouble.CREDENTIALS, "no"),
        WarehouseError(Trouble.REFUSED, "syntax error"),
        ApiError(Failure.REFUSED, "HTTP 400"),
        CommitError("somebody else has committed"),
        GateError("a check failed"),
        SourceError("there is no table SALES.ORDER"),
        caused(SourceDownError("it was asked for five minutes"), ApiError(Failure.DOWN, "HTTP 503")),
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


def test_a_secret_that_could_not_be_had_because_of_throttling_is_asked_for_again() -> None:
    assert is_transient(caused(ConfigError("there is no secret"), throttled("ThrottlingException", 400)))


def test_a_lost_race_for_a_table_is_run_again(spark: SparkSession) -> None:
    assert is_transient(ConcurrentAppendException("files were added", "", None))


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_transient(first)


def begun(seconds_ago: float) -> SimpleNamespace:
    return SimpleNamespace(start_time=datetime.now(UTC) - timedelta(seconds=seconds_ago))


def test_prefect_asks_with_the_state_of_the_attempt() -> None:
    assert retry_when_transient(None, begun(1), Failed(data=ConnectionError("refused")))
    assert not retry_when_transient(None, begun(1), Failed(data=GateError("a check failed")))
    assert not retry_when_transient(None, begun(1), Completed(data=None))


def test_a_task_is_tried_again_for_as_long_as_the_environment_is_patient() -> None:
    down = Failed(data=ConnectionError("refused"))
    assert retry_when_transient(None, begun(290), down)
    assert not retry_when_transient(None, begun(310), down)
    with patience(timedelta(seconds=20)):
        assert retry_when_transient(None, begun(19), down)
        assert not retry_when_transient(None, begun(21), down)


def test_five_minutes_of_outage_are_survived_whatever_the_waits_turn_out_to_be() -> None:
    """Prefect makes waits up to half as long; the tries do not run out before the time does."""
    delays, retries = RETRIES["retry_delay_seconds"], RETRIES["retries"]
    waits = [delays[min(number, len(delays) - 1)] for number in range(retries)]
    assert sum(waits) * (1 - RETRIES["retry_jitter_factor"]) > 300
