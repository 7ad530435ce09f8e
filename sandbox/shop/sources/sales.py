"""Rows of SALES.ORDERS: the versions of order lines, on the day on which they arrive."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from sandbox.shop.clock import DAY, Clock, start_of
from sandbox.shop.dirt import Flaw, Spoiler, becomes, turns
from sandbox.shop.model import Row
from sandbox.shop.schema import NEW_COLUMN_DAY, ORDERS
from sandbox.shop.sources.orders import LONGEST_LIFE, Line, LineVersion, Order, OrderBook

_SPAN = LONGEST_LIFE // DAY + 1


class Sales:
    """Orders by day, and their row versions by day of arrival. `first_day` is the first on which anything was sold."""

    def __init__(self, book: OrderBook, clock: Clock, first_day: int) -> None:
        self._book = book
        self._clock = clock
        self._first_day = first_day
        self._orders: dict[int, list[Order]] = {}
        self._arrivals: defaultdict[int, list[tuple[Order, Line, LineVersion]]] = defaultdict(list)

    def orders(self, day: int) -> list[Order]:
        """The orders placed on a day; none before the first."""
        if day < self._first_day:
            return []
        if day not in self._orders:
            self._orders[day] = self._book.placed_on(day)
            for order in self._orders[day]:
                for line in order.lines:
                    for version in line.versions:
                        self._arrivals[version.arrives].append((order, line, version))
        return self._orders[day]

    def living(self, day: int) -> list[Order]:
        """Every order of which something may be heard on `day`, by order id."""
        return [order for placed in range(day - _SPAN, day + 1) for order in self.orders(placed)]

    def arriving(self, day: int) -> list[Row]:
        """The good row versions that reach SALES.ORDERS on `day`, by time of change."""
        self.living(day)
        arrivals = sorted(self._arrivals[day], key=lambda found: (found[2].at, found[0].order_id, found[1].number))
        return [self._row(*found) for found in arrivals]

    def _row(self, order: Order, line: Line, version: LineVersion) -> Row:
        ordered = self._clock.datetime(order.ordered)
        return (
            order.order_id,
            line.number,
            order.customer_id,
            line.product_id,
            version.status,
            str(version.quantity),
            line.unit_price,
            line.discount,
            order.currency,
            ordered,
            ordered.date(),
            self._clock.datetime(version.at),
            version.deleted,
            order.channel if version.at >= start_of(NEW_COLUMN_DAY) else None,
        )


SPOILER = Spoiler(
    (column.name for column in ORDERS.columns),
    (
        Flaw("ORDER_ID", "order_id.required", becomes(None)),
        Flaw("ORDER_ID", "order_id.pattern", turns(lambda value: value.replace("ORD-0", "ORD-"))),
        Flaw("ORDER_ID", "order_id.pattern", turns(lambda value: f"#{value}")),
        Flaw("LINE_NUMBER", "line_number.minimum", becomes(0, -1)),
        Flaw("LINE_NUMBER", "line_number.required", becomes(None)),
        Flaw("CUSTOMER_ID", "customer_id.pattern", becomes("guest", "CUST-1", "")),
        Flaw("CUSTOMER_ID", "customer_id.required", becomes(None)),
        Flaw("PRODUCT_ID", "product_id.pattern", turns(lambda value: value.replace("PRD", "prd"))),
        Flaw("PRODUCT_ID", "product_id.required", becomes(None)),
        Flaw("STATUS", "status.enum", becomes("SHIPPED", "lost", "", "placed ")),
        Flaw("STATUS", "status.required", becomes(None)),
        Flaw("QUANTITY", "quantity.type", becomes("two", "1O", "n/a", "", "99999999999")),
        Flaw("QUANTITY", "quantity.minimum", becomes("0", "-3")),
        Flaw("QUANTITY", "quantity.required", becomes(None)),
        Flaw("UNIT_PRICE", "unit_price.minimum", turns(lambda value: -value - 1)),
        Flaw("UNIT_PRICE", "unit_price.required", becomes(None)),
        Flaw("DISCOUNT", "discount.maximum", becomes(Decimal("1.0001"), Decimal("5.0000"))),
        Flaw("DISCOUNT", "discount.minimum", becomes(Decimal("-0.1000"))),
        Flaw("DISCOUNT", "discount.required", becomes(None)),
        Flaw("CURRENCY", "currency.enum", becomes("XXX", "eur", "BTC", "€")),
        Flaw("CURRENCY", "currency.required", becomes(None)),
        Flaw("ORDERED_AT", "ordered_at.required", becomes(None)),
        Flaw("ORDER_DATE", "order_date.required", becomes(None)),
        Flaw("UPDATED_AT", "updated_at.required", becomes(None)),
        Flaw("IS_DELETED", "is_deleted.required", becomes(None)),
    ),
)
"""Breaks order lines."""
