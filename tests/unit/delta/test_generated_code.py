"""Other tests run interpreted plans that stay as they are, which are quick for a few rows; clusters run generated code,
and plan anew after every shuffle, and do the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.lakes.lake import Lake, at
from tidemark.books import Books

AS_ON_CLUSTERS = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "CODEGEN_ONLY",
    "spark.sql.adaptive.enabled": "true",
}
TABLE = "bronze.people"
SOURCE = "id string, name string, email string, age string, seen timestamp, gone boolean"


@contextmanager
def settings(spark: Any, values: dict[str, str]) -> Iterator[None]:
    before = {name: spark.conf.get(name) for name in values}
    for name, value in values.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def load(lake: Lake, generated: bool, *rows: tuple[object, ...]) -> Books:
    engine = lake.engine()
    for session in (engine.session(TABLE), lake.spark):
        assert session.conf.get("spark.sql.codegen.factoryMode") == "NO_CODEGEN"
    with (
        settings(lake.spark, AS_ON_CLUSTERS if generated else {}),
        settings(engine.session(TABLE), AS_ON_CLUSTERS if generated else {}),
    ):
        return lake.load(TABLE, lake.frame(SOURCE, rows), engine=engine).prepared.books


@pytest.mark.parametrize("generated", [True, False])
def test_loads_are_the_same_with_and_without_generated_code(lake: Lake, generated: bool) -> None:
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["seen"], "deletes": {"flag": "gone"}}
    lake.table(
        TABLE,
        "id! string {logicalTypeOptions: {pattern: '^P-[0-9]+$'}}\nname string\n"
        "email string {logicalTypeOptions: {format: email}}\nage int {logicalTypeOptions: {minimum: 0}}\n"
        "seen timestamp",
        {"source": {"connection": "shop", "object": "people"}, "write": write},
        keys=["id"],
    )

    first = load(
        lake,
        generated,
        ("P-1", "Ana", "ana@shop.example", "30", at(1), False),
        ("P-2", "Bo", "no address", "31", at(1), False),
        ("P-3", "Cem", None, "old", at(1), False),
        ("P-4", "Di", None, None, at(1), False),
        ("P-4", "Dia", None, None, at(2), False),
    )
    second = load(
        lake,
        generated,
        ("P-1", "Anna", "ana@shop.example", "-1", at(3), False),
        ("P-1", "Anna", "ana@shop.example", "31", at(2), False),
        ("P-4", "Dia", None, None, at(3), True),
        ("P-5", "Eve", None, "5", at(3), False),
    )

    third = load(
        lake,
        generated,
        ("P-5", "Eva", None, "5", at(2), False),
        ("X-6", "Fay", None, "6", at(3), False),
    )

    assert first == Books(extracted=5, quarantined=2, accepted=2, superseded=1, inserted=2)
    assert second == Books(extracted=4, quarantined=1, accepted=3, inserted=1, updated=1, deleted=1)
    assert third == Books(extracted=2, quarantined=1, superseded=1), "a batch that is empty after a shuffle"
    assert lake.read(TABLE, "id", "name", "age") == [("P-1", "Anna", 31), ("P-5", "Eve", 5)]
    reasons = sorted((reason["column"], reason["rule"]) for error in lake.errors(TABLE) for reason in error["reasons"])
    assert reasons == [("age", "minimum"), ("age", "type"), ("email", "format"), ("id", "pattern")]
