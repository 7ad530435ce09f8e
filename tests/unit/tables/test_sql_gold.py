"""What the gold queries give, to the last cent, for rows small enough to work out by hand."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.lakes.queries import at, day, line, part

if TYPE_CHECKING:
    from tests.support.lakes.queries import Queries

UNKNOWN_SK = "0" * 32


def test_dim_product_has_a_stable_key_and_the_unknown_member(queries: Queries) -> None:
    queries.give("silver.products", {"product_id": "PRD-00001", "product_name": "Lamp", "is_discontinued": True})
    product, unknown = queries.rows("gold.dim_product")
    assert product["product_sk"] == hashlib.sha256(b"PRD-00001").hexdigest()[:32]
    assert part(product, "product_name", "is_discontinued") == ("Lamp", True)
    assert tuple(unknown.values()) == (UNKNOWN_SK, "unknown", "unknown", "unknown", None, None, None, None)


def test_dim_date_is_the_iso_calendar(queries: Queries) -> None:
    days = {row["date"]: row for row in queries.rows("gold.dim_date")}
    assert (len(days), min(days), max(days)) == (7305, date(2015, 1, 1), date(2034, 12, 31))
    for date_, row in days.items():
        iso = date_.isocalendar()
        assert tuple(row.values()) == (
            date_.year * 10_000 + date_.month * 100 + date_.day,
            date_,
            date_.year,
            (date_.month + 2) // 3,
            date_.month,
            date_.day,
            iso.weekday,
            iso.week,
            date_.strftime("%B"),
            iso.weekday > 5,
        )


def member(sk: str, valid_from: str, valid_to: str | None, customer_id: str = "CUST-000001") -> dict[str, Any]:
    return {
        "customer_sk": sk,
        "customer_id": customer_id,
        "valid_from": at(valid_from),
        "valid_to": at(valid_to) if valid_to else None,
        "is_current": valid_to is None,
    }


HISTORY = (member("first", "03-01 10:00", "03-02 10:00"), member("again", "03-04 10:00", None))
MOMENTS = {
    "before": ("03-01 09:59:59.999", "first"),  # nobody knew them yet
    "start": ("03-01 10:00", "first"),
    "last instant": ("03-02 09:59:59.999", "first"),
    "end": ("03-02 10:00", UNKNOWN_SK),
    "again": ("03-04 10:00", "again"),
    "open end": ("12-31 10:00", "again"),
}


def test_fact_sales_joins_the_members_of_its_time(queries: Queries) -> None:
    queries.give("gold.dim_customer", *HISTORY)
    queries.give("gold.dim_product", {"product_id": "PRD-00001", "product_sk": "lamp"})
    sold = {"net_amount": Decimal("1.00"), "amount_usd": Decimal("1.05")}
    lines = [
        {key: value for key, value in line(name, ordered_at=at(when)).items() if key != "is_deleted"} | sold
        for name, (when, _) in MOMENTS.items()
    ]
    lines.append(lines[1] | {"order_id": "stranger", "customer_id": "CUST-000009", "product_id": "PRD-00009"})
    queries.give("silver.orders", *lines)
    rows = {row["order_id"]: row for row in queries.rows("gold.fact_sales")}
    stranger = rows.pop("stranger")
    assert part(stranger, "customer_sk", "product_sk", "customer_id") == (UNKNOWN_SK, UNKNOWN_SK, "CUST-000009")
    assert {name: row["customer_sk"] for name, row in rows.items()} == {name: sk for name, (_, sk) in MOMENTS.items()}
    assert part(rows["start"], "product_sk", "date_sk", "net_usd") == ("lamp", 20250303, Decimal("1.05"))


def test_fact_behavior_joins_the_member_of_its_time(queries: Queries) -> None:
    queries.give("gold.dim_customer", *HISTORY)
    event = {"customer_id": "CUST-000001", "event_type": "search", "event_date": day("12-01")}
    events = [event | {"event_id": name, "event_at": at(when)} for name, (when, _) in MOMENTS.items()]
    queries.give("silver.behavior", *events, events[1] | {"event_id": "anonymous", "customer_id": None})
    found = {row["event_id"]: part(row, "customer_sk", "date_sk") for row in queries.rows("gold.fact_behavior")}
    expected = {name: (sk, 20251201) for name, (_, sk) in MOMENTS.items()}
    assert found == expected | {"anonymous": (UNKNOWN_SK, 20251201)}


def test_fact_marketing_events_carry_the_contact_with_the_smallest_id(queries: Queries) -> None:
    queries.give("gold.dim_customer", *HISTORY)
    account = {"account_id": "ACC-00001", "is_current": False}
    queries.give(
        "gold.dim_account",
        account | {"account_sk": "early", "valid_from": at("03-05 11:00"), "valid_to": at("03-06 11:00")},
        account | {"account_sk": "late", "valid_from": at("03-06 11:00"), "valid_to": None},
    )
    contact = {"customer_id": "CUST-000001", "account_id": "ACC-00001", "opted_out": True}
    queries.give(
        "silver.contacts",
        contact | {"contact_id": "CON-000002", "account_id": "ACC-00002", "opted_out": False},
        contact | {"contact_id": "CON-000001"},
        contact | {"contact_id": "CON-000000", "customer_id": None},
    )
    types = {"open": "email_open", "click": "email_click", "ad": "ad_click", "view": "page_view", "buy": "purchase"}
    event = {"customer_id": "CUST-000001", "event_at": at("03-05 10:00"), "event_date": day("03-05")}
    queries.give(
        "silver.behavior",
        *[event | {"event_id": name, "event_type": type_} for name, type_ in types.items()],
        event | {"event_id": "anonymous", "event_type": "ad_click", "customer_id": None},
        event | {"event_id": "no contact", "event_type": "ad_click", "customer_id": "CUST-000002"},
    )
    rows = {row["event_id"]: row for row in queries.rows("gold.fact_marketing_events")}
    assert set(rows) == {"open", "click", "ad", "anonymous", "no contact"}
    names = ("customer_sk", "contact_id", "account_sk", "account_id", "opted_out", "date_sk")
    assert part(rows["open"], *names) == ("again", "CON-000001", "early", "ACC-00001", True, 20250305)
    assert part(rows["anonymous"], *names) == (UNKNOWN_SK, None, UNKNOWN_SK, None, None, 20250305)
    assert part(rows["no contact"], *names) == (UNKNOWN_SK, None, UNKNOWN_SK, None, None, 20250305)


def sale(order_id: str, number: int, **values: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "line_number": number,
        "customer_sk": "sk",
        "customer_id": "CUST-000001",
        "product_id": "PRD-00001",
        "date_sk": 20250303,
        "order_date": day("03-03"),
        "ordered_at": at("03-03 10:00"),
        "currency": "EUR",
        "status": "placed",
        "quantity": 1,
        "net_usd": Decimal("1.00"),
    } | values


def test_fact_orders_take_what_an_order_has_once_from_the_lowest_line(queries: Queries) -> None:
    lowest = {"customer_sk": None, "currency": "SEK", "status": "returned", "ordered_at": at("03-03 12:00")}
    queries.give(
        "gold.fact_sales",
        sale("ORD-1", 3, quantity=2**31 - 1, net_usd=Decimal("9999999999999999.99"), status="cancelled"),
        sale("ORD-1", 2, quantity=2, net_usd=Decimal("9999999999999999.99"), **lowest),
        sale("ORD-2", 1),
    )
    first, second = queries.rows("gold.fact_orders")
    assert first == {
        "order_id": "ORD-1",
        "customer_sk": None,
        "customer_id": "CUST-000001",
        "date_sk": 20250303,
        "order_date": day("03-03"),
        "ordered_at": at("03-03 12:00"),
        "currency": "SEK",
        "status": "mixed",
        "line_count": 2,
        "quantity": 2**31 + 1,
        "net_usd": Decimal("19999999999999999.98"),
        "revenue_usd": Decimal(0),
    }
    assert part(second, "line_count", "net_usd", "revenue_usd") == (1, Decimal("1.00"), Decimal("1.00"))
    assert second["status"] == sale("ORD-2", 1)["status"]


def test_fact_orders_daily_leaves_out_what_did_not_stay(queries: Queries) -> None:
    other_day = {"order_date": day("03-04"), "date_sk": 20250304}
    queries.give(
        "gold.fact_sales",
        sale("ORD-1", 1, net_usd=Decimal("10.00")),
        sale("ORD-1", 2, net_usd=Decimal("0.04"), quantity=3),
        sale("ORD-2", 1, net_usd=Decimal("0.01"), customer_id="CUST-000002"),
        sale("ORD-2", 2, net_usd=Decimal("70.00"), status="returned"),
        sale("ORD-3", 1, net_usd=Decimal("70.00"), status="cancelled", customer_id="CUST-000003"),
        sale("ORD-4", 1, status="cancelled", **other_day),
    )
    assert queries.row("gold.fact_orders_daily") == {
        "order_date": day("03-03"),
        "date_sk": 20250303,
        "order_count": 2,
        "line_count": 3,
        "quantity": 5,
        "customer_count": 2,
        "revenue_usd": Decimal("10.05"),
        "average_order_value_usd": Decimal("5.03"),
    }, "10.05 / 2 = 5.025, half up"


def test_fact_order_events_measure_whole_seconds(queries: Queries) -> None:
    queries.give(
        "gold.fact_orders",
        {"order_id": "ORD-1", "customer_id": "CUST-000001", "ordered_at": at("03-03 09:59:59.950")},
    )
    event = {"order_id": "ORD-1", "event_date": day("03-03")}
    queries.give(
        "silver.order_events",
        event | {"event_id": "after", "event_at": at("03-03 10:00:00.100")},
        event | {"event_id": "before", "event_at": at("03-02 09:59:59.950")},
        event | {"event_id": "unknown", "order_id": "ORD-9", "event_at": at("03-03 10:00")},
    )
    queries.give("gold.dim_customer", *HISTORY)
    names = ("customer_sk", "customer_id", "seconds_since_order", "date_sk")
    rows = {row["event_id"]: part(row, *names) for row in queries.rows("gold.fact_order_events")}
    assert rows == {
        "after": (UNKNOWN_SK, "CUST-000001", 1, 20250303),
        "before": ("first", "CUST-000001", -86_400, 20250303),
        "unknown": (UNKNOWN_SK, None, None, 20250303),
    }


def test_customer_360_follows_the_contact_with_the_smallest_id(queries: Queries) -> None:
    names = ("linked", "unlinked", "account gone")
    queries.give("silver.customers", *[{"customer_id": name, "email": f"{name}@x.org"} for name in names])
    activity = {"order_count": 2, "revenue_usd": Decimal("5.02"), "session_count": 1, "page_view_count": 0}
    queries.give("silver.customer_activity", *[activity | {"customer_id": name} for name in names])
    contacts = [
        ("CON-2", "linked", "ACC-2"),
        ("CON-1", "linked", "ACC-1"),
        ("CON-0", None, "ACC-2"),
        ("CON-3", "account gone", "ACC-3"),
    ]
    keys = ("contact_id", "customer_id", "account_id")
    queries.give("silver.contacts", *[dict(zip(keys, contact, strict=True)) for contact in contacts])
    queries.give(
        "silver.accounts", *[{"account_id": f"ACC-{n}", "account_name": f"n{n}", "tier": "gold"} for n in (1, 2)]
    )
    deals = [
        ("ACC-1", "proposal", "7.50"),
        ("ACC-1", "qualified", None),
        ("ACC-1", "won", "90"),
        ("ACC-3", "proposal", "1"),
    ]
    queries.give(
        "silver.opportunities",
        *[
            {"account_id": account, "stage": stage, "amount_usd": amount and Decimal(amount)}
            for account, stage, amount in deals
        ],
    )
    rows = {row["customer_id"]: row for row in queries.rows("gold.customer_360")}
    crm = ("contact_id", "account_id", "account_name", "account_tier", "open_opportunity_count", "open_pipeline_usd")
    nothing = Decimal("0.00")
    assert part(rows["linked"], *crm) == ("CON-1", "ACC-1", "n1", "gold", 2, Decimal("7.50"))
    assert part(rows["unlinked"], *crm) == (None, None, None, None, 0, nothing)
    assert part(rows["account gone"], *crm) == ("CON-3", None, None, None, 0, nothing)
    assert part(rows["linked"], "order_count", "revenue_usd", "email") == (2, Decimal("5.02"), "linked@x.org")


def test_product_performance(queries: Queries) -> None:
    products = ("PRD-00001", "PRD-00002", "PRD-00003", "unknown")
    queries.give("gold.dim_product", *[{"product_id": name, "product_sk": f"sk {name}"} for name in products])
    queries.give(
        "gold.fact_sales",
        sale("ORD-1", 1, quantity=5, net_usd=Decimal("50.00")),
        sale("ORD-1", 2, quantity=1, net_usd=Decimal("9.00"), status="returned"),
        sale("ORD-2", 1, quantity=7, status="cancelled", ordered_at=at("03-09 10:00")),
        sale("ORD-3", 1, quantity=4, product_id="PRD-00002", status="cancelled"),
        sale("ORD-4", 1, product_id="PRD-99999"),
    )
    names = ("order_count", "units_sold", "units_returned", "revenue_usd", "return_rate", "last_ordered_at")
    rows = {row["product_id"]: part(row, *names) for row in queries.rows("gold.product_performance")}
    assert rows == {
        "PRD-00001": (2, 6, 1, Decimal("50.00"), Decimal("0.1667"), at("03-09 10:00")),
        "PRD-00002": (1, 0, 0, Decimal("0.00"), None, at("03-03 10:00")),
        "PRD-00003": (0, 0, 0, Decimal("0.00"), None, None),
    }
