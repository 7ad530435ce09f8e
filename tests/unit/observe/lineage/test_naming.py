"""Names of datasets by the naming conventions of OpenLineage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidemark.config.environment import Environment
from tidemark.config.load import SourceSpec
from tidemark.observe.lineage import naming


def environment(lake: str = "/srv/lake", **connections: dict[str, Any]) -> Environment:
    targets = {name: {"connection": name, "schema": "gold"} for name in connections}
    return Environment.model_validate(
        {
            "name": "test",
            "home": "/srv",
            "roots": {"lake": lake},
            "exchange": "s3a://exchange",
            "connections": connections,
            "targets": targets,
        }
    )


@pytest.mark.parametrize(
    ("lake", "namespace", "name"),
    [
        ("/srv/lake", "file", "/srv/lake/gold/sales"),
        ("s3a://acme-lake", "s3://acme-lake", "gold/sales"),
        ("s3a://acme-lake/prod/lake", "s3://acme-lake", "prod/lake/gold/sales"),
        ("s3://acme-lake/lake", "s3://acme-lake", "lake/gold/sales"),
    ],
)
def test_a_table_of_the_lake_is_its_folder(lake: str, namespace: str, name: str) -> None:
    found = naming.lake_table(environment(lake), "gold.sales")
    assert (found.namespace, found.name) == (namespace, name)


@pytest.mark.parametrize(
    ("connection", "asked", "namespace", "name"),
    [
        (
            {"kind": "snowflake", "settings": {"account": "acme-eu_prod", "database": "SHOP"}},
            "Sales.Orders",
            "snowflake://acme-eu_prod",
            "SHOP.SALES.ORDERS",
        ),
        (
            {"kind": "snowflake", "settings": {"account": "xy12345.eu-central-1.aws", "database": "SHOP"}},
            "OTHER.SALES.ORDERS",
            "snowflake://xy12345.eu-central-1.aws",
            "OTHER.SALES.ORDERS",
        ),
        (
            {"kind": "redshift", "settings": {"host": "shop.c1a2.us-west-2.redshift.amazonaws.com", "database": "Dev"}},
            "analytics.Behavior",
            "redshift://shop.us-west-2:5439",
            "dev.analytics.behavior",
        ),
        (
            {
                "kind": "redshift",
                "settings": {
                    "host": "shop.111122223333.eu-central-1.redshift-serverless.amazonaws.com",
                    "port": 5440,
                    "database": "shop",
                },
            },
            "behavior",
            "redshift://shop.eu-central-1:5440",
            "shop.public.behavior",
        ),
        (
            {"kind": "redshift", "settings": {"host": "127.0.0.1", "port": 15432, "database": "shop"}},
            "a.b",
            "redshift://127.0.0.1:15432",
            "shop.a.b",
        ),
        (
            {"kind": "kafka", "settings": {"bootstrap_servers": "b1.acme:9096, b2.acme:9096"}},
            "order_events",
            "kafka://b1.acme:9096",
            "order_events",
        ),
        ({"kind": "kafka", "settings": {"bootstrap_servers": "b1.acme"}}, "e", "kafka://b1.acme:9092", "e"),
        (
            {"kind": "rest", "settings": {"base_url": "https://me:pass@acme.example:8443/api"}},
            "Account",
            "https://acme.example:8443",
            "Account",
        ),
        ({"kind": "s3", "settings": {"uri": "s3a://landing/"}}, "fx/", "s3://landing", "fx"),
        ({"kind": "s3", "settings": {"uri": "s3a://landing/in"}}, "fx/2025-*/*.json", "s3://landing", "in/fx"),
        ({"kind": "s3", "settings": {"uri": "s3a://landing"}}, "*.json", "s3://landing", "/"),
        ({"kind": "files", "settings": {"uri": "/srv/landing"}}, "orders", "file", "/srv/landing/orders"),
        ({"kind": "files", "settings": {"uri": "landing"}}, "*.csv", "file", str(Path("landing").absolute())),
    ],
)
def test_a_source_has_the_name_that_other_producers_give_it(
    connection: dict[str, Any], asked: str, namespace: str, name: str
) -> None:
    found = naming.source(environment(system=connection), SourceSpec(connection="system", object=asked))
    assert (found.namespace, found.name) == (namespace, name)
    assert found.place == "system"


def test_a_published_table_is_in_its_schema() -> None:
    snowflake = {"kind": "snowflake", "settings": {"account": "acme-eu", "database": "SHOP"}}
    redshift = {"kind": "redshift", "settings": {"host": "localhost", "database": "shop"}}
    where = environment(snowflake=snowflake, redshift=redshift)
    assert naming.published(where, "snowflake", "gold.sales").name == "SHOP.GOLD.SALES"
    assert naming.published(where, "redshift", "gold.sales").name == "shop.gold.sales"
    assert naming.published(where, "snowflake", "gold.sales").field("order_id") == "ORDER_ID"
    assert naming.published(where, "redshift", "gold.sales").field("order_id") == "order_id"
