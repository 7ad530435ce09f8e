"""One month of the shop, and its ledger, shared by all tests that only look at them."""

from __future__ import annotations

import pytest

from sandbox.ledger import Ledger
from sandbox.shop import Batch, Day, Shop


class Month:
    """The days of a shop, kept, with ways to look through them."""

    def __init__(self, shop: Shop, days: int) -> None:
        self.shop = shop
        self.days: list[Day] = [shop.day(number) for number in range(1, days + 1)]

    def batches(self, source: str) -> list[tuple[int, Batch]]:
        """(day, batch) of everything that one source delivered."""
        return [
            (day.number, batch)
            for day in self.days
            for batch in (*day.inserts.values(), day.products, *day.crm.values(), *day.file_rows.values())
            if batch.source == source
        ]

    def records(self, source: str, kind: str | None = None) -> list[dict]:
        """The rows of one source as dicts, of all kinds or one."""
        return [
            record
            for _, batch in self.batches(source)
            for record, note in zip(batch.records(), batch.notes, strict=True)
            if kind in (None, note.kind)
        ]


@pytest.fixture(scope="session")
def month() -> Month:
    """Shop days 1 to 31 at scale 1."""
    return Month(Shop(), 31)


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """The ledger of scale 1 after day 30 and day 31."""
    return Ledger(Shop(), days=31, runs=[30, 31])


@pytest.fixture(scope="session")
def small_ledger() -> Ledger:
    """The ledger of a small shop that is extracted every day."""
    return Ledger(Shop(seed=11, scale=0.04), days=34, runs=range(1, 35))
