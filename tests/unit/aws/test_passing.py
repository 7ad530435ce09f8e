"""What AWS may do a moment later is told from what it will never do."""

from __future__ import annotations

import errno

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from tidemark.aws.clients import passes


def refused(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "ListObjectsV2")


def told_by_s3fs(cause: Exception) -> OSError:
    failure = OSError(errno.EIO, "said")
    failure.__cause__ = cause
    return failure


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="http://s3"),
        ConnectTimeoutError(endpoint_url="http://s3"),
        ReadTimeoutError(endpoint_url="http://s3"),
        refused(503, "SlowDown"),
        refused(500, "InternalError"),
        refused(400, "RequestTimeout"),
        told_by_s3fs(refused(503, "ServiceUnavailable")),
        OSError(errno.EBUSY, "busy"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=repr,
)
def test_outages_pass(failure: Exception) -> None:
    assert passes(failure)


@pytest.mark.parametrize(
    "failure",
    [
        refused(403, "AccessDenied"),
        refused(404, "NoSuchBucket"),
        refused(301, "PermanentRedirect"),
        told_by_s3fs(refused(400, "InvalidBucketName")),
        SSLError(endpoint_url="http://s3", error="certificate"),
        NoCredentialsError(),
        FileNotFoundError("bucket"),
        PermissionError("bucket"),
    ],
    ids=repr,
)
def test_refusals_do_not(failure: Exception) -> None:
    assert not passes(failure)
