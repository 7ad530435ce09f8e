"""Exchange rates after the ECB's euro reference rates of March 2025, in shape and magnitude."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from sandbox.shop.chance import stream

_ANCHOR_DATES = (date(2025, 2, 24), date(2025, 3, 6), date(2025, 3, 18), date(2025, 3, 31))

_USD_DATES = {
    date(2025, 2, day): rate
    for day, rate in ((24, 1.0466), (25, 1.0497), (26, 1.0487), (27, 1.0477), (28, 1.0411))
} | {
    date(2025, 3, day): rate
    for day, rate in (
        (3, 1.0465), (4, 1.0557), (5, 1.0694), (6, 1.0816), (7, 1.0857), (10, 1.0855), (11, 1.0912),
        (12, 1.0887), (13, 1.0857), (14, 1.0889), (17, 1.0903), (18, 1.0918), (19, 1.0897), (20, 1.0833),
        (21, 1.0827), (24, 1.0824), (25, 1.0798), (26, 1.0788), (27, 1.0785), (28, 1.0797), (31, 1.0815),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Path:
    """A currency's way: units per euro at the anchor dates, how much a day may differ from it, decimals shown."""

    anchors: tuple[float, float, float, float]
    jitter: float
    decimals: int


_FREE = 0.0025
_PATHS = {
    "USD": _Path((1.0466, 1.0816, 1.0918, 1.0815), _FREE, 4),
    "JPY": _Path((157.6, 159.7, 163.0, 161.6), _FREE, 2),
    "BGN": _Path((1.9558, 1.9558, 1.9558, 1.9558), 0.0, 4),
    "CZK": _Path((25.05, 25.05, 25.0, 24.962), _FREE, 3),
    "DKK": _Path((7.4591, 7.459, 7.4595, 7.4613), 0.00005, 4),
    "GBP": _Path((0.8283, 0.838, 0.8405, 0.83536), _FREE, 5),
    "HUF": _Path((402.0, 399.0, 399.0, 402.35), _FREE, 2),
    "PLN": _Path((4.145, 4.17, 4.165, 4.184), _FREE, 4),
    "RON": _Path((4.977, 4.9765, 4.977, 4.9771), 0.0001, 4),
    "SEK": _Path((11.1, 10.99, 10.97, 10.849), _FREE, 4),
    "CHF": _Path((0.9395, 0.9568, 0.9595, 0.9531), _FREE, 4),
    "ISK": _Path((145.7, 146.3, 145.7, 142.7), _FREE, 2),
    "NOK": _Path((11.63, 11.78, 11.52, 11.413), _FREE, 4),
    "TRY": _Path((38.1, 39.4, 40.1, 41.04), _FREE, 4),
    "AUD": _Path((1.645, 1.705, 1.712, 1.7318), _FREE, 4),
    "BRL": _Path((6.0, 6.22, 6.19, 6.2507), _FREE, 4),
    "CAD": _Path((1.487, 1.548, 1.559, 1.5533), _FREE, 4),
    "CNY": _Path((7.58, 7.83, 7.89, 7.8442), _FREE, 4),
    "HKD": _Path((8.13, 8.4, 8.48, 8.4135), _FREE, 4),
    "IDR": _Path((17040.0, 17600.0, 17900.0, 17918.0), _FREE, 2),
    "ILS": _Path((3.73, 3.92, 4.0, 4.0222), _FREE, 4),
    "INR": _Path((90.7, 94.0, 94.4, 92.3955), _FREE, 4),
    "KRW": _Path((1494.0, 1562.0, 1585.0, 1593.0), _FREE, 2),
    "MXN": _Path((21.3, 22.0, 21.8, 22.063), _FREE, 4),
    "MYR": _Path((4.62, 4.78, 4.86, 4.7983), _FREE, 4),
    "NZD": _Path((1.824, 1.885, 1.875, 1.9025), _FREE, 4),
    "PHP": _Path((60.6, 61.9, 62.5, 61.905), _FREE, 3),
    "SGD": _Path((1.4, 1.44, 1.452, 1.4519), _FREE, 4),
    "THB": _Path((35.1, 36.4, 36.7, 36.709), _FREE, 3),
    "ZAR": _Path((19.2, 19.7, 19.75, 19.88), _FREE, 4),
}

RATED_CURRENCIES = tuple(_PATHS)
"""The 30 currencies with a reference rate, in the ECB's order; the euro itself has none."""

_SWING_DAYS = 47.0
_SWING = 0.012


def nominal(currency: str) -> float:
    """About how many units of a currency a euro buys: what price lists are made with."""
    return 1.0 if currency == "EUR" else _PATHS[currency].anchors[-1]


def shown_decimals(currency: str) -> int:
    """With how many decimals a rate is published."""
    return _PATHS[currency].decimals


def reference_rate(seed: int, currency: str, on: date) -> Decimal:
    """The reference rate of a business day: units of `currency` per euro, with the ECB's number of decimals."""
    path = _PATHS[currency]
    if currency == "USD" and on in _USD_DATES:
        rate = _USD_DATES[on]
    else:
        noise = stream(seed, "fx", currency, on).uniform(-1, 1) * path.jitter
        rate = _along(path, on) * (1 + noise)
    return Decimal(repr(rate)).quantize(Decimal(1).scaleb(-path.decimals), ROUND_HALF_UP)


def _along(path: _Path, on: date) -> float:
    """Between the anchors a straight line; before them their first value; after them a slow swing around the last."""
    if on >= _ANCHOR_DATES[-1]:
        days = (on - _ANCHOR_DATES[-1]).days
        swing = _SWING * path.jitter / _FREE * math.sin(2 * math.pi * days / _SWING_DAYS)
        return path.anchors[-1] * (1 + swing)
    right = bisect_right(_ANCHOR_DATES, on)
    if right == 0:
        return path.anchors[0]
    begin, end = _ANCHOR_DATES[right - 1], _ANCHOR_DATES[right]
    share = (on - begin).days / (end - begin).days
    return path.anchors[right - 1] * (1 - share) + path.anchors[right] * share
