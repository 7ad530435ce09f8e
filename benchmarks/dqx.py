"""Row rules against those of Databricks Labs DQX, on the same rows: both give the good ones and the bad ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.support import data, lake
from benchmarks.support.measure import Comparison, compare
from benchmarks.support.peers import installed
from tidemark import rows
from tidemark.compile.rules import EMAIL
from tidemark.config.contract import Contract
from tidemark.rows import judging
from tidemark.rows.alignment import align

EVENTS = "bronze.events"


def rules(spark: SparkSession, home: Path, count: int, pairs: int) -> Comparison:
    """22 rules over `count` rows, 2 % of them bad, without writing anything."""
    contract = lake.project().table(EVENTS).contract
    raw = str(home / "raw-events")
    data.events(spark, count).repartition(8).write.mode("overwrite").parquet(raw)
    judge = _dqx(spark, home, contract)
    received = spark.read.parquet(raw).withColumn(rows.ORIGIN, F.lit("benchmark"))
    splits = (_ours(received, contract), judge(received))
    bad = -(-count // data.BAD_SHARE)
    for good, rejected in splits:
        if (good.count(), rejected.count()) != (count - bad, bad):
            raise AssertionError("the two do not agree on which rows are bad")
    ours, theirs = splits
    name = f"rules: {count:,} rows, 22 rules, against DQX"
    return compare(name, lambda: _compute(*ours), lambda: _compute(*theirs), reset=lambda: None, pairs=pairs)


def _compute(*frames: DataFrame) -> None:
    for frame in frames:
        frame.write.format("noop").mode("overwrite").save()


def _ours(received: DataFrame, contract: Contract) -> tuple[DataFrame, DataFrame]:
    alignment = align(received, contract, {}, lambda _: "freeze")
    good = judging.judged(received, contract, alignment).where(~F.col(rows.BAD))
    return good, judging.rejected(received, contract, alignment)


def _dqx(spark: SparkSession, home: Path, contract: Contract) -> Any:
    """DQX's split of a frame into good and bad rows; its packages come last on the path, so that ours stay ours."""
    sys.path.append(str(installed("dqx", home)))
    # DQX greets a Databricks workspace before it does anything; its rules need none.
    engine = import_module("databricks.labs.dqx.engine").DQEngineCore(MagicMock(), spark)
    return lambda frame: engine.apply_checks_by_metadata_and_split(frame, list(_checks(contract)))


def _checks(contract: Contract) -> Iterator[dict[str, Any]]:
    """The contract's rules as DQX writes them."""
    for column in contract.columns:
        name = column.name
        if column.required:
            yield _check("is_not_null", column=name)
        for pattern in (column.pattern, EMAIL if column.format == "email" else None):
            if pattern is not None:
                yield _check("regex_match", column=name, regex=pattern)
        if column.enum:
            yield _check("is_in_list", column=name, allowed=[f"'{value}'" for value in column.enum])
        if column.min_length is not None:
            yield _check("sql_expression", expression=f"length({name}) >= {column.min_length}", columns=[name])
        if column.max_length is not None:
            yield _check("sql_expression", expression=f"length({name}) <= {column.max_length}", columns=[name])


def _check(function: str, **arguments: Any) -> dict[str, Any]:
    return {"criticality": "error", "check": {"function": function, "arguments": arguments}}
