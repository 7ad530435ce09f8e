"""Rows held against their contract: cast, judged by its rules, and told to the error lane where they break one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add, and_, or_
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructField, StructType

from tidemark.compile.casts import EXACT, JSON, adapted, same_value
from tidemark.compile.rules import RowRule, partition_rules, row_rules
from tidemark.rows import AS_GIVEN, BAD, CORRUPT, ERROR, ORDER, ORIGIN, is_set, own, payloads, quoted
from tidemark.rows.order import order_in
from tidemark.sql.types import SOURCE_ORDER

if TYPE_CHECKING:
    from tidemark.config.contract import Column as ContractColumn
    from tidemark.config.contract import Contract
    from tidemark.config.load import CastSpec
    from tidemark.rows.alignment import Alignment

RECORD = "_record"  # stands for the whole row where a reason is not about one column
_RAW = own("raw_")
_GIVEN = own("given_")
_CHANGED = own("changed_")
_REFUSED = own("refused_")
UNKNOWN_COLUMN = "unknown_column"
_VALUE_LENGTH = 1000  # characters of a value that a reason shows; the payload keeps it whole


def adapted_values(judged: DataFrame) -> Column:
    """How many values of a judged row came in only by what the load file lets go; none of a bad one."""
    marks = (quoted(name).cast("int") for name in judged.columns if name.startswith(_CHANGED))
    return F.when(~F.col(BAD), reduce(add, marks, F.lit(0)))


def without_marks(judged: DataFrame) -> DataFrame:
    """The rows without what only `adapted_values` needs."""
    return judged.drop(*(name for name in judged.columns if name.startswith(_CHANGED)))


def judged(frame: DataFrame, contract: Contract, alignment: Alignment) -> DataFrame:
    """Contract columns cast to their types, added ones, helpers, and whether the row breaks any rule.

    Where the load file lets values lose something, also marks of that, for `adapted_values`.
    """
    rules = _rules(frame, contract, alignment)
    return _cast(frame, contract, alignment).select(*_columns(alignment), _any_broken(rules).alias(BAD))


def judged_with_errors(frame: DataFrame, contract: Contract, alignment: Alignment) -> DataFrame:
    """`judged` and `_error`: null for a good row; what the error lane needs of a bad one.

    That is its `reasons` (array of rule, column, value, message), its `payload` (JSON), its `_origin` and its
    `_source_order`. The payload holds the row as the source gave it, under the source's names, nulls included.
    """
    rules = _rules(frame, contract, alignment)
    given, kept = payloads.given_names(frame), payloads.kept_names(frame)
    also = [quoted(AS_GIVEN + name) for name in kept]
    carried = (*[quoted(name).alias(_GIVEN + name) for name in given], *also, F.col(ORIGIN))
    order = order_in(frame) if ORDER in {field.name for field in alignment.helpers} else F.lit(None).cast("string")
    marked = _cast(frame, contract, alignment, *carried).withColumn(BAD, _any_broken(rules))
    error = F.struct(
        F.array_compact(F.array(*[F.when(rule.broken, _reason(rule, alignment)) for rule in rules])).alias("reasons"),
        payloads.payload(given, _types(frame, contract, alignment), kept, _GIVEN).alias("payload"),
        F.col(ORIGIN),
        order.alias(SOURCE_ORDER),
    )
    return marked.select(*_columns(alignment), BAD, F.when(F.col(BAD), error).alias(ERROR))


def _types(frame: DataFrame, contract: Contract, alignment: Alignment) -> dict[str, str]:
    wanted = {field.name: contract.column(name).type for name, field in alignment.sources.items() if field is not None}
    return payloads.types_of(frame, wanted)


def _columns(alignment: Alignment) -> list[Column]:
    added = [name for name, _ in alignment.added]
    lacking = [F.lit(None).cast(field.dataType).alias(field.name) for field in alignment.lacking]
    helpers = [field.name for field in alignment.helpers]
    marks = [_CHANGED + name for name in alignment.sources if _may_adapt(alignment, name)]
    return [*(quoted(name) for name in (*alignment.sources, *added, *helpers, *marks)), *lacking]


def _may_adapt(alignment: Alignment, name: str) -> bool:
    return alignment.sources[name] is not None and alignment.casts.get(name, EXACT).fit is not None


def rejected(frame: DataFrame, contract: Contract, alignment: Alignment) -> DataFrame:
    """The rows that break a rule: `reasons`, `payload`, `_origin` and `_source_order`, as `judged_with_errors` says."""
    return judged_with_errors(frame, contract, alignment).where(F.col(BAD)).select(f"{ERROR}.*")


def keeping_rules(frame: DataFrame, contract: Contract, alignment: Alignment, name: str) -> DataFrame:
    """The column `name` of the rows that break no rule."""
    rules = _rules(frame, contract, alignment)
    return _cast(frame, contract, alignment, quoted(name)).where(~_any_broken(rules)).select(quoted(name))


def rule_codes(frame: DataFrame, contract: Contract, alignment: Alignment) -> tuple[str, ...]:
    """The rules that rows of this frame can break, as `column.rule`."""
    return tuple(f"{rule.column}.{rule.rule}" for rule in _rules(frame, contract, alignment))


def _cast(frame: DataFrame, contract: Contract, alignment: Alignment, *carried: Column) -> DataFrame:
    """Typed columns, plus `_raw_…` for each column that a cast could have emptied, plus what is carried along."""
    columns: list[Column] = []
    for column in contract.columns:
        source = alignment.sources[column.name]
        if source is None:
            columns.append(F.lit(None).cast(column.type).alias(column.name))
        elif not _needs_cast(source, column.type):
            columns.append(quoted(source.name).alias(column.name))
        else:
            columns += _typed(source, column, alignment)
    columns += [_storable(field, alignment.stored_types.get(name)).alias(name) for name, field in alignment.added]
    columns += [each for field in alignment.helpers for each in _helping(field, alignment)]
    columns += [quoted(field.name).isNotNull().alias(_REFUSED + field.name) for field in alignment.refused]
    columns += [F.col(CORRUPT)] if CORRUPT in frame.columns else []
    return frame.select(*columns, *carried)


def _helping(field: StructField, alignment: Alignment) -> list[Column]:
    """A helper as it is; what marks deletes as true or false, and the value before."""
    given, raw = field.dataType.simpleString(), quoted(field.name)
    if field.name != alignment.flag:
        return [raw]
    return [same_value(raw, given, "boolean").alias(field.name), raw.alias(_RAW + field.name)]


def value_of(source: StructField, column: ContractColumn, how: CastSpec = EXACT) -> Column:
    """What of a source column comes into a contract's column; null where nothing does."""
    raw, given = quoted(source.name), source.dataType.simpleString()
    typed = same_value(raw, given, column.type, how)
    return typed if how.fit is None else F.coalesce(typed, adapted(raw, given, column.type, how))


