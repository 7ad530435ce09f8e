"""Relationships as contracts write them: of one column or several, by file or by name; others are findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemark.config.contract import Reference, read_contract

HEAD = """\
apiVersion: v3.2.0
kind: DataContract
id: gold.sales
version: 1.0.0
schema:
  - name: sales
"""


def read(folder: Path, relationship: str, of_table: str = "") -> tuple[tuple[Reference, ...], list[str]]:
    path = folder / "gold" / "sales.contract.yaml"
    path.parent.mkdir(exist_ok=True)
    more = f"    relationships: [{of_table}]\n" if of_table else ""
    own = f", relationships: [{relationship}]" if relationship else ""
    columns = f"      - {{name: day, logicalType: date{own}}}\n      - {{name: shop, logicalType: integer}}\n"
    path.write_text(f"{HEAD}{more}    properties:\n{columns}", "utf-8")
    contract, findings = read_contract(path)
    assert contract is not None
    return contract.references, [finding.message for finding in findings]


@pytest.mark.parametrize(
    ("to", "table"),
    [
        ("dates.contract.yaml#schema/dates/properties/day", "gold.dates"),
        ("dates.contract.yaml#/schema/dates/properties/day", "gold.dates"),
        ("./dates.contract.yaml#schema/dates/properties/day", "gold.dates"),
        ("../silver/dates.contract.yaml#schema/dates/properties/day", "silver.dates"),
        ("#schema/sales/properties/day", "gold.sales"),
        ("sales.day", "gold.sales"),
    ],
)
def test_a_column_refers_to_that_of_another_contract_or_its_own(tmp_path: Path, to: str, table: str) -> None:
    (found,), messages = read(tmp_path, f'{{to: "{to}"}}')
    assert messages == []
    assert (found.columns, found.table, found.to) == (("day",), table, ("day",))


def test_several_columns_refer_together(tmp_path: Path) -> None:
    days = "days.contract.yaml#schema/days/properties/"
    (found,), messages = read(tmp_path, "", f'{{from: [sales.day, shop], to: ["{days}on", "{days}at"]}}')
    assert messages == []
    assert (found.columns, found.table, found.to) == (("day", "shop"), "gold.days", ("on", "at"))


def test_relations_that_are_no_keys_are_for_people(tmp_path: Path) -> None:
    assert read(tmp_path, "{type: derivedFrom, to: anywhere}") == ((), [])


@pytest.mark.parametrize(
    "to",
    [
        '"dates.day"',  # of another contract, and nobody says which
        '"https://example.com/dates.contract.yaml#schema/dates/properties/day"',
        '"../platinum/dates.contract.yaml#schema/dates/properties/day"',
        '"dates.contract.yaml#schema/days/properties/day"',
        '"dates.contract.yaml"',
        '["sales.day", "sales.shop"]',
        "[]",
    ],
)
def test_what_leads_to_no_column_is_a_finding(tmp_path: Path, to: str) -> None:
    found, (message,) = read(tmp_path, f"{{to: {to}}}")
    assert found == ()
    assert "names no column of a contract" in message


def test_what_comes_from_no_column_is_a_finding(tmp_path: Path) -> None:
    found, (message,) = read(tmp_path, "", '{from: [dey], to: ["sales.day"]}')
    assert found == ()
    assert "`dey`, which is no column" in message
