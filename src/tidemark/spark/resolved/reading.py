"""The resolved plan of a query over frames, without the plans of these frames, and what it hands on of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from tidemark.spark.jvm import java_class
from tidemark.spark.resolved.flow import Flow
from tidemark.spark.resolved.nodes import Expression
from tidemark.spark.resolved.values import NOTHING, Carried

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PLANS = "org.apache.spark.sql.catalyst.plans.logical"


def carried(
    spark: SparkSession, frame: DataFrame, relations: Mapping[str, DataFrame], wanted: Mapping[str, Collection[str]]
) -> list[tuple[str, Carried]]:
    """The columns of a frame that `query_over` made of as many relations, and which `wanted` columns of these each has.

    What cannot be followed may have all of them. Relations are known by their places in the plan: a name of theirs can
    be given to something else by the query.
    """
    unknown = frozenset((name, column) for name, columns in wanted.items() for column in columns)
    found = _plan(spark, frame, len(relations))
    if found is None:
        return [(name, unknown) for name in frame.columns]
    plan, numbers = found
    inputs = {}
    for told, (name, relation) in zip(numbers, relations.items(), strict=True):
        columns = wanted.get(name, ())
        inputs[told] = [frozenset({(name, each)}) if each in columns else NOTHING for each in relation.columns]
    given = Flow(unknown, inputs).given(plan, len(frame.columns))
    return list(zip(frame.columns, given, strict=True))


def _plan(spark: SparkSession, frame: DataFrame, inputs: int) -> tuple[Expression, list[int]] | None:
    """The plan without the first entries of its WITH, which are the inputs, and the numbers that it has for these."""
    internal: Any = frame
    analyzed = internal._jdf.queryExecution().analyzed()
    if analyzed.nodeName() != "WithCTE" or analyzed.cteDefs().size() < inputs:
        return None
    entries = analyzed.cteDefs()
    numbers = [entries.apply(place).id() for place in range(inputs)]
    rest = java_class(spark, f"{_PLANS}.WithCTE")(analyzed.plan(), entries.drop(inputs))
    try:
        return json.loads(rest.toJSON()), numbers
    except Py4JJavaError:
        return None  # too deep for Java to write
