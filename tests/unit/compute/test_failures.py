"""An expression of a table's query that fails on a value is told by table, step and column; values only if harmless."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.errors import CommitError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BRONZE = (
    "id! string\ncode string\nday string\nmail string {classification: pii}\nn int\nbig bigint\namount decimal(38,2)"
)
ROW = {"id": "1", "code": "7", "day": "2025-03-01", "mail": "8", "n": 2, "big": 3, "amount": None}
SCHEMA = "id string, code string, day string, mail string, n int, big bigint, amount decimal(38,2)"
UPSERT = {"write": {"mode": "upsert", "keys": ["id"]}, "inputs": {"bronze.raw": {"on": ["id"]}}}


@pytest.fixture
def raw(lake: Lake) -> Lake:
    source = {"connection": "shop", "object": "x"}
    lake.table("bronze.raw", BRONZE, {"source": source, "write": {"mode": "append", "keys": ["id"]}}, keys=["id"])
    return lake


def built(lake: Lake, columns: str, sql: str, rows: Sequence[Mapping[str, Any]], **extra: Any) -> list[tuple[Any, ...]]:
    lake.table("silver.made", columns, UPSERT, keys=["id"], sql=sql, **extra)
    frame = lake.frame(SCHEMA, [tuple((ROW | dict(row)).values()) for row in rows])
    lake.load("bronze.raw", frame)
    lake.build("silver.made")
    return lake.read("silver.made")


def failing(lake: Lake, sql: str, row: Mapping[str, Any], columns: str = "id! string\nx string") -> str:
    with pytest.raises(CommitError) as raised:
        built(lake, columns, sql, [row])
    error = raised.value
    assert (error.table, error.step) == ("silver.made", "prepare")
    assert error.__cause__ is None
    assert error.__suppress_context__
    return str(error)


@pytest.mark.parametrize(
    ("sql", "row", "told"),
    [
        (
            "SELECT id,\n  cast(code AS int) AS x\nFROM bronze.raw",
            {"code": "many"},
            [
                "a STRING cannot be cast to INT, in column x",
                "cast(code AS int)",
                "'many'",
                "made.sql:2",
                "use try_cast",
            ],
        ),
        (
            "SELECT r.id, r.n + 1 AS x FROM bronze.raw AS r",
            {"n": 2**31 - 1},
            ["a result is larger than its type (integer overflow), in column x", "r.n + 1", "use try_add"],
        ),
        (
            "WITH /* 😀 */ priced AS (SELECT id, bronze.raw.n * 1000000 AS total FROM bronze.raw)"
            " SELECT id, total AS x FROM priced",
            {"n": 2**30},
            ["in column total of the CTE priced", "bronze.raw.n * 1000000", "use try_multiply"],
        ),
        (
            "SELECT id, cast(big AS int) AS x FROM bronze.raw",
            {"big": 2**31},
            ["a BIGINT does not fit into INT, in column x", "the value: 2147483648"],
        ),
        (
            "SELECT id, sum(amount) AS x FROM bronze.raw CROSS JOIN (SELECT explode(array(1, 2))) GROUP BY id",
            {"amount": Decimal("9" * 36 + ".99")},
            ["a result is larger than its type", "in column x", "sum(amount)"],
        ),
        ("SELECT id, n / (n - 2) AS x FROM bronze.raw", {}, ["a division by zero, in column x", "use try_divide"]),
        (
            "SELECT id, code AS x FROM bronze.raw WHERE day > 20250101",
            {},
            ["a STRING cannot be cast to BIGINT, in the WHERE condition", "day > 20250101"],
        ),
        (
            "SELECT id, to_date(day, 'yyyy/MM/dd') AS x FROM bronze.raw",
            {},
            ["no date or time of this pattern, in column x", "to_date(day, 'yyyy/MM/dd')", "use try_to_date"],
        ),
        (
            "SELECT id, element_at(split(code, ','), 2) AS x FROM bronze.raw",
            {},
            ["an array of 1 has no element 2, in column x", "use try_element_at"],
        ),
    ],
)
def test_the_column_of_the_query_is_named(raw: Lake, sql: str, row: Mapping[str, Any], told: list[str]) -> None:
    text = failing(raw, sql, row)
    assert [part for part in told if part not in text] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, cast(mail AS int) AS x FROM bronze.raw",
        "SELECT id, cast(concat(code, mail) AS int) AS x FROM bronze.raw",
        "WITH w AS (SELECT id, lower(mail) AS code FROM bronze.raw) SELECT id, cast(code AS int) AS x FROM w",
        "SELECT id, lower(mail) AS y, cast(y AS int) AS x FROM bronze.raw",
        "SELECT id, to_date(mail) AS x FROM bronze.raw",
        "SELECT id, code AS x FROM bronze.raw WHERE mail > 3",
    ],
)
def test_personal_data_is_not_in_the_error(raw: Lake, sql: str, capfd: pytest.CaptureFixture[str]) -> None:
    text = failing(raw, sql, {"mail": "anna@example.org"})
    assert "anna" not in text
    assert "the value is not shown" in text
    printed = capfd.readouterr()
    assert "anna" not in printed.out + printed.err


def test_a_column_is_personal_where_the_one_it_comes_from_is(raw: Lake) -> None:
    built(raw, "id! string\nreach string", "SELECT id, mail AS reach FROM bronze.raw", [{"mail": "anna@example.org"}])
    load = {"write": {"mode": "upsert", "keys": ["id"]}, "inputs": {"silver.made": {"on": ["id"]}}}
    sql = "SELECT id, cast(reach AS int) AS x FROM silver.made"
    exception = "customProperties: [{property: personalException, value: {reason: r, approvedBy: a}}]"
    raw.table("gold.shown", f"id! string\nx int {{{exception}}}", load, keys=["id"], sql=sql)
    with pytest.raises(CommitError, match="in column x") as raised:
        raw.build("gold.shown")
    assert "anna" not in str(raised.value)


def doubled(inputs: Mapping[str, DataFrame]) -> DataFrame:
    return inputs["bronze.raw"].select("id", (F.col("n") * 2).alias("x"))


def test_a_transform_is_named_with_the_function_that_failed(raw: Lake) -> None:
    raw.load("bronze.raw", raw.frame(SCHEMA, [tuple((ROW | {"n": 2**30}).values())]))
    raw.table("silver.made", "id! string\nx int", UPSERT | {"transform": f"{__name__}:doubled"}, keys=["id"])
    with pytest.raises(CommitError, match="larger than its type") as raised:
        raw.build("silver.made")
    assert f"in `multiply` of {__name__}:doubled" in str(raised.value)


UNFIT: list[tuple[str, str, dict[str, Any]]] = [
    ("big", "int", {"big": 2**31}),
    ("big", "smallint", {"big": 2**15}),
    ("code", "int", {"code": "many"}),
    ("cast(big AS double)", "decimal(4,2)", {"big": 100}),
    ("amount", "decimal(10,2)", {"amount": Decimal("123456789.00")}),
    ("cast(big AS double) * 1e18", "bigint", {"big": 10}),
    ("day", "date", {"day": "1. March"}),
]


def test_a_value_that_does_not_fit_the_contract_is_a_rejected_row(raw: Lake) -> None:
    rows = [{"id": "good"}, *(row | {"id": f"bad{number}"} for number, (_, _, row) in enumerate(UNFIT))]
    columns = "\n".join(f"x{number} {type_}" for number, (_, type_, _) in enumerate(UNFIT))
    given = ", ".join(f"if(id IN ('good', 'bad{n}'), {value}, NULL) AS x{n}" for n, (value, _, _) in enumerate(UNFIT))
    stored = built(raw, f"id! string\n{columns}", f"SELECT id, {given} FROM bronze.raw", rows)
    assert [each[0] for each in stored] == ["good"]
    told = {json.loads(error["payload"])["id"]: error["reasons"] for error in raw.errors("silver.made")}
    assert {key: [(reason["column"], reason["rule"]) for reason in reasons] for key, reasons in told.items()} == {
        f"bad{number}": [(f"x{number}", "type")] for number in range(len(UNFIT))
    }


def test_a_check_that_fails_on_a_value_is_named(raw: Lake, capfd: pytest.CaptureFixture[str]) -> None:
    quality = [
        {"metric": "rowCount", "mustBeGreaterThan": 0, "severity": "error", "name": "some rows"},
        {
            "type": "sql",
            "name": "codes are low",
            "query": "SELECT max(cast(x AS int)) FROM {object}",
            "mustBeLessThan": 9,
        },
    ]
    raw.table("silver.made", "id! string\nx string", UPSERT, keys=["id"], sql="SELECT id, mail AS x FROM bronze.raw",
              quality=quality)  # fmt: skip
    raw.load("bronze.raw", raw.frame(SCHEMA, [tuple((ROW | {"mail": "anna@example.org"}).values())]))
    engine = raw.engine()
    checked = steps.build(engine, "silver.made")
    assert checked is not None
    raw.prepare(engine, "silver.made", checked)
    with pytest.raises(CommitError) as raised:
        steps.gate(engine, "silver.made")
    text = str(raised.value)
    assert "a STRING cannot be cast to INT, in the check codes are low (gate)" in text
    assert "cast(x AS int)" in text
    printed = capfd.readouterr()
    assert "anna" not in text + printed.out + printed.err
