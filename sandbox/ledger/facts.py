"""The gold facts and the tables made of them, as they must be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.ledger.calculation import (
    UNKNOWN_SK,
    Members,
    date_sk,
    grouped,
    mask_email,
    mask_name,
    mask_phone,
    picked,
    quotient,
    total,
)
from sandbox.ledger.silver import NOT_SOLD, Lookup, Table
from sandbox.ledger.typed import Record

_MARKETING = ("email_open", "email_click", "ad_click")
_CLOSED = ("won", "lost")


def fact_sales(table: Lookup) -> Table:
    """Order lines with their members."""
    customers = Members(table("gold.dim_customer"), "customer_id", "customer_sk")
    products = {row["product_id"]: row["product_sk"] for row in table("gold.dim_product")}
    return [
        {
            "customer_sk": customers.sk(row["customer_id"], row["ordered_at"]),
            "product_sk": products.get(row["product_id"], UNKNOWN_SK),
            "date_sk": date_sk(row["order_date"]),
        }
        | picked(row, "order_id", "line_number", "customer_id", "product_id", "status", "quantity", "unit_price")
        | picked(row, "discount", "currency", "net_amount")
        | {"net_usd": row["amount_usd"]}
        | picked(row, "ordered_at", "order_date")
        for row in table("silver.orders")
    ]


def fact_orders(table: Lookup) -> Table:
    """Orders: what their first line says, and the sums of all."""
    found = []
    for lines in grouped(table("gold.fact_sales"), lambda row: row["order_id"]).values():
        first = min(lines, key=lambda line: line["line_number"])
        found.append(
            picked(first, "order_id", "customer_sk", "customer_id", "date_sk", "order_date", "ordered_at")
            | picked(first, "currency")
            | {
                "status": first["status"] if len({line["status"] for line in lines}) == 1 else "mixed",
                "line_count": len(lines),
                "quantity": sum(line["quantity"] for line in lines),
                "net_usd": total((line["net_usd"] for line in lines), 2),
                "revenue_usd": total((line["net_usd"] for line in lines if line["status"] not in NOT_SOLD), 2),
            }
        )
    return found


def fact_orders_daily(table: Lookup) -> Table:
    """What was sold on each day."""
    sold = (line for line in table("gold.fact_sales") if line["status"] not in NOT_SOLD)
    found = []
    for order_date, lines in grouped(sold, lambda line: line["order_date"]).items():
        order_count = len({line["order_id"] for line in lines})
        revenue = total((line["net_usd"] for line in lines), 2)
        found.append(
            {
                "order_date": order_date,
                "date_sk": date_sk(order_date),
                "order_count": order_count,
                "line_count": len(lines),
                "quantity": sum(line["quantity"] for line in lines),
                "customer_count": len({line["customer_id"] for line in lines}),
                "revenue_usd": revenue,
                "average_order_value_usd": quotient(revenue, order_count, 2),
            }
        )
    return found


def fact_order_events(table: Lookup) -> Table:
    """What the order systems announced, with the order where it is known."""
    customers = Members(table("gold.dim_customer"), "customer_id", "customer_sk")
    orders = {row["order_id"]: row for row in table("gold.fact_orders")}
    found = []
    for event in table("silver.order_events"):
        order = orders.get(event["order_id"])
        found.append(
            {
                "event_id": event["event_id"],
                "order_id": event["order_id"],
                "customer_sk": customers.sk(order and order["customer_id"], event["event_at"]),
                "customer_id": order and order["customer_id"],
                "event_type": event["event_type"],
                "event_at": event["event_at"],
                "date_sk": date_sk(event["event_date"]),
                "seconds_since_order": order and _seconds(event["event_at"]) - _seconds(order["ordered_at"]),
            }
        )
    return found


def fact_behavior(table: Lookup) -> Table:
    """Events with the customer as they were at the time."""
    customers = Members(table("gold.dim_customer"), "customer_id", "customer_sk")
    return [
        {"event_id": row["event_id"], "customer_sk": customers.sk(row["customer_id"], row["event_at"])}
        | picked(row, "customer_id", "session_id", "event_type", "page_url", "campaign", "duration_seconds", "event_at")
        | {"date_sk": date_sk(row["event_date"])}
        for row in table("silver.behavior")
    ]


def fact_marketing_events(table: Lookup) -> Table:
    """Reactions to mails and advertisements, with the contact behind the customer."""
    customers = Members(table("gold.dim_customer"), "customer_id", "customer_sk")
    accounts = Members(table("gold.dim_account"), "account_id", "account_sk")
    contacts = _first_contacts(table)
    account_of = {customer_id: contact["account_id"] for customer_id, contact in contacts.items()}
    return [
        {
            "event_id": row["event_id"],
            "customer_sk": customers.sk(row["customer_id"], row["event_at"]),
            "customer_id": row["customer_id"],
            **_of(contacts.get(row["customer_id"]), "contact_id"),
            "account_sk": accounts.sk(account_of.get(row["customer_id"]), row["event_at"]),
            **_of(contacts.get(row["customer_id"]), "account_id", "opted_out"),
            "campaign": row["campaign"],
            "event_type": row["event_type"],
            "event_at": row["event_at"],
            "date_sk": date_sk(row["event_date"]),
        }
        for row in table("silver.behavior")
        if row["event_type"] in _MARKETING
    ]


def customer_360(table: Lookup) -> Table:
    """Everything known of every customer, masked."""
    activities = {row["customer_id"]: row for row in table("silver.customer_activity")}
    accounts = {row["account_id"]: row for row in table("silver.accounts")}
    contacts = _first_contacts(table)
    open_of = grouped(
        (row for row in table("silver.opportunities") if row["stage"] not in _CLOSED), lambda row: row["account_id"]
    )
    found = []
    for row in table("silver.customers"):
        contact = contacts.get(row["customer_id"])
        account = accounts.get(contact["account_id"]) if contact else None
        pipeline = open_of.get(account["account_id"], []) if account else []
        found.append(
            {
                "customer_id": row["customer_id"],
                "first_name": mask_name(row["first_name"]),
                "last_name": mask_name(row["last_name"]),
                "email": mask_email(row["email"]),
                "phone": mask_phone(row["phone"]),
            }
            | picked(row, "segment", "country", "city", "marketing_opt_in")
            | _of(contact, "contact_id")
            | _of(account, "account_id", "account_name")
            | {"account_tier": account and account["tier"]}
            | picked(activities[row["customer_id"]], "order_count", "revenue_usd", "first_order_at", "last_order_at")
            | picked(activities[row["customer_id"]], "session_count", "page_view_count", "last_event_at")
            | {
                "open_opportunity_count": len(pipeline),
                "open_pipeline_usd": total((deal["amount_usd"] for deal in pipeline if deal["amount_usd"]), 2),
            }
        )
    return found


def product_performance(table: Lookup) -> Table:
    """How every product sells."""
    lines_of = grouped(table("gold.fact_sales"), lambda line: line["product_id"])
    found = []
    for row in table("gold.dim_product"):
        if row["product_id"] == "unknown":
            continue
        lines = lines_of.get(row["product_id"], [])
        sold = sum(line["quantity"] for line in lines if line["status"] != "cancelled")
        returned = sum(line["quantity"] for line in lines if line["status"] == "returned")
        found.append(
            picked(row, "product_sk", "product_id", "product_name", "category")
            | {
                "order_count": len({line["order_id"] for line in lines}),
                "units_sold": sold,
                "units_returned": returned,
                "revenue_usd": total((line["net_usd"] for line in lines if line["status"] not in NOT_SOLD), 2),
                "return_rate": quotient(returned, sold, 4) if sold else None,
                "last_ordered_at": max((line["ordered_at"] for line in lines), default=None),
            }
        )
    return found


def _first_contacts(table: Lookup) -> dict[str, Record]:
    """Per customer the contact with the smallest id."""
    known = (row for row in table("silver.contacts") if row["customer_id"] is not None)
    return {
        customer_id: min(rows, key=lambda row: row["contact_id"])
        for customer_id, rows in grouped(known, lambda row: row["customer_id"]).items()
    }


def _of(record: Record | None, *columns: str) -> dict[str, Any]:
    """These columns of a record, or nulls when there is none."""
    return picked(record, *columns) if record else dict.fromkeys(columns)


def _seconds(moment: datetime) -> int:
    """Whole seconds since 1970."""
    elapsed = moment - datetime(1970, 1, 1)
    return elapsed.days * 86_400 + elapsed.seconds
