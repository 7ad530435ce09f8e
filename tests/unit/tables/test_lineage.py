"""Where the numbers in gold come from: three tables by lists that were written by hand, and all of them to the end."""

from __future__ import annotations

import pytest

from tidemark.compile.lineage import Lineage
from tidemark.config.project import Project

# Written by hand from the tables' files: input column and way; `by …` only decides, `masked …` cannot be seen.
FACT_SALES = """
customer_sk  gold.dim_customer.customer_sk transformation
product_sk   gold.dim_product.product_sk transformation
date_sk      silver.orders.order_date transformation
order_id     silver.orders.order_id identity
line_number  silver.orders.line_number identity
customer_id  silver.orders.customer_id identity
product_id   silver.orders.product_id identity
status       silver.orders.status identity
quantity     silver.orders.quantity identity
unit_price   silver.orders.unit_price identity
discount     silver.orders.discount identity
currency     silver.orders.currency identity
net_amount   silver.orders.net_amount identity
net_usd      silver.orders.amount_usd identity
ordered_at   silver.orders.ordered_at identity
order_date   silver.orders.order_date identity
"""
DIM_CUSTOMER = """
customer_sk  silver.customer_versions.customer_id masked transformation
customer_sk  silver.customer_versions.updated_at masked transformation
customer_id  silver.customer_versions.customer_id identity
first_name   silver.customer_versions.first_name masked transformation
last_name    silver.customer_versions.last_name masked transformation
email        silver.customer_versions.email masked transformation
phone        silver.customer_versions.phone masked transformation
city         silver.customer_versions.city identity
country      silver.customer_versions.country identity
segment      silver.customer_versions.segment identity
valid_from   silver.customer_versions.updated_at identity
valid_to     silver.customer_versions.updated_at transformation
valid_to     silver.customer_versions.is_deleted by conditional
is_current   silver.customer_versions.updated_at by conditional
is_current   silver.customer_versions.is_deleted by conditional
"""
PRODUCT_PERFORMANCE = """
product_sk      gold.dim_product.product_sk identity
product_id      gold.dim_product.product_id identity
product_name    gold.dim_product.product_name identity
category        gold.dim_product.category identity
order_count     gold.fact_sales.order_id masked aggregation
units_sold      gold.fact_sales.quantity aggregation
units_sold      gold.fact_sales.status by conditional
units_returned  gold.fact_sales.quantity aggregation
units_returned  gold.fact_sales.status by conditional
revenue_usd     gold.fact_sales.net_usd aggregation
revenue_usd     gold.fact_sales.status by conditional
return_rate     gold.fact_sales.quantity aggregation
return_rate     gold.fact_sales.status by conditional
last_ordered_at gold.fact_sales.ordered_at aggregation
"""
# A calendar of 20 years is made of its query alone.
GENERATED = {"gold.dim_date"}


def read(text: str) -> set[tuple[str, str, str]]:
    lines = (line.split(maxsplit=2) for line in text.strip().splitlines())
    return {(column, origin, way) for column, origin, way in lines}


@pytest.fixture(scope="module")
def lineage(project: Project) -> Lineage:
    return Lineage(project.tables)


@pytest.mark.parametrize(
    ("table", "by_hand"),
    [
        ("gold.fact_sales", FACT_SALES),
        ("gold.dim_customer", DIM_CUSTOMER),
        ("gold.product_performance", PRODUCT_PERFORMANCE),
    ],
)
def test_columns_come_of_what_the_list_by_hand_says(lineage: Lineage, table: str, by_hand: str) -> None:
    found = {
        (column, ".".join(origin), " ".join(("by",) * (not via.direct) + ("masked",) * via.masks + (via.how,)))
        for column, ways in lineage.of(table).columns.items()
        for origin, via in ways
    }
    assert found == read(by_hand)


@pytest.mark.parametrize(
    ("table", "column", "fields"),
    [
        ("gold.dim_customer", "email", {"bronze.snowflake_customers.email"}),
        ("gold.dim_account", "tier", {"bronze.crm_accounts.Tier__c"}),
        ("gold.fact_sales", "product_sk", {"bronze.snowflake_products.product_id"}),
        ("gold.fact_sales", "net_amount", {"quantity", "unit_price", "discount"}),
        ("gold.fact_behavior", "date_sk", {"bronze.redshift_behavior.event_at"}),
        (
            "gold.customer_360",
            "open_pipeline_usd",
            # Amounts by the day's rate: of two quotations, the one of the deal's day chosen by currency and date.
            {"bronze.crm_opportunities.Amount", "bronze.fx_rates.rate", "bronze.fx_rates.rate_date"},
        ),
    ],
)
def test_the_end_of_the_way_is_a_field_of_a_source(lineage: Lineage, table: str, column: str, fields: set[str]) -> None:
    given = {field if "." in field else f"bronze.snowflake_orders.{field}" for field in fields}
    assert {".".join(field) for field in lineage.sources(table, column)} >= given


def test_gold_columns_trace_to_columns_of_sources(lineage: Lineage, project: Project) -> None:
    gold = [name for name in project.tables if name.startswith("gold.") and name not in GENERATED]
    columns = [(name, column) for name in gold for column in project.table(name).contract.column_names]
    lost = [each for each in columns if not lineage.sources(*each)]
    assert len(columns) > 100
    assert len(lost) <= len(columns) // 100, lost
    assert all(not project.table(name).inputs for name in GENERATED)


def test_every_column_that_is_traced_is_one_of_its_table(lineage: Lineage, project: Project) -> None:
    for name, table in project.tables.items():
        found = lineage.of(name)
        assert found.is_known
        assert set(found.columns) == set(table.contract.column_names)
        if not table.load.source:
            owners = {owner for ways in (*found.columns.values(), found.rows) for (owner, _), _ in ways}
            assert owners <= set(table.inputs)
