"""What the silver queries give, to the last cent, for rows small enough to work out by hand; every query's columns."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lakes.queries import at, day, line, part
from tidemark.compile.schema import spark_schema
from tidemark.sql.types import SOURCE_ORDER

if TYPE_CHECKING:
    from tests.support.lakes.queries import Queries
    from tidemark.config.project import Project

CENT = Decimal("0.01")
CONFIG = Path(__file__).parents[3] / "config"
BUILT = sorted(f"{path.parent.name}.{path.stem}" for path in CONFIG.glob("*/*.sql"))


@pytest.mark.parametrize("name", BUILT)
def test_a_query_gives_its_contracts_columns_and_types(queries: Queries, project: Project, name: str) -> None:
    table = project.table(name)
    write = table.load.write
    made_by_the_engine = {"valid_from", "valid_to", "is_current", write.surrogate_key} if write.mode == "scd2" else {}
    helpers = {*write.order_by, write.effective_from, write.deletes.flag if write.deletes else None, SOURCE_ORDER}
    given = {field.name: field.dataType for field in queries.frame(name).schema.fields}
    wanted = {field.name: field.dataType for field in spark_schema(table.contract).fields}
    assert {column: given.get(column) for column in wanted if column not in made_by_the_engine} == {
        column: type_ for column, type_ in wanted.items() if column not in made_by_the_engine
    }
    assert set(given) - set(wanted) <= helpers


def test_customer_versions_tidies_and_keeps_all_versions(queries: Queries) -> None:
    queries.give(
        "bronze.snowflake_customers",
        {
            "customer_id": "CUST-000001",
            "first_name": "  Anne\tMarie ",
            "last_name": " O'Neil",
            "email": " ÉVA@Example.ORG ",
            "updated_at": at("03-01 10:00"),
            "is_deleted": False,
        },
        {"customer_id": "CUST-000001", "updated_at": at("03-02 10:00"), "is_deleted": True},
    )
    first, deleted = queries.rows("silver.customer_versions")
    assert part(first, "first_name", "last_name", "email") == ("Anne\tMarie", "O'Neil", "éva@example.org")
    assert part(deleted, "updated_at", "is_deleted") == (at("03-02 10:00"), True)


@pytest.mark.parametrize(
    ("name", "source", "key"),
    [
        ("silver.customers", "silver.customer_versions", "customer_id"),
        ("silver.accounts", "silver.account_versions", "account_id"),
        ("gold.dim_customer", "silver.customer_versions", "customer_id"),
        ("gold.dim_account", "silver.account_versions", "account_id"),
    ],
)
def test_versions_are_left_to_the_engine(queries: Queries, name: str, source: str, key: str) -> None:
    versions = [(at("03-01 10:00"), False), (at("03-02 10:00"), True), (at("03-03 10:00"), False)]
    queries.give(source, *[{key: "X", "updated_at": when, "is_deleted": gone} for when, gone in versions])
    assert sorted(part(row, "updated_at", "is_deleted") for row in queries.rows(name)) == versions


def test_account_versions_take_the_crms_change_time(queries: Queries) -> None:
    when = at("03-01 10:00:00.123")
    queries.give(
        "bronze.crm_accounts",
        {"account_id": "ACC-00001", "account_name": " Ünal AG ", "owner_email": "EVA@X.ORG", "system_modstamp": when},
        {"account_id": "ACC-00002", "account_name": "B", "system_modstamp": when},
    )
    first, second = queries.rows("silver.account_versions")
    assert part(first, "account_name", "owner_email", "updated_at") == ("Ünal AG", "eva@x.org", when)
    assert second["owner_email"] is None


def test_contacts_keep_deleted_versions_for_the_engine(queries: Queries) -> None:
    contact = {"contact_id": "CON-000001", "email": "EVA@X.ORG", "system_modstamp": at("03-01 10:00")}
    queries.give("bronze.crm_contacts", contact | {"is_deleted": True})
    row = queries.row("silver.contacts")
    assert part(row, "email", "updated_at", "is_deleted") == ("eva@x.org", at("03-01 10:00"), True)


def test_products_newest_received_wins_and_a_tombstone_discontinues(queries: Queries) -> None:
    early, late = at("03-01 23:00"), at("03-02 23:00")
    queries.give(
        "bronze.snowflake_products",
        {"product_id": "PRD-00001", "product_name": "old", "_ingest_ts": early, "_row_hash": 9},
        {"product_id": "PRD-00001", "product_name": " new ", "_ingest_ts": late, "_row_hash": -5},
        {"product_id": "PRD-00001", "product_name": "tie", "_ingest_ts": late, "_row_hash": -6},
        {"product_id": "PRD-00002", "product_name": "gone", "_ingest_ts": early, "_row_hash": 1},
        {"product_id": "PRD-00002", "product_name": "gone", "_ingest_ts": late, "_row_hash": 2, "is_deleted": True},
    )
    rows = [part(row, "product_name", "is_discontinued", "received_at") for row in queries.rows("silver.products")]
    assert rows == [("new", False, late), ("gone", True, late)]


def test_fx_rates_are_dollars_per_unit_by_the_newest_publication(queries: Queries) -> None:
    def published(currency: str, rate: str, when: str = "03-03 15:00", rate_date: str = "03-03") -> dict[str, Any]:
        return {
            "rate_date": day(rate_date),
            "base_currency": "EUR",
            "currency": currency,
            "rate": Decimal(rate),
            "published_at": at(when),
        }

    queries.give(
        "bronze.fx_rates",
        published("USD", "1.5"),
        published("USD", "1.0465", "03-05 15:00"),
        published("JPY", "156.93"),
        published("GBP", "0.5"),
        published("EUR", "2"),
        published("CHF", "0.95", rate_date="03-04"),
    )
    rows = {row["currency"]: row for row in queries.rows("silver.fx_rates")}
    assert set(rows) == {"EUR", "USD", "JPY", "GBP", "CHF"}
    assert rows["CHF"]["usd_rate"] is None, "no dollar rate on 03-04: no rates in dollars either"
    assert queries.project.table("silver.fx_rates").contract.column("usd_rate").required, "and they are rejected"
    assert part(rows["USD"], "eur_rate", "usd_rate") == (Decimal("1.04650000"), Decimal("1.00000000"))
    assert rows["USD"]["published_at"] == at("03-05 15:00")
    assert part(rows["EUR"], "eur_rate", "usd_rate") == (Decimal("1.00000000"), Decimal("1.04650000"))
    assert rows["EUR"]["published_at"] == at("03-05 15:00")
    assert rows["JPY"]["usd_rate"] == Decimal("0.00666858"), "0.006668578… rounded half up"
    assert part(rows["GBP"], "usd_rate", "published_at") == (Decimal("2.09300000"), at("03-03 15:00"))


def rate(currency: str, rate_date: str, usd_rate: str) -> dict[str, Any]:
    return {"currency": currency, "rate_date": day(rate_date), "usd_rate": Decimal(usd_rate)}


def test_orders_take_the_latest_rate_at_or_before_their_day(queries: Queries) -> None:
    queries.give(
        "silver.fx_rates",
        rate("EUR", "02-27", "1.01"),
        rate("EUR", "02-28", "1.02"),
        rate("EUR", "03-03", "1.03"),
        rate("GBP", "03-03", "1.3"),
    )
    days = {"friday": "02-28", "saturday": "03-01", "sunday": "03-02", "monday": "03-03", "later": "12-31"}
    queries.give(
        "bronze.snowflake_orders",
        *[line(name, order_date=day(text)) for name, text in days.items()],
        line("no rate yet", order_date=day("03-02"), currency="GBP"),
    )
    rates = {row["order_id"]: row["fx_rate"] for row in queries.rows("silver.orders")}
    friday, monday = Decimal("1.02"), Decimal("1.03")
    assert rates == {
        "friday": friday,
        "saturday": friday,
        "sunday": friday,
        "monday": monday,
        "later": monday,
        "no rate yet": None,
    }


def test_orders_keep_all_versions_for_the_engine(queries: Queries) -> None:
    queries.give("silver.fx_rates", rate("EUR", "03-03", "1"))
    versions = [line("ORD-00000001"), line("ORD-00000001", updated_at=at("03-04 10:00"), is_deleted=True)]
    queries.give("bronze.snowflake_orders", *versions)
    found = sorted(part(row, "updated_at", "is_deleted") for row in queries.rows("silver.orders"))
    assert found == [(at("03-03 10:00"), False), (at("03-04 10:00"), True)]


def test_orders_round_half_up_once_and_lose_no_digit(queries: Queries) -> None:
    draw = Random(7)
    queries.give("silver.fx_rates", rate("EUR", "03-03", "1.04650005"))
    lines = [line("half", unit_price=Decimal("0.01"), discount=Decimal("0.5000"))]
    for number in range(500):
        price = Decimal(draw.randrange(10 ** draw.randint(2, 11))) * CENT
        discount = Decimal(draw.randrange(10_001)) / 10_000
        lines.append(line("random", number, quantity=draw.randint(1, 2**20), unit_price=price, discount=discount))
    queries.give("bronze.snowflake_orders", *lines)
    rows = {(row["order_id"], row["line_number"]): row for row in queries.rows("silver.orders")}
    assert rows["half", 1]["net_amount"] == CENT
    for each in lines:
        net = (each["quantity"] * each["unit_price"] * (1 - each["discount"])).quantize(CENT, ROUND_HALF_UP)
        usd = (net * Decimal("1.04650005")).quantize(CENT, ROUND_HALF_UP)
        found = rows[each["order_id"], each["line_number"]]
        assert part(found, "net_amount", "amount_usd") == (net, usd)


def test_an_absurd_amount_is_left_to_the_contract_and_does_not_stop_the_others(queries: Queries) -> None:
    queries.give("silver.fx_rates", rate("EUR", "03-03", "2"))
    most = Decimal("9999999999999999.99")
    lines = [line("absurd", quantity=2, unit_price=most), line("dear", unit_price=most), line("fine", unit_price=CENT)]
    queries.give("bronze.snowflake_orders", *lines)
    names = ("order_id", "net_amount", "amount_usd")
    assert [part(row, *names) for row in queries.rows("silver.orders")] == [
        ("absurd", None, None),
        ("dear", most, None),
        ("fine", CENT, 2 * CENT),
    ]
    contract = queries.project.table("silver.orders").contract
    assert all(contract.column(name).required for name in names), "a row without them is rejected"


def test_opportunities_are_valued_as_of_their_change(queries: Queries) -> None:
    queries.give("silver.fx_rates", rate("SEK", "02-28", "0.09345005"), rate("SEK", "03-03", "0.5"))
    queries.give(
        "bronze.crm_opportunities",
        *[
            {
                "opportunity_id": name,
                "amount": amount,
                "currency": "SEK",
                "system_modstamp": at(when),
                "is_deleted": name == "deleted",
            }
            for name, amount, when in (
                ("deleted", None, "03-03 00:00"),
                ("monday", Decimal("0.01"), "03-03 00:00"),
                ("saturday", Decimal("100.00"), "03-01 23:59:59.999"),
            )
        ],
    )
    names = ("opportunity_id", "fx_rate", "amount_usd", "updated_at", "is_deleted")
    assert [part(row, *names) for row in queries.rows("silver.opportunities")] == [
        ("deleted", Decimal("0.50000000"), None, at("03-03 00:00"), True),
        ("monday", Decimal("0.50000000"), CENT, at("03-03 00:00"), False),
        ("saturday", Decimal("0.09345005"), Decimal("9.35"), at("03-01 23:59:59.999"), False),
    ]


def test_events_get_their_day(queries: Queries) -> None:
    midnight = at("03-01 23:59:59.999999")
    queries.give("bronze.redshift_behavior", {"event_id": "EVT-1", "event_at": midnight})
    deliveries = [
        {"event_id": "OEV-1", "event_at": midnight, "partition": 0, "offset": offset} for offset in (1, 2**40)
    ]
    queries.give("bronze.kafka_events", *deliveries)
    assert queries.row("silver.behavior")["event_date"] == day("03-01")
    events = sorted(part(row, "event_date", "offset") for row in queries.rows("silver.order_events"))
    assert events == [(day("03-01"), 1), (day("03-01"), 2**40)], "deliveries are left to the engine"


def test_customer_activity(queries: Queries) -> None:
    queries.give("silver.customers", {"customer_id": "busy"}, {"customer_id": "idle"})
    statuses = ("placed", "cancelled", "returned", "delivered")
    queries.give(
        "silver.orders",
        *[
            {
                "order_id": f"ORD-{number // 2}",
                "line_number": number,
                "customer_id": "busy",
                "status": status,
                "amount_usd": Decimal(f"{number + 1}.01"),
                "ordered_at": at(f"03-0{number + 1} 10:00"),
            }
            for number, status in enumerate(statuses)
        ],
        {"order_id": "ORD-9", "customer_id": "stranger", "status": "placed", "amount_usd": Decimal(1)},
    )
    seconds = (0.1, 0.2, None, 0.3)
    queries.give(
        "silver.behavior",
        *[
            {
                "customer_id": "busy",
                "session_id": "s1" if number < 3 else "s2",
                "event_type": "page_view" if number else "search",
                "duration_seconds": duration,
                "event_at": at(f"03-01 10:0{number}"),
            }
            for number, duration in enumerate(seconds)
        ],
        {"customer_id": None, "session_id": "s3", "event_type": "page_view", "event_at": at("03-09 10:00")},
    )
    busy, idle = queries.rows("silver.customer_activity")
    assert busy == {
        "customer_id": "busy",
        "order_count": 2,
        "line_count": 4,
        "revenue_usd": Decimal("5.02"),
        "first_order_at": at("03-01 10:00"),
        "last_order_at": at("03-04 10:00"),
        "session_count": 2,
        "page_view_count": 3,
        "browse_seconds": Decimal("0.600"),
        "last_event_at": at("03-01 10:03"),
    }
    assert part(idle, "order_count", "line_count", "session_count", "page_view_count") == (0, 0, 0, 0)
    assert part(idle, "revenue_usd", "browse_seconds") == (Decimal("0.00"), Decimal("0.000"))
    assert part(idle, "first_order_at", "last_order_at", "last_event_at") == (None, None, None)
