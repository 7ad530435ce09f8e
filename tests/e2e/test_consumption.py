"""Each query of docs/consumption.md in its engine: all of them have one answer, that of the shop's ledger."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot

from tests.support.documented import ROOT
from tests.support.worlds import warehouses
from tests.support.worlds.world import World, ledger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(1800)

PAGE = (ROOT / "docs" / "consumption.md").read_text("utf-8")
TABLE, LAKE, VERSION = "gold.fact_sales", "s3://acme-tidemark-prod-lake/lake", "31"
Answer = dict[str, tuple[int, Decimal]]


def fenced(heading: str, kind: str) -> list[str]:
    """The blocks of one kind below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"^```{kind}\n(.*?)^```$", section, flags=re.DOTALL | re.MULTILINE)
    assert found, heading
    return list(found)


@pytest.fixture(scope="module")
def wanted() -> Answer:
    """By the ledger, which shares nothing with the engine."""
    counted, summed = Counter[str](), Counter[str]()
    for row in ledger(31).expected(TABLE):
        counted[row["status"]] += 1
        summed[row["status"]] += row["net_usd"]
    return {status: (number, Decimal(summed[status])) for status, number in counted.items()}


@pytest.fixture(scope="module")
def released(world: World) -> int:
    """The version that `tidemark ls` says."""
    (found,) = json.loads(world.tidemark("ls", "--select", TABLE, "--json").stdout)["tables"]
    return int(found["version"])


def placed(text: str, world: World, released: int) -> str:
    """The query at this lake and version."""
    return text.replace(LAKE, str(world.home / "lake")).replace(VERSION, str(released))


def as_answer(rows: list[Any]) -> Answer:
    """Rows by their status; in cents, as the stand-in of Snowflake sums in floating point."""
    return {str(status): (int(number), round(Decimal(str(usd)), 2)) for status, number, usd in rows}


@pytest.mark.parametrize("warehouse", ["Snowflake", "Redshift"])
def test_the_warehouses(warehouse: str, world: World, wanted: Answer) -> None:
    (query,) = fenced(warehouse, "sql")
    assert as_answer(warehouses.answer(world.endpoints, warehouse.lower(), query)) == wanted


def test_spark_sql(spark: SparkSession, world: World, released: int, wanted: Answer) -> None:
    (query,) = fenced("Spark SQL", "sql")
    assert as_answer([tuple(row) for row in spark.sql(placed(query, world, released)).collect()]) == wanted


def test_duckdb(duckdb_python: Path, world: World, released: int, wanted: Answer) -> None:
    (text,) = fenced("DuckDB", "sql")
    program = ROOT / "tests" / "support" / "duckdb_script.py"
    answer = subprocess.run(
        [str(duckdb_python), str(program)],
        input=placed(text, world, released),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert as_answer(json.loads(answer.stdout)) == wanted


def test_tidemark_query(world: World, wanted: Answer) -> None:
    (line,) = fenced("DuckDB", "sh")
    answer = world.tidemark("query", re.findall(r'"(.*)"', line)[0], "--json")
    rows = json.loads(answer.stdout)["rows"]
    assert as_answer([(row["status"], row["line_count"], row["net_usd"]) for row in rows]) == wanted


def test_delta_rs(world: World, released: int, wanted: Answer) -> None:
    (code,) = fenced("delta-rs (Python)", "python")
    printing = "\nimport json\nprint(json.dumps(found.to_pylist(), default=str))"
    program = [sys.executable, "-c", placed(code, world, released) + printing]
    answer = subprocess.run(program, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    rows = json.loads(answer.stdout)
    assert as_answer([(row["status"], row["count_all"], row["net_usd_sum"]) for row in rows]) == wanted


def test_athena_would_take_the_statements() -> None:
    for statement in fenced("Athena", "sql"):
        assert sqlglot.parse_one(statement, dialect="athena")
