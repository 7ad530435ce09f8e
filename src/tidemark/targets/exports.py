"""A table's changes as Parquet files in the exchange bucket: written once a run, loaded by every warehouse."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tidemark.aws.clients import AWS_FAILURES, filesystem

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

Value = TypeVar("Value")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StagedFiles:
    """The changes as Parquet files (`s3a://…`) in one folder: the warehouse's columns, then `_change_type`."""

    folder: str
    files: tuple[str, ...]
    rows: int


class Once(Generic[Value]):
    """Values that are worked out once each; who asks for one that is being worked out waits for it."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def get(self, key: str, work_out: Callable[[], Value]) -> Value:
        """The value of `key`; the first that asks works it out. A failure is not remembered."""
        with self._lock:
            lock = self._locks[key]
        with lock:
            if key not in self._values:
                self._values[key] = work_out()
            return self._values[key]

    def forget(self) -> tuple[Value, ...]:
        """Starts anew; gives what there was."""
        with self._lock:
            values = tuple(self._values.values())
            self._values.clear()
        return values


class Exports:
    """What a run has exported. Warehouses that need the same changes of a table share the files."""

    def __init__(self) -> None:
        self._files: Once[StagedFiles] = Once()

    def once(self, folder: str, write: Callable[[], StagedFiles]) -> StagedFiles:
        """The files of `folder`, written by the first that asks."""
        return self._files.get(folder, write)

    def forget(self, environment: Environment) -> None:
        """Removes the files. What cannot be removed is left to the bucket's lifecycle rule, and logged."""
        for files in self._files.forget():
            try:
                if files.files:
                    filesystem(environment.aws).rm(files.folder, recursive=True)
            except (OSError, *AWS_FAILURES) as failure:
                log.warning("the files in %s were left behind: %s", files.folder, failure)
