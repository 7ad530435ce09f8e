"""Seeded chance: the same key always gives the same stream, on every machine and in every order of asking."""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect
from collections.abc import Callable
from random import Random


def stream(seed: int, *key: object) -> Random:
    """A random stream of its own for `key` under `seed`."""
    text = "/".join(str(part) for part in (seed, *key))
    return Random(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big"))


def rounded(rng: Random, expected: float) -> int:
    """A whole number whose mean is `expected`: the fraction is rounded up by chance."""
    whole = int(expected)
    return whole + (rng.random() < expected - whole)


class Weighted:
    """Draws one of `items` by weight."""

    def __init__(self, weights: dict[str, float]) -> None:
        self._items = tuple(weights)
        self._bounds = list(itertools.accumulate(weights.values()))

    def pick(self, rng: Random) -> str:
        """One item."""
        return self._items[bisect(self._bounds, rng.random() * self._bounds[-1])]


class Zipf:
    """Draws a rank 0..size-1 with a weight of 1/(rank + offset)^exponent: a few ranks get much of everything."""

    def __init__(self, size: int, exponent: float, offset: float) -> None:
        self._bounds = list(itertools.accumulate((rank + offset) ** -exponent for rank in range(size)))

    def pick(self, rng: Random) -> int:
        """One rank."""
        return bisect(self._bounds, rng.random() * self._bounds[-1])


class Population:
    """How many there are of something that only grows: `opening` before day 1, then `per_day(day)` on average."""

    def __init__(self, seed: int, name: str, opening: int, per_day: Callable[[int], float]) -> None:
        self._seed = seed
        self._name = name
        self._per_day = per_day
        self._known = [opening]

    def known(self, day: int) -> int:
        """How many there are by the end of `day`; any day before the first counts as the opening."""
        while len(self._known) <= day:
            number = len(self._known)
            joined = rounded(stream(self._seed, "population", self._name, number), self._per_day(number))
            self._known.append(self._known[-1] + joined)
        return self._known[max(day, 0)]

    def joining(self, day: int) -> range:
        """The indexes of those who join on `day`; day 0 stands for the opening."""
        return range(self.known(day - 1) if day > 0 else 0, self.known(day))
