"""Rows of files that are read together, and of all such groups one frame.

What a folder says of its files, and how old their snapshot is, is said of each group by itself; only then the groups
meet, so that no row depends on what lies beside its file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tidemark.sources.landing.folders import partition_columns, with_partitions
from tidemark.sources.landing.listing import Landing
from tidemark.sources.landing.onetype import AsTyped, as_one_type
from tidemark.sources.staged import union
from tidemark.sources.watermark import SourceFile

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Part:
    """The rows of files that are read together."""

    frame: DataFrame
    files: Sequence[SourceFile]

    def with_rows(self, change: Callable[[DataFrame], DataFrame]) -> Part:
        """The part with other columns in its rows."""
        return replace(self, frame=change(self.frame))

    def in_folders(self, folder: str, expected: Collection[str]) -> DataFrame:
        """The rows with what the folders below `folder` say of their files; `expected` are the contract's columns."""
        columns = partition_columns(self.files, folder, expected)
        return with_partitions(self.frame, folder, columns) if columns else self.frame


Reader = Callable[["SparkSession", Landing, Sequence[SourceFile], str], tuple[list[Part], list[str]]]
"""Gives the rows of files below a folder, and what to tell of them."""


def together(parts: Sequence[Part], folder: str, expected: Collection[str], wanted: AsTyped) -> DataFrame:
    """All rows, with what their folders say of them and columns of one type each.

    `expected` are the contract's columns by the source's names, and `wanted` gives their types.
    """
    frames = [part.in_folders(folder, expected) for part in parts]
    return union(as_one_type(frames, wanted) if len(frames) > 1 else frames)
