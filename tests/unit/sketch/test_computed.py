"""A table's files from its query: the types that Spark gives, keys by GROUP BY, masks of what is personal."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tidemark.config.project import Project, load_project
from tidemark.errors import ConfigError
from tidemark.sketch.computed import draft, table_of
from tidemark.sketch.drafts import Draft, contract_text, load_text

CONFIG = Path("config")


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(CONFIG, "local")


def drafted(sql: str, project: Project, spark: SparkSession, folder: Path) -> Draft:
    path = folder / "new.sql"
    path.write_text(sql, "utf-8")
    return draft("gold.new", path, project.tables, spark)


def test_columns_have_sparks_types_and_groups_are_unique(project: Project, spark: SparkSession, tmp_path: Path) -> None:
    sql = """
        SELECT c.country AS land, p.order_date, count(*) AS n, sum(p.amount_usd) AS total, max(c.email) AS Somebody,
          collect_list(p.status) AS states, NULL AS nothing
        FROM silver.orders AS p JOIN silver.customers AS c ON c.customer_id = p.customer_id
        GROUP BY c.country, 2
    """
    made = drafted(sql, project, spark, tmp_path)
    assert {column.name: column.type for column in made.columns} == {
        "land": "string",
        "order_date": "date",
        "n": "bigint",
        "total": "decimal(28,2)",
        "somebody": "string",
        "states": "string",
        "nothing": "string",
    }
    assert made.unique == ("land", "order_date")
    assert {column.name: column.mask for column in made.columns if column.mask} == {"somebody": "email"}
    assert made.load["inputs"] == {"silver.customers": {"refresh": "full"}, "silver.orders": {"refresh": "full"}}
    assert "metric: duplicateValues" in contract_text(made)
    assert "mode: replace" in load_text(made)


@pytest.mark.parametrize(
    ("sql", "unique"),
    [
        ("SELECT upper(status) AS status, count(*) AS n FROM silver.orders GROUP BY status", ()),
        ("SELECT upper(status) AS state, count(*) AS n FROM silver.orders GROUP BY state", ("state",)),
        ("SELECT o.status, count(*) AS n FROM silver.orders AS o GROUP BY status", ("status",)),
        ("SELECT status AS state, count(*) AS n FROM silver.orders GROUP BY status", ("state",)),
        ("SELECT currency AS status, count(*) AS n FROM silver.orders GROUP BY currency, status", ()),
    ],
)
def test_a_group_is_by_what_is_read_before_what_is_given(
    sql: str, unique: tuple[str, ...], project: Project, spark: SparkSession, tmp_path: Path
) -> None:
    assert drafted(sql, project, spark, tmp_path).unique == unique


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT no_such FROM silver.orders", "UNRESOLVED_COLUMN"),
        ("SELECT count(*) FROM silver.orders", "give it a name"),
        ("SELECT 1 AS one", "reads no table"),
        ("SELECT * FROM silver.ordrs", "did you mean `silver.orders`?"),
        ("DROP TABLE silver.orders", "a query (SELECT) is needed"),
        ("SELECT order_id FROM", "does not parse"),
    ],
)
def test_a_query_that_cannot_be(sql: str, told: str, project: Project, spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        drafted(sql, project, spark, tmp_path)
    assert told in str(refused.value)


@pytest.mark.parametrize(("place", "table"), [("gold/a.sql", "gold.a"), ("silver/b_c.sql", "silver.b_c")])
def test_a_file_is_its_table(place: str, table: str) -> None:
    assert table_of(CONFIG / place, CONFIG) == table


@pytest.mark.parametrize(
    "place", ["config/bronze/a.sql", "config/a.sql", "elsewhere/gold/a.sql", "config/gold/A b.sql"]
)
def test_a_file_elsewhere_is_none(place: str) -> None:
    with pytest.raises(ConfigError, match="is no query of a silver or gold table"):
        table_of(Path(place), CONFIG)
