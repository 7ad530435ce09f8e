"""Counts rows as they pass, in the job that writes them: no extra pass, no `count()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Mapping


class Counter:
    """Named aggregates over a frame, filled by the first action on it.

    The plan under `on` must run once in that action and must not be dropped from it: see the excluded optimizer rule
    in `session.py`.
    """

    def __init__(self, **aggregates: Column) -> None:
        self._observation = Observation()
        self._aggregates = aggregates
        self._values: Mapping[str, int] | None = None

    def on(self, frame: DataFrame) -> DataFrame:
        """The same frame, counted when it is computed."""
        columns = [F.coalesce(column, F.lit(0)).alias(name) for name, column in self._aggregates.items()]
        return frame.observe(self._observation, *columns)

    @property
    def values(self) -> Mapping[str, int]:
        """The counts; blocks until the action has told them, so ask only after it."""
        if self._values is None:
            self._values = {name: int(value) for name, value in self._observation.get.items()}
        return self._values
