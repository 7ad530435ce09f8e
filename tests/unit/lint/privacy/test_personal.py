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
    counted = SHOWN.replace("dim_person.contract.yaml:10", "cities.contract.yaml:9").replace("_person.email", "")
    counted = counted.replace("gold.dim", "gold.cities.people")
    assert folder.found() == [counted, SHOWN]  # how many of them there are tells which cities are an address


def test_a_transform_may_show_anything_anywhere(folder: ConfigFolder) -> None:
    folder.remove("gold/dim_person.sql")
    folder.write("env/local.yaml", (folder.root / "env/local.yaml").read_text("utf-8") + "transforms: [shop]\n")
    folder.edit("gold/dim_person.load.yaml", "write:\n", "transform: shop.people:dim_person\nwrite:\n")
    unmasked = {each.partition(" shows")[0].rpartition(".")[2] for each in folder.found() if "dim_person." in each}
    assert unmasked == {"person_sk", "person_id", "city", "valid_from", "valid_to", "is_current"}


HISTORY = "SELECT person_id, {began} AS updated_at, {gone} AS is_deleted, {at} AS seen_at, city, email FROM {table}"
FILLED = {"valid_from", "valid_to", "is_current"}


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ({"began": "updated_at", "gone": "is_deleted", "at": "CAST(email AS TIMESTAMP)"}, FILLED),
        ({"began": "CAST(email AS TIMESTAMP)", "gone": "is_deleted", "at": "updated_at"}, FILLED),
        ({"began": "updated_at", "gone": "email LIKE '%.org'", "at": "updated_at"}, FILLED),
        ({"began": "updated_at", "gone": "is_deleted", "at": "updated_at"}, set()),
    ],
)
def test_the_columns_of_a_history_show_what_they_are_made_of(
    folder: ConfigFolder, made: dict[str, str], shown: set[str]
) -> None:
    folder.edit("gold/dim_person.load.yaml", "{flag: is_deleted}", "{flag: is_deleted, at: seen_at}")
    folder.write("gold/dim_person.sql", HISTORY.format(table="silver.person_versions", **made))
    told = [each for each in folder.found() if "dim_person" in each]
    assert {each.partition(" shows")[0].rpartition(".")[2] for each in told} == (
        shown | {"person_sk"} if shown else set()
    )


def test_a_surrogate_key_of_a_personal_key_hides_the_start_too(folder: ConfigFolder) -> None:
    folder.write(
        "env/local.yaml", (folder.root / "env/local.yaml").read_text("utf-8") + "masking: {secret: m, key: k1}\n"
    )
    folder.edit("gold/dim_person.load.yaml", "{flag: is_deleted}", "{flag: is_deleted, at: seen_at}")
    key = "{name: person_id, logicalType: string, physicalType: string, required: true"
    folder.edit("gold/dim_person.contract.yaml", key, f"{key}, customProperties: [{{property: mask, value: hmac}}]")
    made = {"began": "CAST(email AS TIMESTAMP)", "gone": "is_deleted", "at": "updated_at"}
    folder.write("gold/dim_person.sql", HISTORY.format(table="silver.person_versions", **made))
    told = {each.partition(" shows")[0].rpartition(".")[2] for each in folder.found() if " shows personal" in each}
    assert told == FILLED


def order_of_silver(folder: ConfigFolder, more: str) -> list[str]:
    """What is found where silver gives `more`, and gold hands on its order at the source."""
    sql = (folder.root / "silver/person_versions.sql").read_text("utf-8")
    folder.write("silver/person_versions.sql", sql.replace("\nFROM", f",\n  {more}\nFROM"))
    folder.write("gold/cities.load.yaml", "inputs:\n  silver.person_versions:\nwrite: {mode: replace}\n")
    folder.write("gold/cities.sql", "SELECT _source_order AS city, 1 AS people FROM silver.person_versions")
    return [each for each in folder.found() if "cities.city" in each]


def test_the_order_at_the_source_shows_what_a_query_gives_under_its_name(folder: ConfigFolder) -> None:
    (told,) = order_of_silver(folder, "email AS _source_order")
    assert "it comes from bronze.people.email" in told


def test_the_order_at_the_source_may_be_of_a_generator_that_nobody_can_follow(folder: ConfigFolder) -> None:
    (told,) = order_of_silver(folder, "inline(array(named_struct('_source_order', email)))")
    assert "bronze.people.email" in told


def test_the_order_at_the_source_that_was_received_is_nobodys(folder: ConfigFolder) -> None:
    assert order_of_silver(folder, "_source_order") == []


@pytest.mark.parametrize(
    ("selected", "is_told"),
    [
        ("city, inline(array(named_struct('_source_order', email)))", True),
        ("city, inline(array(named_struct('x', email))) AS city2", False),
        ("city, inline(array(named_struct('_source_order', city)))", False),
        ("city, length(email)", True),
    ],
)
def test_columns_beside_the_contract_that_nobody_can_name_are_told(
    folder: ConfigFolder, selected: str, is_told: bool
) -> None:
    folder.write("gold/cities.load.yaml", "inputs:\n  silver.person_versions:\nwrite: {mode: replace}\n")
    folder.write("gold/cities.sql", f"SELECT 1 AS people, {selected} FROM silver.person_versions")
    told = [each for each in folder.found() if "whose names nobody can tell" in each]
    assert told == (
        [
            "gold/cities.sql:1: the query gives columns whose names nobody can tell, and bronze.people.email may be "
            "seen in them"
        ]
        if is_told
        else []
    )


def test_what_silver_stores_beside_its_contract_is_seen_through_a_star(folder: ConfigFolder) -> None:
    folder.remove("silver/person_versions.contract.yaml")
    folder.write(
        "silver/person_versions.contract.yaml",
        "apiVersion: v3.2.0\nkind: DataContract\nid: silver.person_versions\nversion: 1.0.0\nschema:\n"
        "  - name: person_versions\n    properties:\n"
        "      - {name: person_id, logicalType: string, required: true, primaryKey: true}\n",
    )
    folder.write("silver/person_versions.load.yaml", "inputs:\n  bronze.people:\nwrite: {mode: replace}\n")
    folder.write("silver/person_versions.sql", "SELECT person_id, email AS beside FROM bronze.people")
    folder.write("gold/cities.load.yaml", "inputs:\n  silver.person_versions:\nwrite: {mode: replace}\n")
    folder.write("gold/cities.sql", "SELECT 1 AS people, 'x' AS city, * FROM silver.person_versions")
    assert any("the query gives `beside`, which shows personal data" in each for each in folder.found())
