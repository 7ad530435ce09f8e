"""How a bad row is recognised: by a few of its values as they stood in the source, never by engine-made ids.

`identity(table, payload)` works on a payload from the error lane (source or bronze column names, any case, values as
JSON) as well as on the shop's own rows. Absent and null are the same; timestamps are compared to the microsecond
whatever their notation; numbers by value. A record that could not be read at all is known by its text, which the
payload holds under `_corrupt_record`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Identity = tuple[str | None, ...]

UNREADABLE = "_corrupt_record"
"""The payload field with the text of a record that cannot be read."""

_IDENTIFYING: dict[str, tuple[tuple[str, ...], ...]] = {
    "bronze.snowflake_customers": (("customer_id",), ("email",), ("created_at",), ("updated_at",)),
    "bronze.snowflake_orders": (("order_id",), ("line_number",), ("product_id",), ("ordered_at",), ("updated_at",)),
    "bronze.snowflake_products": (("product_id",), ("product_name",)),
    "bronze.redshift_behavior": (("event_id",), ("session_id",), ("event_at",), ("loaded_at",)),
    "bronze.crm_accounts": (("id", "account_id"), ("systemmodstamp", "system_modstamp")),
    "bronze.crm_contacts": (("id", "contact_id"), ("systemmodstamp", "system_modstamp")),
    "bronze.crm_opportunities": (("id", "opportunity_id"), ("systemmodstamp", "system_modstamp")),
    "bronze.fx_rates": (("rate_date",), ("currency",), ("published_at",)),
    "bronze.kafka_events": (("topic",), ("partition",), ("offset",), ("event_id",), ("event_at",)),
}
"""Per bronze table the identifying fields, each under the names that it may have."""

_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?")


def identifying_fields(table: str) -> tuple[str, ...]:
    """The bronze column names by which a bad row of `table` is known; KeyError for a table that is not bronze."""
    return tuple(names[-1] for names in _IDENTIFYING[table])


def identity(table: str, payload: Mapping[str, Any]) -> Identity:
    """What names a bad row of the bronze table `table`; KeyError for a table that is not bronze."""
    values = {name.lower(): value for name, value in payload.items()}
    unreadable = values.get(UNREADABLE)
    if unreadable is not None:
        return (UNREADABLE, str(unreadable).strip())
    return tuple(
        next((_plain(values[name]) for name in names if values.get(name) is not None), None)
        for names in _IDENTIFYING[table]
    )


def _plain(value: Any) -> str:
    """A value as text, the same for all notations of a timestamp or number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return f"{Decimal(str(value)).normalize():f}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    timestamp = _TIMESTAMP.fullmatch(text)
    if timestamp:
        day, time, fraction = timestamp.groups()
        return f"{day} {time}.{(fraction or '').ljust(6, '0')[:6]}"
    return text
