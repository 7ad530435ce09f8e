"""The FX folder: a file of reference rates per business day, and a correction now and then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sandbox.shop.chance import stream
from sandbox.shop.clock import HOUR, MINUTE, SECOND, Clock, start_of
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.model import DUPLICATE, GOOD, Batch, Note, Row
from sandbox.shop.rates import RATED_CURRENCIES, reference_rate, shown_decimals
from sandbox.shop.schema import FX_RATES

EARLIER_BUSINESS_DAYS = 5
"""Rates are published from so many business days before shop day 1."""

_PUBLISHED = 15 * HOUR
_CORRECTED = 16 * HOUR + 30 * MINUTE
_CORRECTION_SHARE = 0.13
_BAD_SHARE = 0.5

_Labelled = list[tuple[Row, Note]]


class FxDesk:
    """Publishes the rates. `factors`: shop days whose rates are too high, and by how much."""

    def __init__(self, seed: int, clock: Clock, factors: Mapping[int, int] | None = None) -> None:
        self._seed = seed
        self._clock = clock
        self._factors = factors or {}

    def files(self, day: int) -> dict[str, Batch]:
        """The files that appear on `day`, by path; day 1 brings those of the business days before it."""
        days = [*self._business_days_before(day, EARLIER_BUSINESS_DAYS)[::-1], day] if day == 1 else [day]
        files: dict[str, Batch] = {}
        for published in days:
            if self._clock.is_business_day(published):
                files |= self._files_of(published)
        return files

    def first_day(self) -> int:
        """The first shop day (0 or below) that has rates."""
        return self._business_days_before(1, EARLIER_BUSINESS_DAYS)[-1]

    def _business_days_before(self, day: int, count: int) -> list[int]:
        """The last `count` business days before a day, latest first."""
        earlier = (day - back for back in range(1, count * 2 + 5))
        return [candidate for candidate in earlier if self._clock.is_business_day(candidate)][:count]

    def _files_of(self, day: int) -> dict[str, Batch]:
        folder = f"fx/dt={self._clock.date(day)}"
        files = {f"{folder}/rates.json": self._batch(self._daily(day))}
        if day > 1 and stream(self._seed, "fx-correction", day).random() < _CORRECTION_SHARE:
            files[f"{folder}/rates-correction.json"] = self._batch(self._correction(day))
        if day > 1 and day % 11 == 6:
            files[f"{folder}/rates-retry.json"] = self._truncated(day)
        return files

    def _batch(self, labelled: _Labelled) -> Batch:
        rows, notes = zip(*labelled, strict=True)
        return Batch(FX_RATES.name, FX_RATES.columns, rows, notes)

    def _good(self, day: int) -> list[Row]:
        published = self._clock.iso(start_of(day) + _PUBLISHED)
        on = self._clock.date(day)
        factor = self._factors.get(day, 1)
        return [
            (on.isoformat(), "EUR", currency, float(reference_rate(self._seed, currency, on) * factor), published)
            for currency in RATED_CURRENCIES
        ]

    def _daily(self, day: int) -> _Labelled:
        rng = stream(self._seed, "fx-dirt", day)
        good = self._good(day)
        labelled: _Labelled = [(row, GOOD) for row in good]
        if rng.random() < 0.15:
            labelled.append((rng.choice(good), DUPLICATE))
        if day >= 1 and rng.random() < _BAD_SHARE:
            stamp = self._clock.iso(start_of(day) + _PUBLISHED + rng.randrange(600) * SECOND + 1)
            row = (*rng.choice(good)[:-1], stamp)
            labelled.append(SPOILER.spoil(rng, row, day * 7))
        return labelled

    def _correction(self, day: int) -> _Labelled:
        """The business day before once more: a few rates corrected, one merely repeated."""
        rng = stream(self._seed, "fx-corrected", day)
        wrong = self._good(self._business_days_before(day, 1)[0])
        published = self._clock.iso(start_of(day) + _CORRECTED)
        *corrected, repeated = rng.sample(wrong, rng.randint(3, 5))
        labelled: _Labelled = []
        for rate_date, base, currency, rate, _ in corrected:
            better = round(rate * rng.choice((0.996, 0.998, 1.002, 1.004)), shown_decimals(currency))
            labelled.append(((rate_date, base, currency, better, published), GOOD))
        return [*labelled, (repeated, DUPLICATE)]

    def _truncated(self, day: int) -> Batch:
        """A file cut off in the middle: one record that cannot be read."""
        on = self._clock.date(day) - timedelta(days=1)
        raw = f'[\n  {{"rate_date": "{on}", "base_currency": "EUR", "currency": "USD", "rate": 1.0'
        row = (None,) * len(FX_RATES.columns)
        return Batch(FX_RATES.name, FX_RATES.columns, (row,), (Note("bad", frozenset({"_record.parse"}), raw),))


SPOILER = Spoiler(
    (column.name for column in FX_RATES.columns),
    (
        Flaw("rate_date", "rate_date.type", becomes("2025-02-30", "yesterday", "03/03/2025")),
        Flaw("rate_date", "rate_date.required", becomes(None)),
        Flaw("base_currency", "base_currency.enum", becomes("USD", "eur")),
        Flaw("base_currency", "base_currency.required", becomes(None)),
        Flaw("currency", "currency.pattern", turns(str.lower)),
        Flaw("currency", "currency.pattern", becomes("US$", "DOLLAR", "")),
        Flaw("currency", "currency.required", becomes(None)),
        Flaw("rate", "rate.type", becomes("n/a", "1,0832", "NaN", "99999999999999.0")),
        Flaw("rate", "rate.exclusiveMinimum", becomes(0, -1.0832, "0.00")),
        Flaw("rate", "rate.required", becomes(None)),
        Flaw("published_at", "published_at.type", becomes("soon", "15 Uhr")),
        Flaw("published_at", "published_at.required", becomes(None)),
    ),
)
"""Breaks rates."""