def _typed(source: StructField, column: ContractColumn, alignment: Alignment) -> list[Column]:
    """A source column as its contract column, the value before, and whether the load file let it lose something."""
    raw, given, how = quoted(source.name), source.dataType.simpleString(), alignment.casts.get(column.name, EXACT)
    typed = same_value(raw, given, column.type, how)
    columns = [raw.alias(_RAW + column.name)]
    if _may_adapt(alignment, column.name):
        lenient = adapted(raw, given, column.type, how)
        columns.append((typed.isNull() & lenient.isNotNull()).alias(_CHANGED + column.name))
        typed = F.coalesce(typed, lenient)
    return [typed.alias(column.name), *columns]


def _needs_cast(source: StructField, wanted: str) -> bool:
    return source.dataType.simpleString() != wanted.replace(" ", "").lower()


def _storable(field: StructField, stored: str | None) -> Column:
    """A drifted column as a table can hold it: nested values are JSON; less than what is stored becomes that."""
    if isinstance(field.dataType, ArrayType | MapType | StructType):
        return F.to_json(quoted(field.name), JSON)
    return quoted(field.name) if stored is None else quoted(field.name).cast(stored)


def _rules(frame: DataFrame, contract: Contract, alignment: Alignment) -> tuple[RowRule, ...]:
    """The contract's rules over a frame of `_cast`; a record that could not be parsed breaks that one rule only."""

    def raw(name: str) -> Column:
        source = alignment.sources[name]
        if source is None:
            return F.lit(None)
        type_ = contract.column(name).type
        return F.col(_RAW + name) if _needs_cast(source, type_) else F.col(name)

    refused = (
        RowRule(field.name, UNKNOWN_COLUMN, "the contract has no such column", quoted(_REFUSED + field.name))
        for field in alignment.refused
    )
    made_text = {
        name
        for name, source in alignment.sources.items()
        if source is not None and contract.column(name).type == "string" and _needs_cast(source, "string")
    }
    rules = (
        *row_rules(contract, raw, made_text),
        *partition_rules(contract, alignment.partitions),
        *_flag_rules(alignment),
        *_reserved_rules(contract, alignment),
        *refused,
    )
    if alignment.deletes is not None:
        flag, always = alignment.deletes
        living = ~is_set(flag)
        rules = tuple(each if each.column in always else replace(each, broken=living & each.broken) for each in rules)
    if CORRUPT not in frame.columns:
        return rules
    corrupt = F.col(CORRUPT).isNotNull()
    parse = RowRule(RECORD, "parse", "the record cannot be read in the source's format", corrupt)
    return (parse, *(replace(rule, broken=~corrupt & rule.broken) for rule in rules))


