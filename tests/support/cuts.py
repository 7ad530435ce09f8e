"""A machine that can end between any two things that outlive it, and one whose disk does not answer for a while.

After a kill a Python, a Java and a Spark have to start, after a cut nothing has. What is cut off is all that a run
leaves behind: Hadoop's files, the records of the control store, and the small files that Python writes.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.local_files import file_system
from tidemark.aws import folder
from tidemark.control import processes
from tidemark.control.state import SqliteState
from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    import pytest
    from pyspark.sql import SparkSession

_CLASS = "tidemark.tests.CutFiles"
_FOR_EVER = (1 << 63) - 1


class Machine:
    """What runs of this process stand on. A step is one thing that outlives it: a file, a rename, a record."""

    def __init__(self, spark: SparkSession) -> None:
        self._files: Any = java_class(spark, _CLASS)
        self._logs: Any = java_class(spark, "org.apache.spark.sql.delta.DeltaLog")
        self._lives = 0
        self.goes_on()

    @property
    def name(self) -> str:
        """Which of its lives this is: of a process that is told from the one before."""
        return f"life{self._lives}"

    def fails(self, after: int, steps: int = _FOR_EVER) -> None:
        """After so many further steps so many fail: all of them is the machine's end."""
        self._files.fail(after, steps)

    def goes_on(self) -> None:
        """Nothing fails from now on."""
        self.fails(_FOR_EVER, 0)

    def starts(self) -> None:
        """Another machine goes on, which knows nothing of what this one had in its memory."""
        self._lives += 1
        self._logs.clearCache()
        self.goes_on()

    @property
    def steps(self) -> int:
        """How many steps were taken since it was last told when to fail."""
        return int(self._files.done())

    @property
    def is_over(self) -> bool:
        return bool(self._files.isOver())

    def step(self) -> None:
        """Raises `OSError` where nothing can be done any more."""
        if not self._files.step():
            raise OSError("the disk does not answer")


@contextmanager
def machine(spark: SparkSession, patch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """All that runs of this process leave behind goes by this machine, for as long as the block lasts."""
    with file_system(spark, _CLASS):
        made = Machine(spark)
        _python_writes_by(made, patch)
        _processes_are_its_lives(made, patch)
        yield made
        made.starts()


def _python_writes_by(made: Machine, patch: pytest.MonkeyPatch) -> None:
    connected, replaced = SqliteState._connection, folder._replace

    @contextmanager
    def connection(state: SqliteState) -> Iterator[sqlite3.Connection]:
        with connected(state) as opened:
            try:
                made.step()
            except OSError as failure:
                raise sqlite3.OperationalError(str(failure)) from failure
            yield opened

    def replace(path: Path, text: str) -> None:
        made.step()
        replaced(path, text)

    patch.setattr(SqliteState, "_connection", connection)
    patch.setattr(folder, "_replace", replace)


def _processes_are_its_lives(made: Machine, patch: pytest.MonkeyPatch) -> None:
    """Runs of an earlier life are known to be dead, as those of a killed process are."""
    started = processes._start
    ours = os.getpid()

    def start(pid: int) -> str | None:
        return made.name if pid == ours else started(pid)

    assert processes.this_process().startswith(f"{socket.gethostname()}:{ours}:")
    patch.setattr(processes, "_start", start)
