from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from pyspark.sql import SparkSession

from tidemark.compile.masks import masked
from tidemark.config.contract import MASKS, Column, Contract


@pytest.fixture
def shown(spark: SparkSession, contract_of: Callable[..., Contract]) -> Callable[[str | None, str | None], str | None]:
    """What a mask leaves of a value."""

    def show(mask: str | None, value: str | None) -> str | None:
        contract = contract_of(Column("v", "string", mask=mask), table="gold.things")
        row = spark.createDataFrame([(value,)], "v string").select(masked(contract, "v")).first()
        assert row is not None
        return row[0]

    return show


@pytest.mark.parametrize(
    ("mask", "value", "expected"),
    [
        ("email", "anna@example.org", "a***@example.org"),
        ("email", "é@x@y.z", "é***@x@y.z"),
        ("email", "no address", "n***@"),
        ("email", "", "***@"),
        ("phone", "+49 170 1234567", "***67"),
        ("phone", "7", "***7"),
        ("name", "Łukasz", "Ł***"),
        ("name", "", "***"),
        ("sha256", "anna", hashlib.sha256(b"anna").hexdigest()),
        ("redact", "anna", "[redacted]"),
        (None, "anna", "anna"),
    ],
)
def test_a_mask_shows_only_what_it_may(
    shown: Callable[[str | None, str | None], str | None], mask: str | None, value: str, expected: str
) -> None:
    assert shown(mask, value) == expected


@pytest.mark.parametrize("mask", MASKS)
def test_null_stays_null(shown: Callable[[str | None, str | None], str | None], mask: str) -> None:
    assert shown(mask, None) is None


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_below_gold_nothing_is_masked(spark: SparkSession, contract_of: Callable[..., Contract], layer: str) -> None:
    contract = contract_of(Column("v", "string", mask="redact"), table=f"{layer}.things")
    assert spark.createDataFrame([("anna",)], "v string").select(masked(contract, "v")).first() == ("anna",)
