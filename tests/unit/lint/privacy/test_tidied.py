"""Masks of a form hide copies: what else is brought into that form shows through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.project import load_project
from tidemark.lint.privacy import admission

KINDS = {"email": "string", "phone": "string", "city": "string", "birth_date": "date"}
NAMES = ", ".join(("customer_id", *KINDS))


def contract(layer: str, columns: dict[str, tuple[str, str]]) -> str:
    written = "".join(
        f"      - {{name: {name}, logicalType: {kind}, physicalType: {kind}{more}}}\n"
        for name, (kind, more) in columns.items()
    )
    return (
        f"apiVersion: v3.2.0\nkind: DataContract\nid: {layer}.customers\nversion: 1.0.0\n"
        f"schema:\n  - name: customers\n    properties:\n{written}"
    )


def messages(root: Path, mask: str, shown: str, *, silver: str = "", marked: bool = False) -> list[str]:
    """What is said of `gold.customers.shown`, which is masked so; `silver`: an expression that is stored as `made`."""
    folder = ConfigFolder(root / "config")
    of_people = {name: (kind, ", classification: personal" if name != "city" else "") for name, kind in KINDS.items()}
    folder.write("bronze/customers.contract.yaml", contract("bronze", {"customer_id": ("string", ""), **of_people}))
    folder.write("bronze/customers.load.yaml", "source: {connection: crm, object: C}\nwrite: {mode: append}\n")
    kinds = {name: (kind, "") for name, kind in KINDS.items()}
    made = {"made": (_kind(mask), ", classification: personal" if marked else "")} if silver else {}
    folder.write("silver/customers.contract.yaml", contract("silver", {"customer_id": ("string", ""), **kinds, **made}))
    folder.write("silver/customers.load.yaml", "inputs:\n  bronze.customers:\nwrite: {mode: replace}\n")
    more = f", {silver} AS made" if silver else ""
    folder.write("silver/customers.sql", f"SELECT {NAMES}{more} FROM bronze.customers")
    masked = (_kind(mask), f", customProperties: [{{property: mask, value: {mask}}}]")
    folder.write("gold/customers.contract.yaml", contract("gold", {"id": ("string", ""), "shown": masked}))
    folder.write("gold/customers.load.yaml", "inputs:\n  silver.customers:\nwrite: {mode: replace}\n")
    sql = shown if shown.startswith("SELECT") else f"SELECT customer_id AS id, {shown} AS shown FROM silver.customers"
    folder.write("gold/customers.sql", sql)
    env = (folder.root / "env/local.yaml").read_text("utf-8")
    folder.write("env/local.yaml", f"{env}masking: {{secret: masking, key: k1}}\n")
    return [each.message for each in admission.findings(load_project(folder.root, "local").tables, "gold.customers")]


def _kind(mask: str) -> str:
    return "date" if mask in ("month", "year") else "string"


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        ("email", "email"),
        ("email", "coalesce(lower(trim(email)), 'nobody@example.org')"),
        ("email", "CAST(upper(email) AS STRING)"),
        ("email", "SELECT id, lower(e) AS shown FROM (SELECT customer_id AS id, email AS e FROM silver.customers)"),
        ("email", "SELECT customer_id AS id, max(email) AS shown FROM silver.customers GROUP BY customer_id"),
        ("phone", "first_value(phone) OVER (PARTITION BY customer_id ORDER BY city)"),
        (
            "email",
            "SELECT customer_id AS id, email AS shown FROM silver.customers "
            "UNION ALL SELECT customer_id, email FROM silver.customers",
        ),
        ("name", "city"),
        ("name", "concat(city, '!')"),
        ("month", "birth_date"),
        ("year", "to_date(birth_date)"),
        ("hmac", "concat('abcd@', hex(email), '.x')"),
        ("redact", "concat('abcd@', hex(email), '.x')"),
    ],
)
def test_a_mask_hides_a_copy_and_a_keyed_one_anything(mask: str, shown: str, tmp_path: Path) -> None:
    assert messages(tmp_path, mask, shown) == []


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        ("email", "concat('abcd@', hex(email), '.x')"),
        ("email", "lower(concat('abcd@', hex(email), '.x'))"),
        ("email", "SELECT id, e AS shown FROM (SELECT customer_id AS id, reverse(email) AS e FROM silver.customers)"),
        (
            "email",
            "SELECT * EXCEPT (email) FROM (SELECT customer_id AS id, email, hex(email) AS shown FROM silver.customers)",
        ),
        ("email", "CASE WHEN birth_date < DATE '2000-01-01' THEN 'abcd@old.org' ELSE email END"),
        ("email", "coalesce(nullif(email, 'anna@example.org'), 'abcd@anna.org')"),
        ("email", "trim(BOTH '0123456789' FROM email)"),
        (
            "email",
            "SELECT customer_id AS id, email AS shown FROM silver.customers "
            "UNION ALL SELECT customer_id, concat('abcd@', hex(phone), '.x') FROM silver.customers",
        ),
        (
            "email",
            "SELECT a.customer_id AS id, b.email AS shown FROM silver.customers AS a LEFT JOIN silver.customers AS b "
            "ON a.customer_id = b.customer_id AND b.birth_date < DATE '2000-01-01'",
        ),
        ("email", "SELECT customer_id AS id, t.email AS shown FROM silver.customers AS t(customer_id, a, email, b, c)"),
        (
            "email",
            "SELECT id, email AS shown FROM (SELECT customer_id AS id, city, email FROM silver.customers) "
            "PIVOT (max(hex(email)) FOR city IN ('Ulm' AS email))",
        ),
        (
            "email",
            "SELECT t.id, t.email AS shown FROM (SELECT customer_id, hex(email) FROM silver.customers) AS t(id, email)",
        ),
        (
            "email",
            "WITH t(id, e) AS (SELECT customer_id, hex(email) FROM silver.customers) SELECT id, e AS shown FROM t",
        ),
        (
            "email",
            "SELECT * REPLACE (hex(shown) AS shown) "
            "FROM (SELECT customer_id AS id, email AS shown FROM silver.customers)",
        ),
        (
            "email",
            "SELECT customer_id AS id, email AS shown FROM silver.customers "
            "UNION ALL BY NAME SELECT hex(email) AS shown, customer_id AS id FROM silver.customers",
        ),
        (
            "email",
            "SELECT id, v.email AS shown FROM (SELECT customer_id AS id, email AS mail FROM silver.customers) "
            "LATERAL VIEW explode(array(hex(mail))) v AS email",
        ),
        ("email", "SELECT customer_id AS id, hex(email) AS made, made AS shown FROM silver.customers"),
        ("phone", "CAST(birth_date AS STRING)"),
        ("phone", "substring(phone, 1, 8)"),
        ("postcode", "substring(phone, 3)"),
        ("name", "substring(email, 2)"),
        ("month", "add_months(DATE '0001-01-01', datediff(birth_date, DATE '1900-01-01'))"),
        ("year", "CAST(phone AS DATE)"),
    ],
)
def test_what_is_computed_shows_through_a_mask_of_a_form(mask: str, shown: str, tmp_path: Path) -> None:
    (told,) = [each for each in messages(tmp_path, mask, shown) if each.startswith("gold.customers.shown ")]
    assert told.startswith(f"gold.customers.shown has the mask `{mask}`, which hides copies alone, and is computed: ")


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize(
    ("mask", "silver", "is_told"),
    [
        ("email", "lower(trim(email))", False),
        ("email", "concat('abcd@', hex(email), '.x')", True),
        ("email", "hex(email) AS e, e", True),
        ("month", "birth_date", False),
        ("month", "add_months(DATE '0001-01-01', datediff(birth_date, DATE '1900-01-01'))", True),
    ],
)
def test_a_copy_is_one_in_every_table_on_the_way(
    mask: str, silver: str, is_told: bool, marked: bool, tmp_path: Path
) -> None:
    """Also where silver's own contract says that what it has computed is personal."""
    assert bool(messages(tmp_path, mask, "made", silver=silver, marked=marked)) == is_told
