"""What a table asks of its writers, by the actions of its log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tidemark.delta.protocol import Terms, read_terms

ID = {"name": "id", "type": "string", "nullable": True, "metadata": {}}


def terms(
    *columns: Mapping[str, Any], features: tuple[str, ...] = (), properties: Mapping[str, str] | None = None
) -> Terms:
    schema = json.dumps({"type": "struct", "fields": [ID, *columns]})
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [], "writerFeatures": [*features]}
    return read_terms(protocol, {"schemaString": schema, "configuration": properties or {}})


def column(name: str, *, nullable: bool = True, **metadata: Any) -> dict[str, Any]:
    told = {key.replace("__dot__", "."): value for key, value in metadata.items()}
    return {"name": name, "type": "integer", "nullable": nullable, "metadata": told}


@pytest.mark.parametrize(
    ("features", "properties"),
    [
        ((), {}),
        (("appendOnly", "invariants", "changeDataFeed", "deletionVectors"), {"delta.enableDeletionVectors": "true"}),
        (("domainMetadata", "clustering", "typeWidening"), {"delta.enableTypeWidening": "true"}),
        (("columnMapping", "rowTracking"), {"delta.columnMapping.mode": "none", "delta.enableRowTracking": "false"}),
        ((), {"delta.logRetentionDuration": "interval 7 days", "owner": "sales", "delta.checkpointInterval": "50"}),
    ],
)
def test_what_is_known_and_asks_for_nothing_is_written_by_ourselves(
    features: tuple[str, ...], properties: dict[str, str]
) -> None:
    found = terms(column("n", comment="how many"), features=features, properties=properties)

    assert found == Terms()
    assert found.own_entries


@pytest.mark.parametrize(
    ("features", "properties", "columns"),
    [
        (("icebergCompatV2",), {}, ()),
        (("somethingOfTomorrow",), {}, ()),
        ((), {"delta.columnMapping.mode": "name"}, ()),
        ((), {"delta.enableRowTracking": "true"}, ()),
        ((), {"delta.enableInCommitTimestamps": "true"}, ()),
        ((), {"delta.somethingOfTomorrow": "1"}, ()),
        ((), {}, (column("n", delta__dot__generationExpression="id + 1"),)),
        ((), {}, (column("n", delta__dot__identity__dot__start=1),)),
        ((), {}, (column("n", CURRENT_DEFAULT="0"),)),
    ],
)
def test_all_else_is_left_to_deltas_own_writer(
    features: tuple[str, ...], properties: dict[str, str], columns: tuple[dict[str, Any], ...]
) -> None:
    found = terms(*columns, features=features, properties=properties)

    assert len(found.others_only) == 1
    assert not found.own_entries


def test_constraints_come_from_properties_and_columns() -> None:
    invariant = json.dumps({"expression": {"expression": "m < 9"}})
    found = terms(
        column("n", nullable=False),
        column("m", delta__dot__invariants=invariant),
        column("c", __CHAR_VARCHAR_TYPE_STRING="varchar(3)"),
        properties={"delta.constraints.positive": "n > 0"},
    )

    assert dict(found.constraints) == {
        "positive": "n > 0",
        "n NOT NULL": "`n` IS NOT NULL",
        "invariant of m": "m < 9",
        "length of c": "`c` IS NULL OR length(`c`) <= 3",
    }
    assert not found.own_entries


def test_a_log_that_takes_no_changes_says_so() -> None:
    assert terms(properties={"delta.appendOnly": "true"}).append_only
    assert not terms(properties={"delta.appendOnly": "false"}, features=("appendOnly",)).append_only
