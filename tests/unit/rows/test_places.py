"""What queries read by the places of columns is what their tables' contracts say stands there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.rows.places import in_order
from tidemark.sources import Extract
from tidemark.sql.types import METADATA_COLUMNS

pytestmark = pytest.mark.usefixtures("planned_anew")

SOURCE = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "upsert", "keys": ["id"]}}
SILVER: dict[str, Any] = {"inputs": {"bronze.people": {"refresh": "full"}}, "write": {"mode": "replace"}}
BEFORE, AFTER = "id! string\ncity string", "id! string\nemail string {classification: personal}\ncity string"
BY_PLACE = "SELECT a AS id, c AS city FROM silver.people AS t(a, b, c, d, e, f, g, h, i)"


@pytest.fixture
def grown(lake: Lake) -> Lake:
    """Tables whose contracts have gained a column in the middle, which stands at the end of what is stored."""
    lake.table("bronze.people", BEFORE, SOURCE, keys=["id"])
    lake.table("silver.people", BEFORE, UPSERT, keys=["id"], sql="SELECT id, city FROM bronze.people")
    lake.load("bronze.people", lake.frame("id string, city string", [("p1", "Ulm")]))
    lake.build("silver.people")
    lake.table("bronze.people", AFTER, SOURCE, keys=["id"])
    lake.table("silver.people", AFTER, UPSERT, keys=["id"], sql="SELECT id, email, city FROM bronze.people")
    lake.load("bronze.people", lake.frame("id string, email string, city string", [("p2", "a@example.org", "Bonn")]))
    return lake


UPSERT = {**SILVER, "write": {"mode": "upsert", "keys": ["id"]}}


def gold(lake: Lake, sql: str, read: str = "silver.people", **extra: Any) -> list[tuple[Any, ...]]:
    lake.table(
        "gold.people", "id! string\ncity string", {"inputs": {read: {}}, "write": {"mode": "replace"}}, sql=sql, **extra
    )
    lake.build("gold.people", full=True)
    return lake.read("gold.people", "id", "city")


@pytest.mark.parametrize(
    "sql",
    [
        BY_PLACE,
        f"SELECT '' AS id, '' AS mail, '' AS city{', NULL' * 6} WHERE false UNION ALL SELECT * FROM silver.people",
    ],
)
def test_columns_that_are_read_by_their_places_are_those_of_the_contract(grown: Lake, sql: str) -> None:
    grown.build("silver.people")
    stored = [name for name in grown.delta("silver.people").columns if not name.startswith("_")]
    assert stored == ["id", "city", "email"]
    named = sql if "AS t(" in sql else f"SELECT id, city FROM ({sql})"
    assert gold(grown, named) == [("p1", "Ulm"), ("p2", "Bonn")]


def test_the_batch_of_this_run_stands_in_the_same_order(grown: Lake) -> None:
    grown.table(
        "gold.people", "id! string\ncity string", {"inputs": {"silver.people": {}}, "write": {"mode": "replace"}},
        sql=BY_PLACE,
    )  # fmt: skip
    grown.build_together("silver.people", "gold.people")
    assert grown.read("gold.people", "id", "city") == [("p1", "Ulm"), ("p2", "Bonn")]


def test_checks_read_the_same_places(grown: Lake) -> None:
    grown.build("silver.people")
    query = "SELECT count(*) FROM silver.people AS t(a, b, c, d, e, f, g, h, i) WHERE c IN ('Ulm', 'Bonn')"
    check = {"type": "sql", "name": "cities", "query": query, "mustBe": 2}
    grown.table(
        "silver.people", AFTER, UPSERT, keys=["id"], sql="SELECT id, email, city FROM bronze.people", quality=[check]
    )
    (result,) = [each for each in steps.gate(grown.engine(), "silver.people").checks if each.name == "cities"]
    assert (result.outcome, result.value) == ("pass", "2.0")


def test_a_column_that_the_table_has_not_got_yet_stands_there_as_nulls(grown: Lake) -> None:
    assert gold(grown, BY_PLACE) == [("p1", "Ulm")]
    assert gold(
        grown, "SELECT id, CASE WHEN email IS NULL THEN city END AS city FROM (SELECT * FROM silver.people)"
    ) == [("p1", "Ulm")]
    assert gold(grown, "SELECT id, city FROM silver.people") == [("p1", "Ulm")]


def test_checks_find_such_a_column_in_its_place_too(grown: Lake) -> None:
    query = "SELECT count(b) FROM silver.people AS t(a, b, c, d, e, f, g, h, i)"
    check = {"type": "sql", "name": "mails", "query": query, "mustBe": 0}
    grown.table("bronze.people", AFTER, SOURCE, keys=["id"], quality=[check])
    engine = grown.engine()
    frame = grown.frame("id string, email string, city string, _origin string", [("p3", None, "Ulm", "test")])
    extract = Extract("bronze.people", frame, {}, {"run": engine.run.run_id}, False, "test")
    steps.prepare(engine, "bronze.people", steps.validate(engine, "bronze.people", extract))
    (result,) = [each for each in steps.gate(engine, "bronze.people").checks if each.name == "mails"]
    assert result.outcome == "pass"


def test_the_engines_own_columns_follow_and_then_what_no_contract_knows(lake: Lake) -> None:
    lake.table("bronze.people", BEFORE, SOURCE, keys=["id"])
    own = list(METADATA_COLUMNS)
    names = ["drifted", *own[::-1], "City", "id"]
    frame = lake.frame(", ".join(f"{name} string" for name in names), [tuple("x" * len(names))])
    ordered = in_order(frame, lake.engine().table("bronze.people").contract)
    assert ordered.columns == ["id", "City", *own, "drifted"]
    assert in_order(ordered, lake.engine().table("bronze.people").contract) is ordered
