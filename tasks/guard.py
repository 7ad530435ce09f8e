"""What surrounds every step: log fields, and errors that a person can act on and that hold no secret."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.errors import CommitError, TidemarkError
from tidemark.observe import logs
from tidemark.redaction import redact
from tidemark.spark.dataerrors import data_error

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CAUSED_BY = re.compile(r"^Caused by: (.+)$", re.MULTILINE)
_DISK_FULL = ("No space left on device", "Disk quota exceeded")
_LONGEST_LINE = 300
_HURRY_AGAIN = 0.5  # seconds
_WITH_JOBS = ("run_id", "trace_id")  # local properties of Spark's jobs, by which its event log leads to ours

log = logging.getLogger("tidemark.tasks")


@contextmanager
def step(
    table: str,
    name: str,
    spark: SparkSession | None = None,
    limit: timedelta | None = None,
    batch_id: str | None = None,
) -> Iterator[None]:
    """Runs a step of a table: its logs, its jobs in `spark` and what it raises (a `TidemarkError`) carry both names.

    With a `limit` the jobs of a step that takes longer are cancelled, and the step fails. `batch_id`: the batch that
    the step is about, where there is one by now.
    """
    described = f"{table}: {name}"
    if spark is not None:
        spark.sparkContext.setJobGroup(f"{described} {uuid.uuid4()}", described)
        for field in _WITH_JOBS:
            spark.sparkContext.setLocalProperty(f"tidemark.{field}", logs.known(field) or "")
    with logs.bound(table=table, step=name, batch_id=batch_id):
        began = time.monotonic()
        try:
            faults.reach(f"{table}: before {name}")
            with deadline(spark, limit):
                yield
            faults.reach(f"{table}: after {name}")
            log.info("done in %.1f s", time.monotonic() - began)
        except TidemarkError as error:
            raise _completed(error, table, name) from error.__cause__
        except Exception as error:
            # Spark's own error about a value shows the value, and whose it is nobody knows here.
            raise explained(error, table, name) from (None if data_error(error) else error)


@contextmanager
def deadline(spark: SparkSession | None, limit: timedelta | None) -> Iterator[None]:
    """Cancels the jobs of this thread's group once the block takes longer than `limit`; the block then raises.

    Prefect's own timeout cannot: it does not reach a thread that waits for the JVM.
    """
    if spark is None or limit is None:
        yield
        return
    context = spark.sparkContext
    group = context.getLocalProperty("spark.jobGroup.id") or ""
    ended, late = threading.Event(), threading.Event()

    def watch() -> None:
        if ended.wait(limit.total_seconds()):
            return
        late.set()
        while not ended.wait(_HURRY_AGAIN):
            context.cancelJobGroup(group)  # again and again: a step begins several jobs

    watcher = threading.Thread(target=watch, name="tidemark-deadline", daemon=True)
    watcher.start()
    try:
        yield
    except Exception as failure:
        if late.is_set():
            raise TidemarkError(
                f"took longer than {limit} and was stopped; nothing of it is visible",
                next_step="find out why, or raise compute.step_limit in the environment's file",
            ) from failure
        raise
    finally:
        ended.set()


def explained(error: Exception, table: str, name: str) -> TidemarkError:
    """An error that nobody foresaw, in one screen."""
    failed = data_error(error)
    if failed is not None:
        return TidemarkError(failed.what, table=table, step=name, next_step=failed.advice)
    text = str(error)
    if any(sign in text for sign in _DISK_FULL):
        return CommitError(
            "the disk is full; nothing of this step was kept",
            table=table,
            step=name,
            next_step="make room (tidemark doctor shows where), then run again",
        )
    return TidemarkError(
        f"{type(error).__name__}: {redact(_core(text))}",
        table=table,
        step=name,
        next_step="run again with --debug for the whole trace",
    )


def _core(text: str) -> str:
    """The line that says most: the innermost cause where a JVM listed its causes, else the first line."""
    causes = _CAUSED_BY.findall(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = causes[-1] if causes else (lines[0] if lines else "no message")
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _completed(error: TidemarkError, table: str, name: str) -> TidemarkError:
    """The same error, with table and step where it named none, and without secrets: Prefect stores its text."""
    error.table = error.table or table
    error.step = error.step or name
    error.summary = redact(error.summary)
    error.args = (error.summary,)
    error.seen = tuple(redact(line) for line in error.seen)
    error.evidence = redact(error.evidence) if error.evidence else None
    error.next_step = redact(error.next_step) if error.next_step else None
    return error
