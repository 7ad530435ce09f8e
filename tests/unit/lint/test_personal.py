from __future__ import annotations

import pytest

from tests.support.lakes.config_folder import ConfigFolder

MASK = "        customProperties: [{property: mask, value: email}]\n"
SHOWN = (
    "gold/dim_person.contract.yaml:10: gold.dim_person.email shows personal data unmasked: "
    "it comes from bronze.people.email"
)


def test_personal_data_is_followed_through_silver_to_an_unmasked_gold_column(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    assert folder.found() == [SHOWN]
    (finding,) = folder.findings()
    assert "{property: mask, value: email}" in finding.fix
    assert "classification: public" in finding.fix


def test_a_classification_of_its_own_settles_it(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "        classification: public\n")
    assert folder.found() == []
    folder.edit("gold/dim_person.contract.yaml", "public", "personal")
    assert folder.found() == ["gold/dim_person.contract.yaml:10: gold.dim_person.email shows personal data unmasked"]


def test_silver_can_say_that_a_column_is_not_personal(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    folder.edit("silver/person_versions.contract.yaml", "{name: email,", "{name: email, classification: internal,")
    assert folder.found() == []


def test_a_mask_in_silver_hides_nothing(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    masked = "{name: email, customProperties: [{property: mask, value: email}],"
    folder.edit("silver/person_versions.contract.yaml", "{name: email,", masked)
    assert folder.found() == [SHOWN]


@pytest.mark.parametrize(
    ("expression", "is_seen"),
    [
        ("email", True),
        ("concat(city, ':', split(email, '@')[1])", True),
        ("CASE WHEN city IS NULL THEN email ELSE city END", True),
        ("max(email) OVER (PARTITION BY person_id)", True),
        ("(SELECT max(other.email) FROM silver.person_versions AS other WHERE other.person_id = v.person_id)", True),
        ("CASE WHEN email IS NULL THEN 'no' ELSE 'yes' END", False),
        ("CAST(email LIKE '%@example.org' AS STRING)", False),
        ("CAST(count(email) OVER (PARTITION BY person_id) AS STRING)", False),
        ("first_value(city) OVER (PARTITION BY person_id, email ORDER BY updated_at)", False),
        ("sha2(email, 256)", False),
        ("max_by(city, email) OVER (PARTITION BY person_id)", False),
    ],
)
def test_only_what_can_be_seen_counts(folder: ConfigFolder, expression: str, is_seen: bool) -> None:
    folder.edit(
        "gold/dim_person.contract.yaml",
        "{name: city, logicalType: string, physicalType: string}",
        "{name: city, logicalType: string, physicalType: string, classification: internal}",
    )
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    folder.write(
        "gold/dim_person.sql",
        f"SELECT person_id, {expression} AS email, city, updated_at, is_deleted FROM silver.person_versions AS v",
    )
    assert folder.found() == ([SHOWN] if is_seen else [])


def test_subqueries_and_unions_are_looked_through(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    folder.write(
        "gold/dim_person.sql",
        """WITH known AS (SELECT * FROM silver.person_versions),
        mixed AS (
          SELECT person_id, city AS shown, city, updated_at, is_deleted FROM known
          UNION ALL
          SELECT person_id, email, city, updated_at, is_deleted FROM (SELECT * FROM known) AS again
        )
        SELECT person_id, shown AS email, city, updated_at, is_deleted FROM mixed""",
    )
    assert folder.found() == [SHOWN]


def test_a_transform_is_taken_to_keep_names(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    folder.remove("gold/dim_person.sql")
    folder.edit("gold/dim_person.load.yaml", "write:\n", "transform: shop.people:dim_person\nwrite:\n")
    assert folder.found() == [SHOWN]
