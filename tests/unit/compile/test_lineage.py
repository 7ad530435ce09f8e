"""What the way of writing adds to a table's lineage: mappings, histories, tombstones, masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.compile.lineage import SOURCE, Lineage
from tidemark.config.project import Table, load_project


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Table]:
    return dict(load_project(ConfigFolder(tmp_path / "config").root, "local").tables)


def ways(lineage: Lineage, table: str, column: str) -> set[tuple[str, str]]:
    return {(".".join(origin), via.how) for origin, via in lineage.of(table).columns[column]}


def test_a_received_column_comes_of_the_field_that_the_load_maps(tables: dict[str, Table]) -> None:
    lineage = Lineage(tables)
    assert ways(lineage, "bronze.people", "person_id") == {(f"{SOURCE}.Id", "identity")}
    assert ways(lineage, "bronze.people", "city") == {(f"{SOURCE}.city", "identity")}
    assert lineage.sources("bronze.people", "person_id") == {("bronze.people", "Id")}


def test_text_that_becomes_something_else_is_computed(tables: dict[str, Table]) -> None:
    people = tables["bronze.people"]
    assert people.load.source is not None
    text = people.load.source.model_copy(update={"format": "csv"})
    lineage = Lineage({"bronze.people": replace(people, load=people.load.model_copy(update={"source": text}))})
    assert ways(lineage, "bronze.people", "updated_at") == {(f"{SOURCE}.updated_at", "transformation")}
    assert ways(lineage, "bronze.people", "city") == {(f"{SOURCE}.city", "identity")}


def test_a_tombstone_comes_of_the_keys_that_an_extract_lacks(tables: dict[str, Table]) -> None:
    people = tables["bronze.people"]
    deletes = type(people.load.write).model_validate(
        {"mode": "append", "keys": ["person_id"], "deletes": {"missing": "soft", "flag": "is_deleted"}}
    )
    lineage = Lineage({"bronze.people": replace(people, load=people.load.model_copy(update={"write": deletes}))})
    assert ways(lineage, "bronze.people", "is_deleted") == {(f"{SOURCE}.Id", "conditional")}


def test_what_the_engine_fills_comes_of_nothing(tables: dict[str, Table]) -> None:
    people = tables["bronze.people"]
    assert people.load.source is not None
    taken = people.load.source.model_copy(update={"taken_at": "updated_at"})
    lineage = Lineage({"bronze.people": replace(people, load=people.load.model_copy(update={"source": taken}))})
    assert ways(lineage, "bronze.people", "updated_at") == set()


def test_a_query_that_makes_rows_of_a_column_is_followed(tables: dict[str, Table]) -> None:
    name, table = next((name, table) for name, table in tables.items() if table.sql)
    read, column = next(iter(table.inputs)), table.contract.column_names[0]
    text = tables[read].contract.column_names[0]
    sql = f"SELECT word AS {column} FROM {read} LATERAL VIEW explode(split({text}, ',')) AS word"
    lineage = Lineage({**tables, name: replace(table, sql=sql)})
    assert lineage.of(name).is_known
    assert (f"{read}.{text}", "transformation") in ways(lineage, name, column)


def test_of_python_nothing_is_said(tables: dict[str, Table]) -> None:
    name = next(name for name, table in tables.items() if table.sql)
    lineage = Lineage({**tables, name: replace(tables[name], sql=None)})
    assert not lineage.of(name).is_known
    assert set(lineage.of(name).columns.values()) == {frozenset()}


def test_a_query_that_does_not_parse_breaks_nothing(tables: dict[str, Table]) -> None:
    name = next(name for name, table in tables.items() if table.sql)
    lineage = Lineage({**tables, name: replace(tables[name], sql="SELECT FROM WHERE (")})
    assert not lineage.of(name).is_known


def test_keys_the_order_of_versions_and_deletes_decide_about_rows(tables: dict[str, Table]) -> None:
    decides = {(origin[1], via.how) for origin, via in Lineage(tables).of("bronze.people").rows}
    assert decides == {("Id", "join"), ("updated_at", "join")}
