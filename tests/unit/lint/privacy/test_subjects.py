"""Where a person is: by relationships and queries, up to what was received, and what becomes of the rows there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.lakes.tables import TableFiles
from tidemark.config.contract.model import Erasure
from tidemark.config.project import Table, read_tables
from tidemark.errors import ConfigError
from tidemark.lint.privacy import subjects

SOURCE: dict[str, Any] = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append"}}
TO_PEOPLE = "relationships: [{to: people.contract.yaml#schema/people/properties/id}]"


class Files(TableFiles):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.received("people", "id! string\nmail string {classification: personal}", ["id"])
        self.built("people", "id string\nmail string {classification: personal}", "SELECT id, mail FROM bronze.people")

    def received(self, name: str, columns: str, keys: list[str]) -> None:
        self.table(f"bronze.{name}", columns, SOURCE, keys=keys)

    def built(self, name: str, columns: str, sql: str, *inputs: str, key: str = "id", layer: str = "silver") -> None:
        read = {each: {"refresh": "full"} for each in inputs or ("bronze.people",)}
        load = {"inputs": read, "write": {"mode": "upsert", "keys": [key]}}
        self.table(f"{layer}.{name}", columns, load, keys=[key], sql=sql)

    @property
    def tables(self) -> dict[str, Table]:
        read = read_tables(self.root / "config")
        assert read.findings == ()
        return dict(read.tables)

    def trail(self, key: str = "silver.people.id") -> subjects.Trail:
        return subjects.trail(self.tables, key)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def of(trail: subjects.Trail, table: str) -> subjects.Treatment:
    return next(each for each in trail.treatments if each.table == table)


def test_from_a_silver_key_up_to_bronze_and_down_to_gold(files: Files) -> None:
    files.built(
        "dim", "id string\nname string", "SELECT id, 'x' AS name FROM silver.people", "silver.people", layer="gold"
    )
    trail = files.trail()
    assert set(trail.places) == {"bronze.people", "silver.people", "gold.dim"}
    assert of(trail, "bronze.people").erasure == Erasure("delete")
    assert files.trail("id").places == trail.places, "the bare name of a key that means one thing everywhere"
    assert files.trail("bronze.people.id").places == trail.places


def test_a_relationship_leads_to_tables_that_are_received_on_their_own(files: Files) -> None:
    files.received("orders", "order_id! string\nbuyer string", ["order_id"])
    query = "SELECT order_id, buyer AS person FROM bronze.orders"
    files.built("orders", f"order_id string\nperson string {{{TO_PEOPLE}}}", query, "bronze.orders", key="order_id")
    trail = files.trail()
    assert trail.places["bronze.orders"] == ("buyer",)
    assert of(trail, "bronze.orders") == subjects.Treatment("bronze.orders", ("buyer",), Erasure("clear"))


def test_what_is_merged_with_others_on_the_way_down_leads_to_no_others(files: Files) -> None:
    files.received("firms", "firm! string", ["firm"])
    query = "SELECT coalesce(p.id, f.firm) AS id FROM bronze.people AS p FULL JOIN bronze.firms AS f ON p.id = f.firm"
    files.built("parties", "id string", query, "bronze.people", "bronze.firms")
    trail = files.trail()
    assert "silver.parties" in trail.places
    assert "bronze.firms" not in trail.places


@pytest.mark.parametrize(
    ("columns", "erasure", "cleared"),
    [
        ("buyer string", Erasure("clear"), ()),
        ("buyer! string", None, ()),
        ("buyer! string {customProperties: [{property: erasure, value: delete}]}", Erasure("delete"), ()),
        (
            "buyer! string {customProperties: [{property: erasure, value: {replaceBy: P0}}]}",
            Erasure("replace", "P0"),
            (),
        ),
        ("buyer string\nnote string {classification: personal}", Erasure("delete"), ()),
        (
            "buyer string {customProperties: [{property: erasure, value: clear}]}\nnote string {classification: own}",
            Erasure("clear"),
            ("note",),
        ),
    ],
)
def test_what_becomes_of_rows(files: Files, columns: str, erasure: Erasure | None, cleared: tuple[str, ...]) -> None:
    first, *rest = columns.splitlines()
    first = first.replace("{", f"{{{TO_PEOPLE}, ", 1) if "{" in first else f"{first} {{{TO_PEOPLE}}}"
    files.received("orders", "\n".join(["order_id! string", first, *rest]), ["order_id"])
    trail = files.trail()
    assert of(trail, "bronze.orders") == subjects.Treatment("bronze.orders", ("buyer",), erasure, cleared)
    told = subjects.untold(trail, files.tables)
    assert len(told) == (erasure is None)
    assert all("orders.contract.yaml" in each for each in told)


def test_a_key_that_is_computed_is_refused_until_its_origin_is_told(files: Files) -> None:
    files.built("people", "id string", "SELECT concat('P', id) AS id FROM bronze.people")
    with pytest.raises(ConfigError, match=r"nobody can tell which columns of bronze\.people it is made of"):
        files.trail()
    told = "relationships: [{to: ../bronze/people.contract.yaml#schema/people/properties/id}]"
    files.built("people", f"id string {{{told}}}", "SELECT concat('P', id) AS id FROM bronze.people")
    assert set(files.trail().places) == {"bronze.people", "silver.people"}


def test_letters_that_a_query_changes_do_not_count(files: Files) -> None:
    query = "SELECT id, lower(mail) AS mail FROM bronze.people"
    files.built("people", "id string\nmail string {classification: personal}", query)
    trail = files.trail("silver.people.mail")
    assert trail.folded
    column = files.tables["silver.people"].contract.column("mail")
    assert subjects.canonical(column, " Ann@Example.ORG ", folded=True) == "ann@example.org"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("silver.people.idd", "silver.people has no column `idd`"),
        ("silver.persons.id", "table `silver.persons` does not exist"),
        ("nobody", "no table has a key `nobody`"),
    ],
)
def test_a_key_that_is_not_there_is_refused(files: Files, key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        files.trail(key)


def test_a_bare_name_that_means_several_things_is_refused(files: Files) -> None:
    files.received("firms", "id! string", ["id"])
    with pytest.raises(ConfigError, match="does not mean the same in"):
        files.trail("id")


def test_a_relationship_that_leads_nowhere_is_refused(files: Files) -> None:
    gone = TO_PEOPLE.replace("properties/id", "properties/ident")
    files.received("orders", f"order_id! string\nbuyer string {{{gone}}}", ["order_id"])
    with pytest.raises(ConfigError, match=r"bronze.orders.buyer leads to bronze.people.ident, which does not exist"):
        files.trail()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("relationships: [{to: somewhere}]", "a relationship leads to `somewhere`, which names no column"),
        ("customProperties: [{property: erasure, value: burn}]", "the erasure of `buyer` is `burn`"),
        ("required: true, customProperties: [{property: erasure, value: clear}]", "it cannot be cleared"),
        ("customProperties: [{property: erasure, value: {replaceBy: [a]}}]", "the erasure of `buyer` is"),
    ],
)
def test_what_a_contract_says_wrongly_is_told(files: Files, option: str, message: str) -> None:
    files.received("orders", f"order_id! string\nbuyer string {{{option}}}", ["order_id"])
    (finding,) = read_tables(files.root / "config").findings
    assert message in finding.message


@pytest.mark.parametrize("text", ["", "id", "=x", "id=", " = "])
def test_a_person_is_named_by_a_column_and_a_value(text: str) -> None:
    with pytest.raises(ConfigError, match="a person is named by a column and a value"):
        subjects.named(text)


def test_whole_numbers_are_compared_as_numbers(files: Files) -> None:
    files.received("members", "member! bigint\nsince date", ["member"])
    contract = files.tables["bronze.members"].contract
    assert subjects.canonical(contract.column("member"), "0042") == "42"
    with pytest.raises(ConfigError, match="what was given is none"):
        subjects.canonical(contract.column("member"), "x")
    with pytest.raises(ConfigError, match="people are named by texts and whole numbers"):
        subjects.canonical(contract.column("since"), "2025-01-01")
