"""A table is computed alike from small and large inputs: what changed, what went, a lookup, an input taken back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.support.lakes.lake import Lake
from tests.support.lakes.sizes import everything_is_large
from tidemark.delta.table import read_state
from tidemark.write import commit

LINES, NAMES, TOTALS = "bronze.lines", "bronze.names", "silver.totals"
SQL = (
    "SELECT l.kind, sum(l.qty) AS qty, max(n.name) AS name FROM bronze.lines l"
    " LEFT JOIN bronze.names n ON n.kind = l.kind GROUP BY l.kind"
)
SOURCE = {"connection": "shop", "object": "x"}
FIRST = [(1, "x", 1, False), (2, "x", 2, False), (3, "y", 3, False), (4, "z", 4, False), (5, "w", 5, False)]
SECOND = [(1, "x", 10, False), (4, "z", 4, True), (6, "w", 6, False)]


def totals(lines: Mapping[int, tuple[str, int]], names: Mapping[str, str]) -> dict[str, tuple[int, Any]]:
    """What the query says, in plain Python."""
    kinds = {kind for kind, _ in lines.values()}
    return {kind: (sum(qty for each, qty in lines.values() if each == kind), names.get(kind)) for kind in kinds}


@pytest.mark.slow
def test_a_large_table_is_computed_as_a_small_one(spark: SparkSession, tmp_path: Path) -> None:
    small = played(Lake(spark, tmp_path / "small"))
    with everything_is_large():
        large = played(Lake(spark, tmp_path / "large"))
    assert large == small

    first = {id_: (kind, qty) for id_, kind, qty, _ in FIRST}
    second = {id_: row for id_, row in first.items() if id_ != 4} | {1: ("x", 10), 6: ("w", 6)}
    old, new = {"x": "ex", "y": "why"}, {"x": "EX", "y": "WHY"}
    begun = totals(first, old)
    changed = totals(second, new) | {"y": begun["y"]}
    taken_back = totals(first, new) | {"y": begun["y"]}
    assert [dict(rows) for rows in small] == [begun, begun, changed, taken_back]


def played(lake: Lake) -> list[list[tuple[str, tuple[int, Any]]]]:
    """The totals: at first, with another lookup, with rows that changed and went, with an input that was taken back."""
    upsert = {"mode": "upsert", "keys": ["id"], "deletes": {"flag": "gone"}}
    lines = {"source": SOURCE, "write": upsert, "partition_by": ["kind"]}
    lake.table(LINES, "id! int\nkind string\nqty int", lines, keys=["id"])
    lake.table(NAMES, "kind! string\nname string", {"source": SOURCE, "write": {"mode": "upsert", "keys": ["kind"]}})
    inputs = {LINES: {"on": ["kind"]}, NAMES: {"refresh": "none"}}
    write = {"mode": "upsert", "keys": ["kind"]}
    lake.table(TOTALS, "kind string\nqty bigint\nname string", {"inputs": inputs, "write": write}, sql=SQL)

    def received(rows: list[tuple[Any, ...]]) -> None:
        lake.load(LINES, lake.frame("id int, kind string, qty int, gone boolean", rows))

    def named(**names: str) -> None:
        lake.load(NAMES, lake.frame("kind string, name string", list(names.items())))

    def seen() -> list[tuple[str, tuple[int, Any]]]:
        lake.build_together(TOTALS)
        rows = lake.delta(TOTALS).select("kind", "qty", "name").collect()
        return sorted(((row.kind, (row.qty, row.name)) for row in rows), key=repr)

    received(FIRST)
    named(x="ex", y="why")
    told = [seen()]
    before = read_state(lake.spark, lake.path(LINES)).version
    assert before is not None
    named(x="EX", y="WHY")
    told.append(seen())
    received(SECOND)
    told.append(seen())
    commit.restore(lake.spark, lake.path(LINES), before, {})
    told.append(seen())
    return told
