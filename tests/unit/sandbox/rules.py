"""The row rules of the nine bronze tables, written a second time so that the shop's notes can be checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "CAD", "AUD")
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"


class CastError(ValueError):
    """A value that the column's type cannot hold."""


def string(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise CastError(value)


def integer(bits: int) -> Callable[[Any], int]:
    def cast(value: Any) -> int:
        if not re.fullmatch(r"[+-]?\d+", str(value)) or abs(int(value)) >= 2 ** (bits - 1):
            raise CastError(value)
        return int(value)

    return cast


def decimal(precision: int, scale: int) -> Callable[[Any], Decimal]:
    def cast(value: Any) -> Decimal:
        try:
            number = Decimal(str(value))
        except InvalidOperation as error:
            raise CastError(value) from error
        if not number.is_finite() or abs(number) >= Decimal(10) ** (precision - scale):
            raise CastError(value)
        return number

    return cast


def day(value: Any) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError as error:
        raise CastError(value) from error


def moment(value: Any) -> datetime:
    try:
        return value if isinstance(value, datetime) else datetime.fromisoformat(value.removesuffix("Z"))
    except ValueError as error:
        raise CastError(value) from error


@dataclass(frozen=True)
class Rule:
    """What one column must be."""

    cast: Callable[[Any], Any] = string
    required: bool = False
    pattern: str | None = None
    format: str | None = None
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None

    def broken(self, raw: Any) -> set[str]:
        """The rules that a raw value breaks."""
        if raw is None:
            return {"required"} if self.required else set()
        try:
            value = self.cast(raw)
        except CastError:
            return {"type"}
        checks = {
            "pattern": self.pattern is not None and not re.fullmatch(self.pattern, str(value)),
            "format": self.format is not None and not re.fullmatch(self.format, str(value)),
            "enum": bool(self.enum) and value not in self.enum,
            "minimum": self.minimum is not None and value < self.minimum,
            "maximum": self.maximum is not None and (value > self.maximum or value != value),
            "exclusiveMinimum": self.exclusive_minimum is not None and value <= self.exclusive_minimum,
        }
        return {rule for rule, is_broken in checks.items() if is_broken}


REQUIRED = Rule(required=True)
OPTIONAL = Rule()
MOMENT = Rule(moment, required=True)
FLAG = Rule(boolean, required=True)
CURRENCY = Rule(required=True, enum=CURRENCIES)
CUSTOMER_ID = r"CUST-[0-9]{6}"
ACCOUNT_ID = r"ACC-[0-9]{5}"

RULES: dict[str, dict[str, Rule]] = {
    "bronze.snowflake_customers": {
        "customer_id": Rule(required=True, pattern=CUSTOMER_ID),
        "first_name": REQUIRED,
        "last_name": REQUIRED,
        "email": Rule(required=True, format=EMAIL),
        "country": Rule(required=True, pattern=r"[A-Z]{2}"),
        "segment": Rule(required=True, enum=("consumer", "business", "vip")),
        "date_of_birth": Rule(day),
        "marketing_opt_in": Rule(boolean),
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "is_deleted": FLAG,
    },
    "bronze.snowflake_orders": {
        "order_id": Rule(required=True, pattern=r"ORD-[0-9]{8}"),
        "line_number": Rule(integer(32), required=True, minimum=1),
        "customer_id": Rule(required=True, pattern=CUSTOMER_ID),
        "product_id": Rule(required=True, pattern=r"PRD-[0-9]{5}"),
        "status": Rule(required=True, enum=("placed", "shipped", "delivered", "cancelled", "returned")),
        "quantity": Rule(integer(32), required=True, minimum=1),
        "unit_price": Rule(decimal(18, 2), required=True, minimum=0),
        "discount": Rule(decimal(5, 4), required=True, minimum=0, maximum=1),
        "currency": CURRENCY,
        "ordered_at": MOMENT,
        "order_date": Rule(day, required=True),
        "updated_at": MOMENT,
        "is_deleted": FLAG,
    },
    "bronze.snowflake_products": {
        "product_id": Rule(required=True, pattern=r"PRD-[0-9]{5}"),
        "product_name": REQUIRED,
        "category": REQUIRED,
        "list_price": Rule(decimal(18, 2), required=True, minimum=0),
        "currency": CURRENCY,
        "is_active": FLAG,
    },
    "bronze.redshift_behavior": {
        "event_id": Rule(required=True, pattern=r"EVT-[0-9]{10}"),
        "customer_id": Rule(pattern=CUSTOMER_ID),
        "session_id": REQUIRED,
        "event_type": Rule(
            required=True,
            enum=("page_view", "search", "add_to_cart", "purchase", "email_open", "email_click", "ad_click"),
        ),
        "duration_seconds": Rule(float, minimum=0, maximum=86_400),
        "event_at": MOMENT,
        "loaded_at": MOMENT,
    },
    "bronze.crm_accounts": {
        "account_id": Rule(required=True, pattern=ACCOUNT_ID),
        "account_name": REQUIRED,
        "tier": Rule(required=True, enum=("bronze", "silver", "gold", "platinum")),
        "owner_email": Rule(format=EMAIL),
        "annual_revenue": Rule(decimal(18, 2), minimum=0),
        "country": Rule(pattern=r"[A-Z]{2}"),
        "created_at": MOMENT,
        "system_modstamp": MOMENT,
        "is_deleted": FLAG,
    },
    "bronze.crm_contacts": {
        "contact_id": Rule(required=True, pattern=r"CON-[0-9]{6}"),
        "account_id": Rule(required=True, pattern=ACCOUNT_ID),
        "customer_id": Rule(pattern=CUSTOMER_ID),
        "last_name": REQUIRED,
        "email": Rule(required=True, format=EMAIL),
        "opted_out": FLAG,
        "system_modstamp": MOMENT,
        "is_deleted": FLAG,
    },
    "bronze.crm_opportunities": {
        "opportunity_id": Rule(required=True, pattern=r"OPP-[0-9]{6}"),
        "account_id": Rule(required=True, pattern=ACCOUNT_ID),
        "opportunity_name": REQUIRED,
        "stage": Rule(required=True, enum=("prospecting", "qualified", "proposal", "negotiation", "won", "lost")),
        "amount": Rule(decimal(18, 2), minimum=0),
        "currency": CURRENCY,
        "probability": Rule(integer(32), minimum=0, maximum=100),
        "close_date": Rule(day),
        "system_modstamp": MOMENT,
        "is_deleted": FLAG,
    },
    "bronze.fx_rates": {
        "rate_date": Rule(day, required=True),
        "base_currency": Rule(required=True, enum=("EUR",)),
        "currency": Rule(required=True, pattern=r"[A-Z]{3}"),
        "rate": Rule(decimal(18, 8), required=True, exclusive_minimum=0),
        "published_at": MOMENT,
    },
    "bronze.kafka_events": {
        "topic": REQUIRED,
        "partition": Rule(integer(32), required=True, minimum=0),
        "offset": Rule(integer(64), required=True, minimum=0),
        "event_id": Rule(required=True, pattern=r"OEV-[0-9]{10}"),
        "order_id": Rule(required=True, pattern=r"ORD-[0-9]{8}"),
        "event_type": Rule(
            required=True, enum=("created", "paid", "packed", "shipped", "delivered", "cancelled", "refunded")
        ),
        "event_at": MOMENT,
    },
}


def reasons(table: str, record: dict[str, Any]) -> frozenset[str]:
    """Every `column.rule` that a raw record breaks."""
    return frozenset(
        f"{column}.{rule}" for column, check in RULES[table].items() for rule in check.broken(record.get(column))
    )


def is_special(value: Any) -> bool:
    """NaN or an infinity."""
    return isinstance(value, float) and not math.isfinite(value)
