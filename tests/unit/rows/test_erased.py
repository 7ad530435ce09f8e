"""Rows of people who were erased, as a source gives them again."""

from __future__ import annotations

import hashlib
import hmac

from pyspark.sql import SparkSession

from tidemark.compile.masks import MaskKey
from tidemark.config.contract.model import Erasure
from tidemark.lint.privacy.subjects import Treatment
from tidemark.rows.erased import Absent, told, without
from tidemark.rows.masking import blocks
from tidemark.spark.hidden import hidden_values

KEY = b"0123456789abcdef0123456789abcdef"
TYPES = {"order_id": "string", "buyer": "bigint", "friend": "bigint", "note": "string"}
SCHEMA = "order_id string, Buyer string, friend string, note string"
ROWS = [
    ("deleted", " 7", None, "a"),
    ("other", "8", None, "b"),
    ("nobody", None, None, "c"),
    ("friend", "8", "07", "d"),
    ("odd", "x7", "70", "e"),
]


def key(spark: SparkSession) -> MaskKey:
    inner, outer = blocks(KEY)
    columns = hidden_values(spark, {"inner": inner, "outer": outer})
    return MaskKey("k1", columns["inner"], columns["outer"])


def digest(value: str) -> str:
    return hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()


def test_they_are_left_out_or_made_anonymous_and_counted(spark: SparkSession) -> None:
    frame = spark.createDataFrame(ROWS, SCHEMA)
    columns, people = ("buyer", "friend"), (digest("7"), digest("99"))
    fields = {"buyer": "BUYER"}

    deleted = Absent(Treatment("bronze.orders", columns, Erasure("delete")), people, key(spark))
    kept, counter = without(frame, [deleted], TYPES, fields)
    assert [row[0] for row in kept.collect()] == ["other", "nobody", "odd"]
    assert kept.columns == frame.columns
    assert "2 rows again of people who were erased" in told(counter)[0]

    replaced = Absent(Treatment("bronze.orders", columns, Erasure("replace", "0"), ("note",)), people, key(spark))
    kept, counter = without(frame, [replaced], TYPES, fields)
    assert [tuple(row) for row in kept.collect()] == [
        ("deleted", "0", None, None),
        ("other", "8", None, "b"),
        ("nobody", None, None, "c"),
        ("friend", "8", "0", None),
        ("odd", "x7", "70", "e"),
    ]
    assert told(counter)

    elsewhere = Absent(Treatment("bronze.orders", ("absent",), Erasure("delete")), people, key(spark))
    assert without(frame, [elsewhere], TYPES | {"absent": "string"}, {}) == (frame, None)
