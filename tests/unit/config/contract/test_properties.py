from __future__ import annotations

from collections.abc import Callable

import pytest

from tidemark.config.contract import Column, Contract

Read = Callable[[str], tuple[Contract | None, list[str]]]


def test_every_rule_of_a_column_is_read(read_properties: Read) -> None:
    contract, findings = read_properties(
        """\
- name: code
  logicalType: string
  physicalType: STRING
  required: true
  unique: true
  description: What it is.
  classification: personal
  logicalTypeOptions: {pattern: "^[A-Z]+$", minLength: 1, maxLength: 9, format: email}
  enum: [{value: A}, {value: NO}]
  customProperties: [{property: mask, value: sha256}, {property: origin, value: x}]
- name: amount
  logicalType: number
  physicalType: decimal(18,2)
  logicalTypeOptions: {minimum: 0.10, maximum: 1e6, exclusiveMinimum: 0, exclusiveMaximum: 1000000.5}
- {name: level, logicalType: integer, enum: [{value: 1}, {value: 2}]}"""
    )
    assert findings == []
    assert contract is not None
    assert contract.columns == (
        Column(
            "code",
            "string",
            required=True,
            unique=True,
            pattern="^[A-Z]+$",
            min_length=1,
            max_length=9,
            format="email",
            enum=("A", "NO"),
            classification="personal",
            mask="sha256",
            description="What it is.",
            line=8,
        ),
        Column(
            "amount",
            "decimal(18,2)",
            minimum="0.10",
            maximum="1e6",
            exclusive_minimum="0",
            exclusive_maximum="1000000.5",
            line=18,
        ),
        Column("level", "int", enum=("1", "2"), line=22),
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("- {name: Thing, logicalType: string}", "8: column name `Thing` is not allowed"),
        ("- {name: a.b, logicalType: string}", "8: column name `a.b` is not allowed"),
        ("- {logicalType: string}", "8: column name `` is not allowed"),
        ("- {name: _row_hash, logicalType: string}", "8: column name `_row_hash` is the engine's own"),
        ("- {name: a, logicalType: string}\n- {name: a, logicalType: date}", "9: column `a` is here twice"),
        ("- {name: a, logicalType: string, physicalType: strng}", "8: column `a`: type `strng` does not exist"),
        ("- {name: a, logicalType: number}", "8: column `a` has no physicalType"),
        ("- {name: a}", "8: column `a` has no physicalType"),
        ("- {name: a, physicalType: int}", "8: column `a` is a int, its logicalType is `None`"),
        (
            "- {name: a, logicalType: string, physicalType: double}",
            "8: column `a` is a double, its logicalType is `string`",
        ),
        (
            "- {name: a, logicalType: integer, logicalTypeOptions: {minimum: 1.5}}",
            "8: minimum: `1.5` is not a whole number that fits, the column is int",
        ),
        (
            "- {name: a, logicalType: date, logicalTypeOptions: {maximum: soon}}",
            "8: maximum: Invalid isoformat string: 'soon'",
        ),
        (
            "- {name: a, logicalType: string, logicalTypeOptions: {minimum: 1}}",
            "8: logicalTypeOptions of `a` (string): `minimum` is not checked",
        ),
        (
            "- {name: a, logicalType: integer, logicalTypeOptions: {multipleOf: 5}}",
            "8: logicalTypeOptions of `a` (int): `multipleOf` is not checked",
        ),
        (
            "- {name: a, logicalType: string, logicalTypeOptions: {maxLength: -1}}",
            "8: maxLength is `-1`",
        ),
        (
            "- {name: a, logicalType: string, logicalTypeOptions: {minLength: true}}",
            "8: minLength is `True`",
        ),
        (
            '- {name: a, logicalType: string, logicalTypeOptions: {pattern: "["}}',
            "8: pattern `[` does not compile: unterminated character set at position 0",
        ),
        (
            '- {name: a, logicalType: string, logicalTypeOptions: {pattern: "(?P<x>a)"}}',
            "8: pattern `(?P<x>a)` does not compile: Java writes named groups as (?<name>…)",
        ),
        (
            "- {name: a, logicalType: string, logicalTypeOptions: {format: e-mail}}",
            "8: format `e-mail` is not checked",
        ),
        (
            "- {name: a, logicalType: integer, enum: [{value: x}]}",
            "8: enum of `a`: `x` is not a number, the column is int",
        ),
        ("- {name: a, logicalType: string, enum: [{value: x}, {value: x}]}", "8: enum of `a` has `x` twice"),
        ("- {name: a, logicalType: string, enum: [{label: x}]}", "8: enum of `a` has an entry without value"),
        (
            "- {name: a, logicalType: string, customProperties: [{property: mask, value: e-mail}]}",
            "8: mask `e-mail` does not exist",
        ),
        (
            "- {name: a, logicalType: date, customProperties: [{property: mask, value: email}]}",
            "8: column `a` is a date: only strings are masked so",
        ),
        (
            "- {name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: CEST}}",
            "8: there is no time zone `CEST`",
        ),
        ("- {name: a, logicalType: string, primaryKey: true}", "8: key column `a` may be null"),
        (
            "- {name: a, logicalType: string, primaryKeyPosition: 1}",
            "8: column `a` has a primaryKeyPosition but is not primaryKey",
        ),
        (
            "- {name: a, logicalType: string, primaryKey: true, required: true}\n"
            "- {name: b, logicalType: string, primaryKey: true, required: true}",
            "8: primaryKeyPosition must count from 1 without gaps (seen: a 1, b 1)",
        ),
        (
            "- {name: a, logicalType: string, physicalName: A}",
            "8: `physicalName` of column `a` has no meaning here",
        ),
        (
            "- {name: a, logicalType: string, properties: [{name: b}]}",
            "8: `properties` of column `a` has no meaning here",
        ),
        (
            "- {name: a, logicalType: array, items: {logicalType: string}}",
            "8: `items` of column `a` has no meaning here",
        ),
        (
            "- {name: a, logicalType: object, physicalType: 'struct<b: int>'}",
            "8: column `a`: type `struct<b: int>` does not exist",
        ),
        (
            "- {name: a, logicalType: array, physicalType: int}",
            "8: column `a` is a int, its logicalType is `array`",
        ),
        ("- {name: a, logicalType: string, requried: true}", "8: unknown key `requried`"),
    ],
    ids=lambda value: value if value[0].isdigit() else "",
)
def test_what_is_wrong_in_a_column_is_found_on_its_line(read_properties: Read, lines: str, expected: str) -> None:
    _, findings = read_properties(lines)
    assert [each.partition(" → ")[0] for each in findings] == [expected]
    assert all(each.partition(" → ")[2] for each in findings)


