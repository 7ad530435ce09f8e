"""A table's changes as Parquet files in the exchange bucket: written once a run, loaded by every warehouse."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.aws import S3_FAILURES, filesystem

if TYPE_CHECKING:
    from tidemark.environment import Environment

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StagedFiles:
    """The changes as Parquet files (`s3a://…`) in one folder: the warehouse's columns, then `_change_type`."""

    folder: str
    files: tuple[str, ...]
    rows: int


class Exports:
    """What a run has exported. Warehouses that need the same changes of a table share the files."""

    def __init__(self) -> None:
        self._files: dict[str, StagedFiles] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def once(self, folder: str, write: Callable[[], StagedFiles]) -> StagedFiles:
        """The files of `folder`; the first that asks writes them, and whoever asks meanwhile waits."""
        with self._lock:
            lock = self._locks[folder]
        with lock:
            if folder not in self._files:
                self._files[folder] = write()
            return self._files[folder]

    def forget(self, environment: Environment) -> None:
        """Removes the files. What cannot be removed is left to the bucket's lifecycle rule, and logged."""
        with self._lock:
            folders = [files.folder for files in self._files.values() if files.files]
            self._files.clear()
        for folder in folders:
            try:
                filesystem(environment.aws).rm(folder, recursive=True)
            except (OSError, *S3_FAILURES) as failure:
                log.warning("the files in %s were left behind: %s", folder, failure)
