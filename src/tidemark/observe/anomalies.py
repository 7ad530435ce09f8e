"""What is unusual about a run, beside those of the days before: by the books and metrics that runs have kept.

A day is held against days: what a table got after as many runs as it had until now. Weekdays count by themselves where
enough of them are known. Usual is what lies around the median, as far as days do (the median of their distances from
it): one odd day among them moves neither. Where too few days are known, nothing is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from itertools import groupby
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING

from tidemark.control.runs import RunSummary, TableResult, Warned
from tidemark.observe.metrics import FRESHNESS
from tidemark.observe.run_report import count, duration, errors_command

if TYPE_CHECKING:
    from tidemark.config.environment.monitoring import AnomalySettings, Watched

_SPREAD = 1.4826
"""The median of distances, times this, is the standard deviation where values are spread normally."""
_LEAST_ROWS, _LEAST_AGE = 10.0, 3600.0
_TOLD = 8  # values of the past that are shown
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True)
class Counted:
    """What one run did to one table: rows that came, rejected ones, nulls where there may be none, and how old the
    newest row was after it (None: not known)."""

    rows: int
    rejected: int = 0
    nulls: int = 0
    age: float | None = None

    def __add__(self, later: Counted) -> Counted:
        """Both runs of one day."""
        age = self.age if later.age is None else later.age
        return Counted(self.rows + later.rows, self.rejected + later.rejected, self.nulls + later.nulls, age)


@dataclass(frozen=True)
class Usual:
    """What values of the past are like: `of` says which they are (oldest first), `middle` is their median."""

    of: str
    values: tuple[float, ...]
    middle: float
    spread: float

    def distance(self, value: float, floor: float) -> float:
        """How many spreads a value is from the middle; a spread is at least `floor`."""
        return (value - self.middle) / max(self.spread, floor)


@dataclass(frozen=True)
class _Measure:
    """Something that can be unusual. `noise` is what chance alone moves a value by, given the usual one and the rows;
    `least` is a change that anybody would notice. `low`: whether too little of it is worth telling."""

    value: Callable[[Counted], float | None]
    noise: Callable[[float, Counted], float]
    least: float
    low: bool
    words: Callable[[float], str]
    told: str


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _of_share(usual: float, now: Counted) -> float:
    return sqrt(max(usual, 1 / max(now.rows, 1)) / max(now.rows, 1))


def _percent(value: float) -> str:
    return f"{value * 100:.3g} %"


_MEASURES: Mapping[Watched, _Measure] = {
    "rows": _Measure(
        lambda each: float(each.rows),
        lambda usual, _: sqrt(usual),
        _LEAST_ROWS,
        True,
        lambda value: count(round(value)),
        "{} rows came",
    ),
    "rejected": _Measure(
        lambda each: _share(each.rejected, each.rows), _of_share, 0.01, False, _percent, "{} of the rows were rejected"
    ),
    "nulls": _Measure(
        lambda each: _share(each.nulls, each.rows),
        _of_share,
        0.01,
        False,
        _percent,
        "{} of the rows lack a value that they must have",
    ),
    "age": _Measure(lambda each: each.age, lambda *_: 0.0, _LEAST_AGE, False, duration, "the newest row is {} old"),
}


def counted(summary: RunSummary) -> dict[str, Counted]:
    """What a run did to the tables that it loaded."""
    ages = summary.metrics.get("tables", {})
    return {
        result.table: _counted(result, ages.get(result.table, {}).get(FRESHNESS))
        for result in summary.tables
        if result.books and result.wrote
    }


def _counted(result: TableResult, age: float | None) -> Counted:
    books, nulls = result.books, sum(rows for rule, rows in result.rejected.items() if rule.endswith(".required"))
    return Counted(books.extracted if books else 0, books.quarantined if books else 0, nulls, age)


def anomalies(summary: RunSummary, earlier: Iterable[RunSummary], settings: AnomalySettings) -> Iterator[Warned]:
    """What is unusual about a run that is over, as warnings with the values of the past; `earlier` are runs before it,
    in any order.
    """
    if not summary.loads or not settings.watch:
        return
    first = summary.date - timedelta(days=settings.days)
    same_kind = [
        each
        for each in sorted(earlier, key=lambda each: each.started_at)
        if each.loads and each.run_id != summary.run_id and first <= each.date <= summary.date
    ]
    runs: dict[str, list[tuple[date, Counted]]] = defaultdict(list)
    for each in same_kind:
        for table, found in counted(each).items():
            runs[table].append((each.date, found))
    for table, found in counted(summary).items():
        if not any(fnmatchcase(table, pattern) for pattern in settings.leave_out):
            yield from _of_table(table, summary, found, runs[table], settings)


def _of_table(
    table: str, summary: RunSummary, found: Counted, runs: Sequence[tuple[date, Counted]], settings: AnomalySettings
) -> Iterator[Warned]:
    today = [each for day, each in runs if day == summary.date]
    now = _sum([*today, found])
    by_day = sorted(((day, each) for day, each in runs if day < summary.date), key=lambda each: each[0])
    past = {
        day: _sum([each for _, each in group][: len(today) + 1])
        for day, group in groupby(by_day, key=lambda each: each[0])
    }
    for name in settings.watch:
        told = _unusual(_MEASURES[name], now, past, summary.date, settings)
        if told:
            step = f"tidemark runs show {summary.short_id}"
            rejects = name in ("rejected", "nulls")
            yield Warned(table, told, errors_command(summary.run_id, table) if rejects else step)


def _sum(several: Sequence[Counted]) -> Counted:
    total, *others = several
    for each in others:
        total += each
    return total


def _unusual(
    measure: _Measure, now: Counted, past: Mapping[date, Counted], day: date, settings: AnomalySettings
) -> str | None:
    """What to tell of a value that is not as usual; None of any other."""
    value = measure.value(now)
    known = {then: found for then, each in past.items() if (found := measure.value(each)) is not None}
    usual = usual_on(day, known, settings)
    if value is None or usual is None:
        return None
    if measure.low and not usual.middle:
        return None  # a table that mostly gets nothing has no usual day
    change = value - usual.middle
    is_small = abs(change) < max(measure.least, settings.change * usual.middle)
    distance = usual.distance(value, max(measure.noise(usual.middle, now), measure.least / settings.deviations))
    if is_small or abs(distance) < settings.deviations or (change < 0 and not measure.low):
        return None
    same_weekday = [found for then, found in known.items() if then.weekday() == day.weekday()]
    if any(abs(value - each) <= max(measure.least, settings.change * each) for each in same_weekday):
        return None  # a day of this name was like that before
    values = ", ".join(measure.words(each) for each in usual.values[-_TOLD:])
    return f"{measure.told.format(measure.words(value))}, {usual.of} {measure.words(usual.middle)} (last: {values})"


def usual_on(day: date, known: Mapping[date, float], settings: AnomalySettings) -> Usual | None:
    """What is usual on a day, by values of days before it; None where too few are known."""
    weekday = {then: value for then, value in known.items() if then.weekday() == day.weekday()}
    by_weekday = len(weekday) >= settings.weekdays
    chosen = weekday if by_weekday else known
    if not by_weekday and len(chosen) < settings.least:
        return None
    values = tuple(chosen[then] for then in sorted(chosen))
    middle = median(values)
    spread = _SPREAD * median([abs(each - middle) for each in values])
    named = f"usual on {_DAYS[day.weekday()]} are" if by_weekday else "usual are"
    return Usual(named, values, middle, spread)
