"""The ledger: what every table must hold after given extractions, by other code than the engine's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.ledger.dimensions import dim_account, dim_customer, dim_date, dim_product
from sandbox.ledger.facts import (
    customer_360,
    fact_behavior,
    fact_marketing_events,
    fact_order_events,
    fact_orders,
    fact_orders_daily,
    fact_sales,
    product_performance,
)
from sandbox.ledger.observation import Observation, Rejects
from sandbox.ledger.silver import SILVER, Table
from sandbox.ledger.typed import BRONZE_TABLES
from sandbox.shop import Shop

GOLD = {
    "gold.dim_customer": (("customer_id", "valid_from"), dim_customer),
    "gold.dim_account": (("account_id", "valid_from"), dim_account),
    "gold.dim_product": (("product_id",), dim_product),
    "gold.dim_date": (("date_sk",), dim_date),
    "gold.fact_sales": (("order_id", "line_number"), fact_sales),
    "gold.fact_orders": (("order_id",), fact_orders),
    "gold.fact_orders_daily": (("order_date",), fact_orders_daily),
    "gold.fact_order_events": (("event_id",), fact_order_events),
    "gold.fact_behavior": (("event_id",), fact_behavior),
    "gold.fact_marketing_events": (("event_id",), fact_marketing_events),
    "gold.customer_360": (("customer_id",), customer_360),
    "gold.product_performance": (("product_id",), product_performance),
}
"""Table → its key and how it is calculated; inputs come first."""

_CALCULATED = SILVER | GOLD


@dataclass(frozen=True)
class Ledger:
    """The truth after extractions at the end of the shop days `runs` (ascending, none after `days`).

    When extractions took place matters where a source shows only its current state: a CRM version or a product that
    came and went between two of them was never seen. Raises ValueError for runs that cannot be.
    """

    shop: Shop
    days: int
    runs: Sequence[int]

    def __post_init__(self) -> None:
        runs = list(self.runs)
        if not runs or runs != sorted(set(runs)) or runs[0] < 1 or runs[-1] > self.days:
            raise ValueError(f"runs must be ascending shop days from 1 to {self.days}, not {runs}")

    @property
    def tables(self) -> tuple[str, ...]:
        """Every silver and gold table, inputs first."""
        return tuple(_CALCULATED)

    def key(self, table: str) -> tuple[str, ...]:
        """The columns that name a row of a silver or gold table."""
        return _CALCULATED[table][0]

    def expected(self, table: str) -> list[dict[str, Any]]:
        """The rows that a silver or gold table must hold, sorted by key: business columns as Python values.

        `silver.products` comes without `received_at`, which depends on the clock. KeyError for any other table.
        """
        if table not in _CALCULATED:
            raise KeyError(f"{table} is no silver or gold table")
        return [dict(row) for row in self._table(table)]

    def bronze(self, table: str) -> list[dict[str, Any]]:
        """The rows that a bronze table must hold, in the order in which they became visible, as typed values.

        They are the distinct good ones (for products: versions, and tombstones with `is_deleted` True) with the
        columns that their source had on their day.
        """
        self._check_bronze(table)
        return [dict(row) for row in self._observation.rows[table]]

    def received(self, table: str) -> int:
        """How many rows a bronze table must hold."""
        self._check_bronze(table)
        return len(self._observation.rows[table])

    def duplicates(self, table: str) -> int:
        """How many rows of a bronze table's source merely repeated a good one.

        Counted over everything delivered up to the last run (products: in each run's table), whether or not a run's
        window still reached the repetition. The CRM's API repeats nothing.
        """
        self._check_bronze(table)
        return self._observation.duplicates[table]

    def bronze_rejects(self, table: str) -> Rejects:
        """The bad rows of a bronze table's source: identity (see `identity`) → reasons as `column.rule`."""
        self._check_bronze(table)
        return dict(self._observation.rejects[table])

    def write(self, folder: Path) -> None:
        """Store every expected table, and what every bronze table rejected, as JSON lines for people to look at."""
        folder.mkdir(parents=True, exist_ok=True)
        for table in self.tables:
            with (folder / f"{table}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(_json(row) + "\n" for row in self._table(table))
        for table in BRONZE_TABLES.values():
            with (folder / f"{table}.rejects.jsonl").open("w", encoding="utf-8") as file:
                for identity, reasons in self.bronze_rejects(table).items():
                    file.write(_json({"identity": identity, "reasons": sorted(reasons)}) + "\n")
        (folder / "summary.json").write_text(json.dumps(self._summary(), indent=2) + "\n", encoding="utf-8")

    def _summary(self) -> dict[str, Any]:
        bronze = {
            table: {
                "received": self.received(table),
                "rejected": len(self.bronze_rejects(table)),
                "duplicates": self.duplicates(table),
            }
            for table in BRONZE_TABLES.values()
        }
        rows = {table: len(self._table(table)) for table in self.tables}
        return {"seed": self.shop.seed, "scale": self.shop.scale, "runs": list(self.runs), "bronze": bronze} | rows

    @cached_property
    def _observation(self) -> Observation:
        return Observation(self.shop, self.runs)

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {}

    def _table(self, table: str) -> Table:
        if table in BRONZE_TABLES.values():
            return self._observation.rows[table]
        if table not in self._tables:
            key, calculate = _CALCULATED[table]
            self._tables[table] = sorted(calculate(self._table), key=lambda row: tuple(row[name] for name in key))
        return self._tables[table]

    def _check_bronze(self, table: str) -> None:
        if table not in BRONZE_TABLES.values():
            raise KeyError(f"{table} is no bronze table")


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=_shown)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | Decimal):
        return str(value)
    raise TypeError(f"{value!r} has no place in the ledger")
