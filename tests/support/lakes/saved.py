"""A lake as it was at one moment: a test goes back to it, so that a run can die at one point after the other, or begins
with it, so that what many tests begin with is loaded once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tidemark import faults
from tidemark.delta import plainfiles
from tidemark.spark.jvm import java_class

T = TypeVar("T")


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
        _lay_down(self._lake.spark, self._copy, self._lake.root)

    def points_of(self, work: Callable[[], Any]) -> list[str]:
        """The points to which the work comes, each once, in their order."""
        reached: list[str] = []
        forget = faults.observed_by(reached.append)
        try:
            work()
        finally:
            forget()
        return list(dict.fromkeys(reached))


@dataclass(frozen=True)
class _Loaded:
    """Where a lake lies, its copy as it was loaded, and what the loading gave."""

    root: Path
    copy: Path
    result: Any


class Beginnings:
    """Lakes that many tests begin with. Each is loaded once, and laid down as it was then for every test.

    It lies in the same folder each time: what a plan or a run that died has noted of its paths stays true.
    """

    def __init__(self, spark: SparkSession, new_folder: Callable[[], Path]) -> None:
        self._spark = spark
        self._new_folder = new_folder
        self._loaded: dict[tuple[Hashable, ...], _Loaded] = {}

    def of(self, load: Callable[..., T], *given: Hashable, after: tuple[Any, ...] = ()) -> tuple[Lake, T]:
        """The lake as `load(lake, *given)` has left it, and what that gave, which no test may change.

        `after` is what another call was given: loading goes on with that lake, in its folder. A test has one of both.
        """
        key = (load, *given, *after)
        if key not in self._loaded:
            lake = self.of(*after)[0] if after else Lake(self._spark, self._new_folder())
            result = load(lake, *given)
            _give_back_leases(lake)
            copy = lake.root.with_name(f"{lake.root.name}-as-{load.__name__}-left-it")
            shutil.copytree(lake.root, copy)
            self._loaded[key] = _Loaded(lake.root, copy, result)
        loaded = self._loaded[key]
        lake = Lake(self._spark, loaded.root)
        _lay_down(self._spark, loaded.copy, loaded.root)
        return lake, loaded.result


def _lay_down(spark: SparkSession, copy: Path, root: Path) -> None:
    shutil.rmtree(root)
    shutil.copytree(copy, root)
    java_class(spark, "org.apache.spark.sql.delta.DeltaLog").clearCache()
    plainfiles.forget()


def _give_back_leases(lake: Lake) -> None:
    for engine in lake.engines:
        for table in engine.leases.held():
            engine.leases.release(table)
