"""The silver tables as they must be, from the good rows received."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sandbox.ledger.calculation import Rates, grouped, newest, picked, product, quotient, rounded, total, without
from sandbox.ledger.typed import Record

Table = list[Record]
Lookup = Callable[[str], Table]
"""Gives a table (bronze: the good rows received; silver: as calculated here) by its name."""

NOT_SOLD = ("cancelled", "returned")


def customer_versions(table: Lookup) -> Table:
    """Every version of every customer."""
    return [
        row
        | {
            "first_name": row["first_name"].strip(" "),
            "last_name": row["last_name"].strip(" "),
            "email": row["email"].strip(" ").lower(),
        }
        for row in table("bronze.snowflake_customers")
    ]


def customers(table: Lookup) -> Table:
    """The newest version of every customer who is not deleted."""
    return _living(table("silver.customer_versions"), "customer_id")


def account_versions(table: Lookup) -> Table:
    """Every version of every account that an extraction saw."""
    return [
        {
            "account_id": row["account_id"],
            "account_name": row["account_name"].strip(" "),
            "industry": row["industry"],
            "tier": row["tier"],
            "owner_email": _lower(row["owner_email"]),
            "annual_revenue": row["annual_revenue"],
            "country": row["country"],
            "created_at": row["created_at"],
            "updated_at": row["system_modstamp"],
            "is_deleted": row["is_deleted"],
        }
        for row in table("bronze.crm_accounts")
    ]


def accounts(table: Lookup) -> Table:
    """The newest version of every account that is not deleted."""
    return _living(table("silver.account_versions"), "account_id")


def contacts(table: Lookup) -> Table:
    """The newest version of every contact that is not deleted."""
    versions = (
        row | {"email": _lower(row["email"]), "updated_at": row["system_modstamp"]}
        for row in table("bronze.crm_contacts")
    )
    return [without(row, "system_modstamp") for row in _living(versions, "contact_id")]


def opportunities(table: Lookup) -> Table:
    """The newest version of every opportunity that is not deleted, with its amount in USD."""
    rates = Rates(table("silver.fx_rates"))
    found = []
    for row in _living(_renamed(table("bronze.crm_opportunities")), "opportunity_id"):
        rate = rates.usd(row["currency"], row["updated_at"].date())
        found.append(
            picked(row, "opportunity_id", "account_id", "opportunity_name", "stage", "amount", "currency")
            | {"fx_rate": rate, "amount_usd": _converted(row["amount"], rate)}
            | picked(row, "probability", "close_date", "updated_at")
        )
    return found


def products(table: Lookup) -> Table:
    """The last version of every product ever seen, without `received_at`."""
    last = {row["product_id"]: row for row in table("bronze.snowflake_products")}
    return [
        {
            "product_id": row["product_id"],
            "product_name": row["product_name"].strip(" "),
            "category": row["category"],
            "list_price": row["list_price"],
            "currency": row["currency"],
            "is_active": row["is_active"],
            "is_discontinued": bool(row["is_deleted"]),
        }
        for row in last.values()
    ]


def fx_rates(table: Lookup) -> Table:
    """The last published rate of every currency and date, and the euro's own."""
    latest = newest(
        table("bronze.fx_rates"),
        key=lambda row: (row["rate_date"], row["currency"]),
        order=lambda row: row["published_at"],
    )
    found = []
    for rate_date, rows in grouped(latest, lambda row: row["rate_date"]).items():
        dollar = next((row for row in rows if row["currency"] == "USD"), None)
        if dollar is None:
            continue
        euro = {"currency": "EUR", "rate": rounded(Decimal(1), 8), "published_at": dollar["published_at"]}
        found += [
            {
                "rate_date": rate_date,
                "currency": row["currency"],
                "eur_rate": row["rate"],
                "usd_rate": quotient(dollar["rate"], row["rate"], 8),
                "published_at": row["published_at"],
            }
            for row in (*rows, euro)
        ]
    return found


