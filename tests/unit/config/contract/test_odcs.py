from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tidemark.config.contract import Contract, Freshness, Service, load_contract
from tidemark.errors import ConfigError

Read = Callable[[str], tuple[Contract | None, list[str]]]

SOUND = """\
apiVersion: v3.2.0
kind: DataContract
id: bronze.things
version: 1.2.0
status: active
team: {name: thing-data}
tags: [a]
description: {purpose: Things that are.}
slaProperties:
  - {property: freshness, value: 1.5, unit: d, element: things.seen_at}
  - {property: retention, value: 3, unit: y}
schema:
  - name: things
    tags: [b]
    properties:
      - {name: part, logicalType: integer, physicalType: long, required: true, primaryKey: true, primaryKeyPosition: 2}
      - {name: thing_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1, required: true}
      - {name: seen_at, logicalType: timestamp}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
"""


def test_a_sound_document_is_a_contract(read: Read) -> None:
    contract, findings = read(SOUND)
    assert findings == []
    assert contract is not None
    assert (contract.table, contract.layer, contract.name, contract.version) == (
        "bronze.things",
        "bronze",
        "things",
        "1.2.0",
    )
    assert contract.column_names == ("part", "thing_id", "seen_at")
    assert [contract.column(name).type for name in contract.column_names] == ["bigint", "string", "timestamp"]
    assert contract.keys == ("thing_id", "part")
    assert contract.freshness == Freshness("seen_at", Decimal(36), "warning", 10)
    assert (contract.tags, contract.owner, contract.description) == (("a", "b"), "thing-data", "Things that are.")
    assert [check.metric for check in contract.checks] == ["rowCount"]
    with pytest.raises(KeyError, match=r"bronze\.things has no column nothing"):
        contract.column("nothing")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: bronze.things", "id: bronze.thing", "3: id is `bronze.thing`, the file is that of bronze.things"),
        ("  - name: things", "  - name: thing", "13: schema name is `thing`"),
        ("apiVersion: v3.2.0", "apiVersion: v2.2.2", "1: apiVersion is `v2.2.2`"),
        ("kind: DataContract", "kind: Contract", "2: kind is `Contract`"),
        (
            "version: 1.2.0\nstatus",
            "version: 1.2\nstatus",
            "4: `version`: Input should be a valid string (seen: `1.2`)",
        ),
        ("version: 1.2.0\nstatus", "status", "1: version is missing"),
        ("team: {name", "team: {nam", "6: unknown key `nam`"),
        ("status: active", "status: active\nstatus: active", "6: key `status` is here twice (first on line 5)"),
        ("value: 1.5", "value: soon", "10: freshness is `soon`"),
        ("value: 1.5", "value: 0", "10: freshness is `0`"),
        ("value: 1.5", "value: .inf", "10: freshness is `.inf`"),
        ("unit: d,", "unit: week,", "10: unit `week` is not known here"),
        ("things.seen_at", "things.sen_at", "10: freshness is of column `sen_at`, which is not there"),
        ("things.seen_at", "part", "10: freshness is of `part`, a bigint"),
        ("property: retention", "property: freshness, element: seen_at", "11: freshness is promised twice"),
    ],
)
def test_what_is_wrong_around_the_schema_is_found(read: Read, old: str, new: str, expected: str) -> None:
    assert SOUND.count(old) == 1
    _, findings = read(SOUND.replace(old, new))
    assert [each.partition(" → ")[0] for each in findings] == [expected]


def test_two_schema_entries_are_one_too_many(read: Read) -> None:
    _, findings = read(SOUND + "  - {name: others, properties: [{name: a, logicalType: string}]}\n")
    assert findings == [
        "21: has 2 schema entries, a table's contract has one → give every table a contract file of its own"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: is empty"),
        ("- a\n", "1: holds a list, not keys and values"),
        (SOUND.partition("schema:")[0], "1: has no schema"),
        (SOUND.partition("    properties:")[0], "13: has no properties"),
    ],
)
def test_documents_without_a_table_are_findings(read: Read, text: str, expected: str) -> None:
    _, findings = read(text)
    assert expected in [each.partition(" → ")[0] for each in findings]


def test_severity_of_freshness_can_be_raised(read: Read) -> None:
    custom = "element: things.seen_at, customProperties: [{property: severity, value: error}]"
    contract, findings = read(SOUND.replace("element: things.seen_at", custom))
    assert findings == []
    assert contract is not None
    assert contract.freshness is not None
    assert contract.freshness.severity == "error"


def test_loading_raises_with_every_finding(tmp_path: Path) -> None:
    path = tmp_path / "bronze" / "things.contract.yaml"
    path.parent.mkdir()
    path.write_text(SOUND.replace("id: bronze.things", "id: x").replace("kind: DataContract", "kind: y"))
    with pytest.raises(ConfigError, match=r"not a valid contract") as caught:
        load_contract(path)
    assert [finding.line for finding in caught.value.findings] == [3, 2]
    path.write_text(SOUND)
    assert load_contract(path).table == "bronze.things"


def test_a_contract_outside_of_a_layer_is_found(tmp_path: Path) -> None:
    path = tmp_path / "brass" / "things.contract.yaml"
    path.parent.mkdir()
    path.write_text(SOUND)
    with pytest.raises(ConfigError, match="lies in `brass/`, which is no layer"):
        load_contract(path)


RETENTION = "  - {property: retention, value: 3, unit: y}"


def test_how_long_loads_take_and_how_many_rows_come_can_be_promised(read: Read) -> None:
    more = """\
  - {property: latency, value: 90, unit: s}
  - {property: throughput, value: 1000, unit: rows/d, customProperties: [{property: severity, value: error}]}"""
    contract, findings = read(SOUND.replace(RETENTION, more))
    assert findings == []
    assert contract is not None
    assert contract.service == Service(90.0, 1000, "error")


@pytest.mark.parametrize(
    ("promise", "expected"),
    [
        ("{property: latency, value: 0, unit: s}", "11: latency is `0`"),
        ("{property: latency, value: 3, unit: rows}", "11: unit `rows` is not known here"),
        ("{property: throughput, value: 3, unit: h}", "11: unit `h` is not known here"),
        ("{property: throughput, value: 1.5}", "11: throughput is `1.5` rows"),
        ("{property: throughput, value: many}", "11: throughput is `many`"),
    ],
)
def test_promises_that_say_nothing_are_findings(read: Read, promise: str, expected: str) -> None:
    _, findings = read(SOUND.replace(RETENTION, f"  - {promise}"))
    assert [each.partition(" → ")[0] for each in findings] == [expected]
