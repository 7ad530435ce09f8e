"""Append-only tables as they are delivered: good rows, some of them twice, and broken ones among them."""

from __future__ import annotations

from random import Random

from sandbox.shop.chance import stream
from sandbox.shop.clock import Clock, busy_moment, start_of
from sandbox.shop.dirt import Spoiler
from sandbox.shop.model import DUPLICATE, GOOD, Batch, Note, Row, SourceTable

_TWICE_SHARE = 0.005
_AGAIN_SHARE = 0.003


class Feed:
    """One append-only table. `stamp` is its watermark column, by which a broken copy becomes a record of its own."""

    def __init__(self, seed: int, clock: Clock, table: SourceTable, stamp: str, spoiler: Spoiler) -> None:
        self._seed = seed
        self._clock = clock
        self._table = table
        self._stamp = [column.name for column in table.columns].index(stamp)
        self._spoiler = spoiler

    def batch(self, day: int, good: list[Row], day_before: list[Row]) -> Batch:
        """What is inserted on `day`, given the good rows of that day and of the day before."""
        rng = stream(self._seed, self._table.name, "dirt", day)
        delivered = [(row, GOOD) for row in good]
        delivered += [(row, DUPLICATE) for row in good if rng.random() < _TWICE_SHARE]
        delivered += [(row, DUPLICATE) for row in self._again(day, day_before)]
        delivered += self._bad(rng, good, day)
        rng.shuffle(delivered)
        columns = self._table.columns_on(day)
        width = len(columns)
        return Batch(
            self._table.name,
            columns,
            tuple(row if len(row) == width else row[:width] for row, _ in delivered),
            tuple(note for _, note in delivered),
        )

    def _again(self, day: int, day_before: list[Row]) -> list[Row]:
        """Rows of the day before that are delivered again; never late ones, whose time is out of every window."""
        rng = stream(self._seed, self._table.name, "again", day)
        midnight = self._clock.datetime(start_of(day - 1))
        return [row for row in day_before if rng.random() < _AGAIN_SHARE and row[self._stamp] >= midnight]

    def _bad(self, rng: Random, good: list[Row], day: int) -> list[tuple[Row, Note]]:
        def restamp(chance: Random, row: Row) -> Row:
            stamp = self._clock.datetime(busy_moment(chance, day))
            return (*row[: self._stamp], stamp, *row[self._stamp + 1 :])

        return self._spoiler.spoil_some(rng, good, day * 7, restamp)
