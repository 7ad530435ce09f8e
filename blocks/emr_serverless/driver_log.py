"""The last lines that a driver wrote, from where EMR Serverless puts its logs."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from tidemark.aws.clients import AWS_FAILURES, s3_client
from tidemark.redaction import redact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from blocks.emr_serverless.job_runs import JobRun
    from tidemark.aws.settings import AwsSettings

_STREAMS = ("stderr", "stdout")
_LINES = 40
_LONGEST_LINE = 500

log = logging.getLogger(__name__)


def folder(log_uri: str, job_run: JobRun) -> str:
    """Where the logs of a job run lie; every attempt of it has a folder of its own in there."""
    return f"{log_uri.rstrip('/')}/applications/{job_run.application_id}/jobs/{job_run.id}/"


def tail(log_uri: str, job_run: JobRun, aws: AwsSettings | None, lines: int = _LINES) -> list[str]:
    """The driver's last lines, its errors first, without secrets; none where there is no log (yet)."""
    place = urlparse(folder(log_uri, job_run))
    s3 = s3_client(aws)
    try:
        keys = sorted(_keys(s3, place.netloc, place.path.lstrip("/")))
        for stream in _STREAMS:
            of_stream = [key for key in keys if f"/SPARK_DRIVER/{stream}" in key]
            if of_stream and (last := _last_lines(s3, place.netloc, of_stream[-1], lines)):
                return last
    except (*AWS_FAILURES, EOFError, OSError, zlib.error) as failure:
        log.warning("the driver's log in %s could not be read: %s", place.geturl(), failure)
    return []


def _keys(s3: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (entry["Key"] for entry in page.get("Contents", ()))


def _last_lines(s3: S3Client, bucket: str, key: str, lines: int) -> list[str]:
    """Line by line, because a long job's log is no small thing."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    with gzip.open(body, mode="rt", encoding="utf-8", errors="replace") as text:
        last = deque((line.rstrip() for line in text if line.strip()), maxlen=lines)
    return [redact(line[:_LONGEST_LINE]) for line in last]