def test_a_column_may_have_a_time_zone(read_properties: Read) -> None:
    contract, findings = read_properties(
        "- {name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Asia/Kolkata}}\n"
        "- {name: b, logicalType: timestamp}"
    )
    assert findings == []
    assert contract is not None
    assert [column.zone for column in contract.columns] == ["Asia/Kolkata", None]


@pytest.mark.parametrize(
    "pattern", [r"^\p{L}+$", r"(?<year>\d{4})-\k<year>", r"(?<=a|bcd)x", r"^(?i)a$".replace("^(?i)", "(?i)^"), r"a++"]
)
def test_patterns_that_java_knows_are_accepted(read_properties: Read, pattern: str) -> None:
    line = f"- {{name: a, logicalType: string, logicalTypeOptions: {{pattern: '{pattern}'}}}}"
    contract, findings = read_properties(line)
    assert findings == []
    assert contract is not None
    assert contract.column("a").pattern == pattern


@pytest.mark.parametrize("kind", ["array", "object"])
@pytest.mark.parametrize("physical", ["", ", physicalType: string"])
def test_nested_values_are_kept_as_json_text(read_properties: Read, kind: str, physical: str) -> None:
    contract, findings = read_properties(f"- {{name: a, logicalType: {kind}{physical}}}")
    assert findings == []
    assert contract is not None
    assert (contract.column("a").type, contract.column("a").nested) == ("string", kind)


def test_a_nested_physical_type_is_told_what_to_write(read_properties: Read) -> None:
    _, findings = read_properties("- {name: a, logicalType: array, physicalType: 'array<int>'}")
    assert findings[0].endswith("write `physicalType: string`: the array is kept as JSON text")