def _flag_rules(alignment: Alignment) -> list[RowRule]:
    """What marks deletes is true or false: nobody knows of another value what is meant."""
    flag = alignment.flag
    if flag is None:
        return []
    given = quoted(flag) if flag in alignment.sources else quoted(_RAW + flag)
    broken = given.isNotNull() & quoted(flag).try_cast("boolean").isNull()
    return [RowRule(flag, "type", "it marks deletes, and is neither true nor false", broken)]


def _reserved_rules(contract: Contract, alignment: Alignment) -> list[RowRule]:
    """A row that comes with the engine's own key would be taken for the engine's row."""
    if not alignment.reserved:
        return []
    values = {name: F.lit(value).cast(contract.column(name).type) for name, value in alignment.reserved.items()}
    same = [quoted(name).eqNullSafe(value) for name, value in values.items()]
    return [
        RowRule(
            next(iter(alignment.reserved)), "reserved", "this key is that of the unknown member", reduce(and_, same)
        )
    ]


def _any_broken(rules: Sequence[RowRule]) -> Column:
    return _any([rule.broken for rule in rules])


def _any(conditions: Sequence[Column]) -> Column:
    """Whether one of them holds; as a balanced tree, as Spark goes down a long chain by recursion."""
    if len(conditions) <= 2:
        return reduce(or_, conditions, F.lit(False))
    middle = len(conditions) // 2
    return _any(conditions[:middle]) | _any(conditions[middle:])


def _reason(rule: RowRule, alignment: Alignment) -> Column:
    others = {field.name: field for field in (*alignment.refused, *alignment.helpers)}
    source = {**alignment.sources, **others}.get(rule.column)
    if rule.column == RECORD:
        value = F.substring(CORRUPT, 1, _VALUE_LENGTH)
    elif source is None:
        value = F.lit(None).cast("string")
    else:
        value = F.substring(quoted(_GIVEN + source.name).cast("string"), 1, _VALUE_LENGTH)
    return F.struct(
        F.lit(rule.rule).alias("rule"),
        F.lit(rule.column).alias("column"),
        value.alias("value"),
        F.lit(rule.message).alias("message"),
    )
