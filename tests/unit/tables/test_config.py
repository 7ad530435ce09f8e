"""The configuration that ships: every file is read, and what the files say of each other holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from tidemark.compile.soda import sodacl
from tidemark.config.environment import load_environment
from tidemark.config.project import Project, Table
from tidemark.lint import lint
from tidemark.sql import queries
from tidemark.sql.types import METADATA_COLUMNS

CONFIG = Path(__file__).parents[3] / "config"
CONTRACTS = sorted(CONFIG.glob("*/*.contract.yaml"))
TABLES = [f"{path.parent.name}.{path.name.removesuffix('.contract.yaml')}" for path in CONTRACTS]
ENVIRONMENTS = ("local", "dev", "prod")
COSTLY_CHECKS = 5
"""Queries of its own that a table's scan may take; all its numeric metrics share one."""


def document(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def properties() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in CONTRACTS:
        for found in document(path)["schema"][0]["properties"]:
            yield path, found


def test_the_tables_are_there(project: Project) -> None:
    layers = [name.partition(".")[0] for name in project.tables]
    assert {layer: layers.count(layer) for layer in layers} == {"bronze": 9, "silver": 12, "gold": 12}
    assert set(project.tables) == set(TABLES)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_lint_finds_nothing(name: str) -> None:
    assert lint(CONFIG, name) == []


@pytest.mark.parametrize("path", CONTRACTS, ids=TABLES)
def test_a_contract_is_valid_odcs(path: Path) -> None:
    schema = json.loads(OpenDataContractStandard.json_schema())
    assert [error.message for error in Draft201909Validator(schema).iter_errors(document(path))] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_contract_can_be_scanned_cheaply(project: Project, name: str) -> None:
    text = sodacl(project.table(name).contract, queries.view_name(name), datetime(2025, 3, 30))
    (checks,) = yaml.safe_load(text).values()
    costly = [check for check in checks if any(sign in str(check) for sign in ("schema", "duplicate_count", " query"))]
    assert checks
    assert len(costly) <= COSTLY_CHECKS


@pytest.mark.parametrize("name", TABLES)
def test_write_keys_are_the_contracts_key(project: Project, name: str) -> None:
    table = project.table(name)
    write = table.load.write
    assert table.contract.keys == ((write.surrogate_key,) if write.mode == "scd2" else write.keys)


@pytest.mark.parametrize("name", [name for name in TABLES if not name.startswith("bronze.")])
def test_inputs_are_what_the_query_reads_and_say_how_a_change_arrives(project: Project, name: str) -> None:
    table = project.table(name)
    assert set(queries.tables_read(queries.parse(table.sql or ""))) == set(table.inputs)
    for read, spec in table.load.inputs.items():
        assert (spec.on is None) != (spec.refresh is None), f"{read} says neither `on` nor `refresh`, or both"
        for column in spec.on or ():
            assert column in project.table(read).contract.column_names
            assert column in table.contract.column_names


def test_every_layer_reads_the_one_below(project: Project) -> None:
    below = {"silver": {"bronze", "silver"}, "gold": {"silver", "gold"}}
    for table in project.tables.values():
        assert {name.partition(".")[0] for name in table.inputs} <= below.get(table.layer, set())


def test_gold_is_published_to_both_warehouses(project: Project) -> None:
    published = {name: table.load.publish for name, table in project.tables.items() if table.load.publish}
    assert published == {name: ("snowflake", "redshift") for name in TABLES if name.startswith("gold.")}


def test_personal_data_is_marked_everywhere_and_masked_in_gold() -> None:
    personal = {found["name"] for _, found in properties() if found.get("classification") == "personal"}
    assert personal >= {"first_name", "last_name", "email", "phone", "owner_email", "street", "date_of_birth"}
    for path, found in properties():
        if found["name"] in personal:
            assert found.get("classification") == "personal", f"{path}: {found['name']}"
            if path.parent.name == "gold":
                assert found["customProperties"][0]["property"] == "mask", f"{path}: {found['name']}"


def test_relationships_lead_to_columns_that_are_there() -> None:
    links = [(path, link["to"]) for path, found in properties() for link in found.get("relationships", ())]
    assert len(links) > 20
    for path, link in links:
        file, _, reference = link.partition("#")
        target = document((path.parent / file).resolve())["schema"][0]
        ids = [f"schema/{target['id']}/properties/{found['id']}" for found in target["properties"] if "id" in found]
        assert reference in ids, f"{path}: {link}"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_described_and_owned(name: str) -> None:
    layer, table = name.split(".")
    contract = document(CONFIG / layer / f"{table}.contract.yaml")
    assert contract["team"]["name"]
    assert contract["tags"]
    assert contract["description"]["purpose"].endswith(".")
    assert contract["schema"][0]["dataGranularityDescription"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_serves_every_table(project: Project, name: str) -> None:
    environment = load_environment(CONFIG, name)
    sources = {table.load.source.connection for table in project.tables.values() if table.load.source}
    targets = {target for table in project.tables.values() for target in table.load.publish}
    assert sources <= set(environment.connections)
    assert targets <= set(environment.targets)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_names_secrets_and_holds_none(name: str) -> None:
    environment = load_environment(CONFIG, name)
    telling = ("password", "token", "key", "client_secret", "client_id", "user")
    for each, connection in environment.connections.items():
        assert connection.secret is not None or connection.kind == "s3", each
        assert not [key for key in connection.settings if any(word in key.lower() for word in telling)], each


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_on_aws_nothing_lies_on_a_local_disk(name: str) -> None:
    environment = load_environment(CONFIG, name)
    roots = environment.roots.model_dump().values()
    assert all(str(root).startswith("s3a://") for root in (*roots, environment.home, environment.exchange))
    assert environment.state.kind == "dynamodb"
    assert {alert.channel for alert in environment.alerts} == {"sns"}
    assert environment.aws is not None
    assert environment.aws.endpoint_url is None


def test_columns_of_watermarks_and_clusters_are_there(project: Project) -> None:
    def named(table: Table) -> set[str]:
        watermark = {table.load.watermark.column} if table.load.watermark else set()
        return watermark | set(table.load.cluster_by)

    for table in project.tables.values():
        assert named(table) <= {*table.contract.column_names, *METADATA_COLUMNS}, table.name