def orders(table: Lookup) -> Table:
    """The newest version of every order line that is not deleted, with its amounts."""
    rates = Rates(table("silver.fx_rates"))
    latest = newest(
        table("bronze.snowflake_orders"),
        key=lambda row: (row["order_id"], row["line_number"]),
        order=lambda row: row["updated_at"],
    )
    found = []
    for row in latest:
        if row["is_deleted"]:
            continue
        net = rounded(product(row["quantity"], row["unit_price"], 1 - row["discount"]), 2)
        rate = rates.usd(row["currency"], row["order_date"])
        found.append(
            picked(row, "order_id", "line_number", "customer_id", "product_id", "status", "quantity", "unit_price")
            | picked(row, "discount", "currency")
            | {"net_amount": net, "fx_rate": rate, "amount_usd": _converted(net, rate)}
            | picked(row, "ordered_at", "order_date", "updated_at")
        )
    return found


def behavior(table: Lookup) -> Table:
    """The last loaded version of every event."""
    latest = newest(
        table("bronze.redshift_behavior"), key=lambda row: row["event_id"], order=lambda row: row["loaded_at"]
    )
    return [without(row, "loaded_at") | _event_date(row) | {"loaded_at": row["loaded_at"]} for row in latest]


def order_events(table: Lookup) -> Table:
    """The last delivery of every order event."""
    latest = newest(
        table("bronze.kafka_events"),
        key=lambda row: row["event_id"],
        order=lambda row: (row["event_at"], row["partition"], row["offset"]),
    )
    return [
        picked(row, "event_id", "order_id", "event_type", "event_at")
        | _event_date(row)
        | picked(row, "partition", "offset", "payload")
        for row in latest
    ]


def customer_activity(table: Lookup) -> Table:
    """What every customer bought and did."""
    lines_of = grouped(table("silver.orders"), lambda row: row["customer_id"])
    events_of = grouped(table("silver.behavior"), lambda row: row["customer_id"])
    return [
        {"customer_id": row["customer_id"]}
        | _purchases(lines_of.get(row["customer_id"], []))
        | _visits(events_of.get(row["customer_id"], []))
        for row in table("silver.customers")
    ]


def _purchases(lines: Table) -> Record:
    moments = [line["ordered_at"] for line in lines]
    return {
        "order_count": len({line["order_id"] for line in lines}),
        "line_count": len(lines),
        "revenue_usd": total((line["amount_usd"] for line in lines if line["status"] not in NOT_SOLD), 2),
        "first_order_at": min(moments, default=None),
        "last_order_at": max(moments, default=None),
    }


def _visits(events: Table) -> Record:
    durations = (event["duration_seconds"] for event in events)
    return {
        "session_count": len({event["session_id"] for event in events}),
        "page_view_count": sum(event["event_type"] == "page_view" for event in events),
        "browse_seconds": total((rounded(Decimal(repr(value)), 3) for value in durations if value is not None), 3),
        "last_event_at": max((event["event_at"] for event in events), default=None),
    }


def _living(versions: Iterable[Record], key: str) -> Table:
    """The newest version per key by `updated_at`, where it is not deleted; without the flag."""
    latest = newest(versions, key=lambda row: row[key], order=lambda row: row["updated_at"])
    return [without(row, "is_deleted") for row in latest if not row["is_deleted"]]


def _renamed(rows: Table) -> Iterable[Record]:
    return (row | {"updated_at": row["system_modstamp"]} for row in rows)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _converted(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if amount is None or rate is None else rounded(product(amount, rate), 2)


def _event_date(row: Record) -> dict[str, Any]:
    return {"event_date": row["event_at"].date()}


SILVER: dict[str, tuple[tuple[str, ...], Callable[[Lookup], Table]]] = {
    "silver.fx_rates": (("rate_date", "currency"), fx_rates),
    "silver.customer_versions": (("customer_id", "updated_at"), customer_versions),
    "silver.customers": (("customer_id",), customers),
    "silver.account_versions": (("account_id", "updated_at"), account_versions),
    "silver.accounts": (("account_id",), accounts),
    "silver.contacts": (("contact_id",), contacts),
    "silver.opportunities": (("opportunity_id",), opportunities),
    "silver.products": (("product_id",), products),
    "silver.orders": (("order_id", "line_number"), orders),
    "silver.behavior": (("event_id",), behavior),
    "silver.order_events": (("event_id",), order_events),
    "silver.customer_activity": (("customer_id",), customer_activity),
}
"""Table → its key and how it is calculated; inputs come first."""
