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
    assert "personalException" in finding.fix


def test_a_word_alone_does_not_settle_it(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "        classification: Public\n")
    folder.edit("silver/person_versions.contract.yaml", "{name: email,", "{name: email, classification: internal,")
    assert folder.found() == [SHOWN]
    folder.edit("gold/dim_person.contract.yaml", "Public", "personal")
    assert folder.found() == ["gold/dim_person.contract.yaml:10: gold.dim_person.email shows personal data unmasked"]


EXCEPTION = "customProperties: [{property: personalException, value: {reason: hashed, approvedBy: dpo%s}}]"


def test_silver_can_say_why_a_column_is_not_personal(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    folder.edit("silver/person_versions.contract.yaml", "{name: email,", f"{{name: email, {EXCEPTION % ''},")
    assert folder.found() == []
    folder.edit("silver/person_versions.contract.yaml", "dpo}", "dpo, until: 2020-02-29}")
    assert folder.found() == [SHOWN]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("because", "the personalException of `email` does not say why and by whom"),
        ("{reason: r}", "the personalException of `email` has no `approvedBy`"),
        ("{approvedBy: a, reason: ' '}", "the personalException of `email` has no `reason`"),
        ("{reason: r, approvedBy: a, until: soon}", "personalException: `until` is `soon`"),
        ("{reason: r, approvedBy: a, untill: 2020-01-01}", "personalException has no `untill`"),
    ],
)
def test_an_exception_that_does_not_say_all_is_none(folder: ConfigFolder, value: str, told: str) -> None:
    exception = f"        customProperties: [{{property: personalException, value: {value}}}]\n"
    folder.edit("gold/dim_person.contract.yaml", MASK, exception)
    assert any(told in each for each in folder.found())


def test_a_mask_in_silver_hides_nothing(folder: ConfigFolder) -> None:
    folder.edit("gold/dim_person.contract.yaml", MASK, "")
    masked = "{name: email, customProperties: [{property: mask, value: email}],"
    folder.edit("silver/person_versions.contract.yaml", "{name: email,", masked)
    assert folder.found() == [SHOWN.replace("bronze.people", "silver.person_versions")]


@pytest.mark.parametrize(
    ("expression", "is_seen"),
    [
        ("email", True),
        ("concat(city, ':', split(email, '@')[1])", True),
        ("CASE WHEN city IS NULL THEN email ELSE city END", True),
        ("max(email) OVER (PARTITION BY person_id)", True),
        ("(SELECT max(other.email) FROM silver.person_versions AS other WHERE other.person_id = v.person_id)", True),
        ("CASE WHEN email IS NULL THEN 'no' ELSE 'yes' END", False),
        ("CAST(email LIKE '%@example.org' AS STRING)", True),
        ("CAST(count(email) OVER (PARTITION BY person_id) AS STRING)", False),
        ("first_value(city) OVER (PARTITION BY person_id, email ORDER BY updated_at)", False),
        ("sha2(email, 256)", True),
        ("max_by(city, email) OVER (PARTITION BY person_id)", False),
    ],
)
def test_only_what_can_be_seen_counts(folder: ConfigFolder, expression: str, is_seen: bool) -> None:
    folder.edit(
        "gold/dim_person.contract.yaml",
        "{name: city, logicalType: string, physicalType: string}",
        f"{{name: city, logicalType: string, physicalType: string, {EXCEPTION % ''}}}",
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


def test_a_transform_may_show_anything_anywhere(folder: ConfigFolder) -> None:
    folder.remove("gold/dim_person.sql")
    folder.write("env/local.yaml", (folder.root / "env/local.yaml").read_text("utf-8") + "transforms: [shop]\n")
    folder.edit("gold/dim_person.load.yaml", "write:\n", "transform: shop.people:dim_person\nwrite:\n")
    unmasked = {each.partition(" shows")[0].rpartition(".")[2] for each in folder.found() if "dim_person." in each}
    assert unmasked == {"person_sk", "person_id", "city", "valid_from", "valid_to"}
