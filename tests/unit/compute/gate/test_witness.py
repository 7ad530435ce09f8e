"""What the check of a query does not see, and Spark does, is not run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.compute.gate import witness
from tidemark.errors import ConfigError
from tidemark.lint.privacy import admission
from tidemark.lint.privacy.personal import Sight
from tidemark.lint.privacy.seeing.scope import Given

PEOPLE = "id! string\nemail string {classification: personal}\ncity string"
SOURCE = {"source": {"connection": "shop", "object": "x", "mode": "full"}, "write": {"mode": "replace"}}
LOAD = {"inputs": {"bronze.people": {"refresh": "full"}}, "write": {"mode": "upsert", "keys": ["id"]}}
ROWS = [("p1", "ann@example.org", "Ulm"), ("p2", "bob@example.org", "Kiel")]
MISREAD = "SELECT id, 1e AS city FROM (SELECT id, email AS `1e` FROM bronze.people)"


@dataclass
class Blind:
    """As the check of a query that takes a name for a number: it sees what is personal, and not where it goes."""

    sight: Sight

    def given(self, name: str) -> Given:
        return self.sight.given(name)

    def made(self, table: object) -> Given:
        return Given((("id", frozenset()), ("city", frozenset())))


@pytest.fixture
def people(lake: Lake) -> Lake:
    lake.table("bronze.people", PEOPLE, SOURCE, keys=["id"])
    lake.load("bronze.people", lake.frame("id string, email string, city string", ROWS))
    return lake


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the check may come to see of it: here it lets the query pass."""
    sight = admission.sight
    monkeypatch.setattr(admission, "admit", lambda tables, name: None)
    monkeypatch.setattr(admission, "sight", lambda tables: Blind(sight(tables)))


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("layer", ["silver", "gold"])
def test_a_run_is_refused_before_anything_is_written(layer: str, people: Lake) -> None:
    people.table(f"{layer}.people", "id! string\ncity string", LOAD, keys=["id"], sql=MISREAD)
    engine = people.engine()
    with pytest.raises(ConfigError) as refused:
        steps.build(engine, f"{layer}.people")
    (finding,) = refused.value.findings
    assert str(refused.value).splitlines()[0] == f"{layer}.people may not be loaded as it is configured"
    assert (finding.file.name, finding.line) == ("people.sql", 1)
    assert finding.message == (
        f"nobody can tell what {layer}.people shows: Spark reads bronze.people.email in the column `city`, which the "
        "check of the query does not see"
    )
    assert engine.prepared == {}
    assert not Path(people.path(f"{layer}.people")).exists()


@pytest.mark.usefixtures("blind")
def test_a_harmless_query_runs(people: Lake) -> None:
    sql = "SELECT p.id, upper(p.city) AS city FROM bronze.people p WHERE p.email LIKE '%@example.org'"
    people.table("gold.people", "id! string\ncity string", LOAD, keys=["id"], sql=sql)
    people.build("gold.people")
    assert people.read("gold.people", "id", "city") == [("p1", "ULM"), ("p2", "KIEL")]


def test_what_the_check_sees_is_left_to_masks(people: Lake) -> None:
    columns = "id! string\ncity string {customProperties: [{property: mask, value: redact}]}"
    people.table("gold.people", columns, LOAD, keys=["id"], sql="SELECT id, email AS CITY FROM bronze.people")
    people.build("gold.people")
    assert people.read("gold.people", "id", "city") == [("p1", "[redacted]"), ("p2", "[redacted]")]


@pytest.mark.usefixtures("blind")
def test_spark_is_not_asked_where_no_input_has_anything_personal(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> object:
        raise AssertionError("Spark was asked")

    monkeypatch.setattr(witness, "carried", asked)
    lake.table("bronze.people", "id! string\ncity string", SOURCE, keys=["id"])
    lake.load("bronze.people", lake.frame("id string, city string", [("p1", "Ulm")]))
    lake.table("gold.people", "id! string\ncity string", LOAD, keys=["id"], sql="SELECT id, city FROM bronze.people")
    lake.build("gold.people")
    assert lake.read("gold.people", "id") == [("p1",)]
