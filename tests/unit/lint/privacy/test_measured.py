"""Checks that would tell a value of somebody are told from those that count."""

from __future__ import annotations

import json

import pytest

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.project import load_project
from tidemark.lint.privacy.measured import hidden
from tidemark.lint.privacy.personal import Sight


def is_hidden(folder: ConfigFolder, table: str, check: dict[str, object]) -> bool:
    """Whether the value of this check of a table is not shown."""
    path = f"{table.replace('.', '/')}.contract.yaml"
    text = (folder.root / path).read_text("utf-8").partition("    quality:\n")[0]
    folder.write(path, f"{text}    quality:\n      - {json.dumps({'name': 'asked', **check})}\n")
    tables = load_project(folder.root, "local").tables
    return bool(hidden(Sight(tables), tables[table]))


def sql(query: str) -> dict[str, object]:
    return {"type": "sql", "query": query, "mustBeGreaterThan": 0}


def soda(implementation: object) -> dict[str, object]:
    return {"type": "custom", "engine": "soda", "implementation": implementation}


@pytest.mark.parametrize(
    "check",
    [
        sql("SELECT max(length(email)) FROM {object}"),
        sql("SELECT max(CAST(replace(email, '+', '') AS BIGINT)) FROM bronze.people WHERE person_id = 'C1'"),
        sql("SELECT email FROM (SELECT * FROM bronze.people)"),
        soda("max(email) < 100"),
        soda("avg_length(email) > 3"),
        soda("min_length( Email ) > 3"),
        soda("percentile(email, 0.5) > 3"),
        soda("change for max(email) < 3"),
        soda({"most > 0": {"most expression": "max(length(email))"}}),
        soda({"most > 0": {"most query": "SELECT max(length(email)) FROM silver.person_versions"}}),
        soda("- max(city) > 0\n- avg_length(email) > 0:\n    filter: city IS NULL"),
    ],
)
def test_a_value_of_somebody_is_hidden(folder: ConfigFolder, check: dict[str, object]) -> None:
    assert is_hidden(folder, "silver.person_versions", check)


@pytest.mark.parametrize(
    "check",
    [
        sql("SELECT count(*) FROM {object} WHERE email NOT LIKE '%@%'"),
        sql("SELECT count(*) - count(DISTINCT email) FROM {object}"),
        sql("SELECT max(length(city)) FROM {object}"),
        {"metric": "rowCount", "mustBeGreaterThan": 0},
        soda("missing_count(email) = 0"),
        soda("duplicate_count(person_id, email) = 0"),
        soda("row_count > 0"),
        soda("avg_length(city) > 3"),
        soda({"invalid_count(email) = 0": {"valid format": "email"}}),
        soda({"failed rows": {"fail condition": "email IS NULL"}}),
    ],
)
def test_a_count_is_not(folder: ConfigFolder, check: dict[str, object]) -> None:
    assert not is_hidden(folder, "silver.person_versions", check)


def test_a_count_of_nulls_of_a_personal_column_is_not(folder: ConfigFolder) -> None:
    check = {"name": "addresses", "metric": "nullValues", "mustBe": 0}
    written = "{name: email, quality: [" + json.dumps(check) + "],"
    folder.edit("silver/person_versions.contract.yaml", "{name: email,", written)
    tables = load_project(folder.root, "local").tables
    assert len(tables["silver.person_versions"].contract.checks) == 1
    assert not hidden(Sight(tables), tables["silver.person_versions"])


def test_of_several_lines_of_a_check_those_are_hidden_that_measure_somebody(folder: ConfigFolder) -> None:
    path = "silver/person_versions.contract.yaml"
    lines = "- row_count > 0\n- avg_length(email) > 3\n- avg_length(city) > 3"
    check = {"name": "asked", **soda(lines)}
    folder.write(path, f"{(folder.root / path).read_text('utf-8')}    quality:\n      - {json.dumps(check)}\n")
    tables = load_project(folder.root, "local").tables
    assert hidden(Sight(tables), tables["silver.person_versions"]) == {"asked (2)"}


def test_gold_measures_what_its_masks_have_left(folder: ConfigFolder) -> None:
    assert not is_hidden(folder, "gold.dim_person", soda("avg_length(email) > 3"))
    assert is_hidden(folder, "gold.dim_person", sql("SELECT max(length(email)) FROM silver.person_versions"))


def test_the_age_of_the_newest_personal_date_is_hidden(folder: ConfigFolder) -> None:
    def ages() -> frozenset[str]:
        tables = load_project(folder.root, "local").tables
        return hidden(Sight(tables), tables["bronze.people"])

    assert ages() == frozenset()
    folder.edit("bronze/people.contract.yaml", "{name: updated_at,", "{name: updated_at, classification: personal,")
    assert ages() == {"updated_at is at most 26 h old"}
