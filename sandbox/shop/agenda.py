"""Lives drawn no further than somebody asks: endless iterators of versions, taken day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from sandbox.shop.clock import day_of


class Dated(Protocol):
    """Something that begins at a moment."""

    @property
    def at(self) -> int:
        """The moment."""


VersionT = TypeVar("VersionT", bound=Dated)


class Agenda(Generic[VersionT]):
    """Which life goes on on which day, so that a day costs what happens on it."""

    def __init__(self) -> None:
        self._due: defaultdict[int, list[tuple[int, VersionT, Iterator[VersionT]]]] = defaultdict(list)

    def begin(self, index: int, versions: Iterator[VersionT]) -> None:
        """Add a life; its versions come strictly later one after the other."""
        first = next(versions, None)
        if first is not None:
            self._due[max(0, day_of(first.at))].append((index, first, versions))

    def take(self, day: int) -> Iterator[tuple[int, VersionT]]:
        """(index, version) of all that begins on `day` (on day 0: by its end), each life in order.

        Days must be taken one after the other, beginning with 0, after the lives that begin on them were added.
        """
        for index, upcoming, versions in self._due.pop(day, ()):
            yield index, upcoming
            for version in versions:
                if day_of(version.at) > day:
                    self._due[day_of(version.at)].append((index, version, versions))
                    break
                yield index, version
