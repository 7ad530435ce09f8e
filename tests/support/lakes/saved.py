"""A lake as it was at one moment, to which a test goes back: the same run can then die at one point after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.lakes.lake import Lake
from tidemark import faults
from tidemark.delta import plainfiles
from tidemark.spark.jvm import java_class


class Saved:
    """The lake's folder, kept beside it until the block ends."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._copy = Path(f"{lake.root}-saved")

    def __enter__(self) -> Saved:
        shutil.copytree(self._lake.root, self._copy)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self._copy)

    def again(self) -> None:
        """Everything is as it was; nobody remembers what came after."""
        shutil.rmtree(self._lake.root)
        shutil.copytree(self._copy, self._lake.root)
        java_class(self._lake.spark, "org.apache.spark.sql.delta.DeltaLog").clearCache()
        plainfiles.forget()

    def points_of(self, work: Callable[[], Any]) -> list[str]:
        """The points to which the work comes, each once, in their order."""
        reached: list[str] = []
        forget = faults.observed_by(reached.append)
        try:
            work()
        finally:
            forget()
        return list(dict.fromkeys(reached))
