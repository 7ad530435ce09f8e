from __future__ import annotations

import hashlib
import hmac
import io
import logging
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tidemark.compile.masks import MaskKey, masked
from tidemark.config.contract import MASKS, Column, Contract
from tidemark.config.contract.model import DATE_MASKS
from tidemark.rows.masking import blocks
from tidemark.spark.hidden import hidden_values

KEY = b"a masking key of the tests, which is long enough for everybody"
Shown = Callable[..., Any]


def key_of(spark: SparkSession, key: bytes = KEY, name: str = "k1") -> MaskKey:
    inner, outer = blocks(key)
    columns = hidden_values(spark, {"inner": inner, "outer": outer})
    return MaskKey(name, columns["inner"], columns["outer"])


@pytest.fixture
def shown(spark: SparkSession, contract_of: Callable[..., Contract]) -> Shown:
    """What a mask leaves of a value."""

    def show(mask: str | None, value: object, type_: str = "string", given: str | None = None) -> Any:
        contract = contract_of(Column("v", type_, mask=mask), table="gold.things")
        frame = spark.createDataFrame([(value,)], f"v {given or type_}")
        row = frame.select(masked(contract, "v", key_of(spark))).first()
        assert row is not None
        return row[0]

    return show


@pytest.mark.parametrize(
    ("mask", "value", "expected"),
    [
        ("email", "anna@example.org", "a***@example.org"),
        ("email", "anna@x@y.z", "a***@y.z"),
        ("email", "bo@example.org", "***@example.org"),
        ("email", "no address", "***"),
        ("email", "anna@", "***"),
        ("email", "call me @ 0170 1234567.", "***"),
        ("email", "zoëy@büro.example", "z***@büro.example"),
        ("email", "", "***"),
        ("phone", "+49 170 1234567", "***67"),
        ("phone", "110", "***"),
        ("name", "Łukasz", "Ł***"),
        ("name", "Ann", "***"),
        ("name", "", "***"),
        ("postcode", "10115", "10***"),
        ("postcode", "1010", "1***"),
        ("postcode", "101", "***"),
        ("redact", "anna", "[redacted]"),
        (None, "anna", "anna"),
    ],
)
def test_a_mask_shows_only_what_it_may(shown: Shown, mask: str | None, value: str, expected: str) -> None:
    assert shown(mask, value) == expected


def test_dates_are_cut_and_what_is_no_text_is_redacted_to_nothing(shown: Shown) -> None:
    assert shown("month", date(1984, 5, 17), "date") == date(1984, 5, 1)
    assert shown("year", date(1984, 5, 17), "date") == date(1984, 1, 1)
    assert shown("month", datetime(1984, 5, 17, 12), "timestamp") == datetime(1984, 5, 1)
    assert shown("month", "1984-05-17", "date", given="string") == date(1984, 5, 1)
    assert shown("year", "no day", "date", given="string") is None
    assert shown("redact", 7, "int") is None


@pytest.mark.parametrize("mask", ["hmac", "sha256"])
@pytest.mark.parametrize("value", ["anna@example.org", "", "𠮷明", "a" * 200])
def test_a_token_is_the_hmac_of_the_value_behind_the_id_of_its_key(shown: Shown, mask: str, value: str) -> None:
    assert shown(mask, value) == "k1:" + hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("key", [b"k" * 32, b"k" * 64, b"k" * 65, bytes(range(256))])
def test_keys_of_every_length_are_those_of_hmac(spark: SparkSession, key: bytes) -> None:
    row = spark.range(1).select(key_of(spark, key).digest(F.lit("anna"))).first()
    assert row is not None
    assert row[0] == hmac.new(key, b"anna", hashlib.sha256).hexdigest()


def test_the_key_stands_in_no_plan_and_no_message(
    spark: SparkSession, contract_of: Callable[..., Contract], caplog: pytest.LogCaptureFixture
) -> None:
    """As text, in hex, in base64, as numbers: neither the key nor the blocks that do for it."""
    caplog.set_level(logging.INFO)
    contract = contract_of(Column("v", "string", mask="hmac"), table="gold.things")
    frame = spark.createDataFrame([("anna",)], "v string").withColumn("v", masked(contract, "v", key_of(spark)))
    plan: Any = frame
    frame.collect()
    printed = io.StringIO()
    with redirect_stdout(printed):
        for mode in ("simple", "extended", "codegen", "cost", "formatted"):
            frame.explain(mode)
    execution = plan._jdf.queryExecution()
    said = [printed.getvalue(), caplog.text, execution.toString(), str(frame.columns), frame._jdf.toString()]
    said += [
        execution.optimizedPlan().treeString(),
        execution.executedPlan().treeString(),
        plan._jdf.toJSON().toString(),
    ]
    with pytest.raises(Exception, match="DIVIDE_BY_ZERO") as failed:
        frame.select(F.expr("1 / (length(v) - length(v))"), "v").collect()
    said.append(str(failed.value))
    with pytest.raises(Exception, match="UNRESOLVED") as failed:
        frame.select("nowhere").collect()
    said.append(str(failed.value))
    for secret in (KEY, *blocks(KEY)):
        for disguise in disguises(secret):
            assert not any(disguise.lower() in text.lower() for text in said), disguise


def disguises(secret: bytes) -> list[str]:
    import base64

    signed = [each - 256 if each > 127 else each for each in secret[:12]]
    return [
        secret.decode("latin-1")[:16],
        secret.hex()[:24],
        " ".join(f"{each:02x}" for each in secret[:8]),
        base64.b64encode(secret).decode()[:16],
        ", ".join(map(str, signed)),
        ",".join(map(str, signed)),
    ]


@pytest.mark.parametrize("mask", [mask for mask in MASKS if mask not in DATE_MASKS])
def test_null_stays_null(shown: Shown, mask: str) -> None:
    assert shown(mask, None) is None


@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_below_gold_nothing_is_masked(spark: SparkSession, contract_of: Callable[..., Contract], layer: str) -> None:
    contract = contract_of(Column("v", "string", mask="redact"), table=f"{layer}.things")
    assert spark.createDataFrame([("anna",)], "v string").select(masked(contract, "v")).first() == ("anna",)
