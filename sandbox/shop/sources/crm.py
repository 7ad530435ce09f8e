"""Records of the CRM: each has versions, but its API shows only the current one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from sandbox.shop.agenda import Agenda
from sandbox.shop.chance import Population, stream
from sandbox.shop.clock import DAY, HOUR, Clock, busy_moment, day_of, start_of
from sandbox.shop.dirt import Spoiler
from sandbox.shop.model import GOOD, Batch, Note, Row, SourceTable

_MODSTAMP_STEP = 100_000
"""Milliseconds. A record's SystemModstamp is its index modulo this step: no two records share one."""

_FLAWED_EVERY = 67
_REPAIRED_SHARE = 0.5
_SPOILT_SHARE = 0.03


class Moment(NamedTuple):
    """A turn in a record's story: when, its values (all but SystemModstamp and IsDeleted), whether it is deleted."""

    at: int
    values: Row
    deleted: bool


class _Version(NamedTuple):
    """A record from the moment `at` on."""

    at: int
    row: Row
    note: Note


Story = Callable[[Random, int, int], Iterator[Moment]]
"""(chance, index of the record, moment of its birth) → its turns, in order."""


def is_sound(index: int) -> bool:
    """Whether a record was right from its birth: only these are referred to."""
    return index % _FLAWED_EVERY != 11


class CrmObject:
    """All records of one object. `relapses`: whether a record that was right may be broken for a while."""

    def __init__(
        self,
        seed: int,
        clock: Clock,
        table: SourceTable,
        spoiler: Spoiler,
        story: Story,
        *,
        opening: float,
        joining: float,
        first_day: int,
        relapses: bool,
    ) -> None:
        self._seed = seed
        self._clock = clock
        self._table = table
        self._spoiler = spoiler
        self._story = story
        self._population = Population(seed, table.name, max(10, int(opening)), lambda _: joining)
        self._first_day = first_day
        self._relapses = relapses
        self._agenda: Agenda[_Version] = Agenda()
        self._drawn = -1
        self._changed: defaultdict[int, dict[int, tuple[Row, Note]]] = defaultdict(dict)

    def known(self, day: int) -> int:
        """How many records there are by the end of `day`."""
        return self._population.known(day)

    def changed(self, day: int) -> Batch:
        """The current state of every record that changed on `day`; on day 1, of every record."""
        while self._drawn < day:
            self._drawn += 1
            self._advance_to(self._drawn)
        found = [self._changed[day][index] for index in sorted(self._changed[day])]
        return Batch(
            self._table.name, self._table.columns, tuple(row for row, _ in found), tuple(note for _, note in found)
        )

    def _advance_to(self, day: int) -> None:
        rng = stream(self._seed, self._table.name, "born", day)
        for index in self._population.joining(day):
            moment = rng.randrange(start_of(self._first_day), -HOUR) if day == 0 else busy_moment(rng, day)
            self._agenda.begin(index, self._versions(index, moment))
        for index, version in self._agenda.take(day):
            self._changed[max(1, day_of(version.at))][index] = (version.row, version.note)

    def _versions(self, index: int, born: int) -> Iterator[_Version]:
        """A record's versions, strictly later one after the other."""
        rng = stream(self._seed, self._table.name, index)
        last: int | None = None
        for turn in self._story(rng, index, born):
            last = self._lattice(turn.at, index, last)
            row = self._row(turn, last)
            broken = self._born_broken(rng, index, row) if turn.at == born else self._relapse(rng, index, row)
            if broken is None:
                yield _Version(last, row, GOOD)
                continue
            yield _Version(last, *broken)
            beyond_repair = broken[0][0] != row[0] or rng.random() > _REPAIRED_SHARE
            if turn.at == born and beyond_repair:
                return
            last = self._lattice(max(last, 0) + rng.randint(DAY, 4 * DAY), index, last)
            yield _Version(last, self._row(turn, last), GOOD)

    def _born_broken(self, rng: Random, index: int, row: Row) -> tuple[Row, Note] | None:
        return None if is_sound(index) else self._spoiler.spoil(rng, row, index // _FLAWED_EVERY)

    def _relapse(self, rng: Random, index: int, row: Row) -> tuple[Row, Note] | None:
        """A broken version of a record that was right; its Id stays what it is."""
        if not self._relapses or rng.random() >= _SPOILT_SHARE:
            return None
        spoilt, note = self._spoiler.spoil(rng, row, index)
        return (spoilt, note) if spoilt[0] == row[0] else None

    def _row(self, turn: Moment, at: int) -> Row:
        return (*turn.values, self._clock.iso(at), turn.deleted)

    @staticmethod
    def _lattice(moment: int, index: int, last: int | None) -> int:
        earliest = moment if last is None else max(moment, last + _MODSTAMP_STEP)
        return earliest // _MODSTAMP_STEP * _MODSTAMP_STEP + index % _MODSTAMP_STEP


def as_json_number(rng: Random, cents: int) -> Any:
    """An amount as the API gives it: a JSON number or a string with two decimals."""
    return cents / 100 if rng.random() < 0.65 else f"{cents // 100}.{cents % 100:02d}"


def turns_after(rng: Random, born: int, per_day: float) -> Iterator[int]:
    """Moments after a birth, `per_day` of them a day on average, at busy hours; none before shop day 1."""
    moment = max(born, 0)
    while True:
        moment += int(rng.expovariate(per_day) * DAY)
        moment = max(moment + 1, busy_moment(rng, day_of(moment)))
        yield moment
