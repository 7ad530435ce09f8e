"""Steps on rows, each `DataFrame → DataFrame` or `Column → Column`: align, judge, hash, stamp, deduplicate."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, and_, or_
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, NullType, StructField, StructType

from tidemark.compile.rules import RowRule, row_rules, safe_cast
from tidemark.errors import CommitError

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.config.load import DriftAction

ORIGIN = "_origin"
CORRUPT = "_corrupt_record"
BAD = "_bad"
ERROR = "_error"
ROW_HASH = "_row_hash"
RECORD = "_record"  # stands for the whole row where a reason is not about one column
_RAW = "_raw_"
_GIVEN = "_given_"
_POSITION = "_position"
_WANTED = "_wanted_"
_REFUSED = "_refused_"
UNKNOWN_COLUMN = "unknown_column"
_VALUE_LENGTH = 1000  # characters of a value that a reason shows; the payload keeps it whole
# Instants to the microsecond: a replayed row is to be what it was.
_PAYLOAD = {"ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
_NULL_BITS = 60  # bits of a word of the hash's null map; below 63 to stay clear of the sign


@dataclass(frozen=True)
class Alignment:
    """How the columns of a source frame meet a contract.

    `sources` gives each contract column its source column (None: the source lacks it); `added` are columns that the
    contract does not know: the name in the table, the source column and its type; rows with a value in one of
    `refused` are rejected; `helpers` only order rows or mark deletes and are not stored.
    """

    sources: Mapping[str, StructField | None]
    added: tuple[tuple[str, StructField], ...]
    helpers: tuple[StructField, ...] = ()
    refused: tuple[StructField, ...] = ()

    def stored_columns(self, known: Sequence[str]) -> tuple[str, ...]:
        """The columns of the table: first those it has, in its own order (`known`), then the contract's, then new ones.

        The row hash depends on the order, which must not depend on the batch, nor on where in the contract a column
        stands that was added later: what lies in the table already would look changed.
        """
        names = dict.fromkeys((*self.sources, *sorted(name for name, _ in self.added)))
        older = [name for name in known if name in names]
        return (*older, *(name for name in names if name not in older))


def quoted(name: str) -> Column:
    """The column of exactly this name, whatever characters it has."""
    return F.col("`" + name.replace("`", "``") + "`")


def align(
    frame: DataFrame,
    contract: Contract,
    fields: Mapping[str, str],
    on_unknown: Callable[[str], DriftAction],
    helpers: Collection[str] = (),
) -> Alignment:
    """Finds the source column of every contract column, by `fields` (target → source) or by name in any case.

    `on_unknown` says what becomes of a column that the contract does not know, as `Load.on_unknown` does. Raises
    `CommitError` for one that it freezes.
    """
    own = {ORIGIN, CORRUPT}
    by_name = {field.name.lower(): field for field in frame.schema.fields if field.name not in own}
    sources = {name: by_name.get(fields.get(name, name).lower()) for name in contract.column_names}
    used = {field.name for field in sources.values() if field is not None}
    helping = tuple(field for field in frame.schema.fields if field.name in helpers and field.name not in used)
    own |= {field.name for field in helping}
    unknown: dict[str, list[StructField]] = defaultdict(list)
    for field in frame.schema.fields:
        if field.name not in used | own:
            unknown[on_unknown(field.name)].append(field)
    if unknown["freeze"]:
        raise CommitError(
            f"the source has columns that the contract {contract.version} does not know, and its shape is frozen",
            table=contract.table,
            step="validate",
            seen=[f"{field.name} {field.dataType.simpleString()}" for field in unknown["freeze"]],
            next_step=f"add them to {contract.path}, or let the load file say what becomes of them (evolution, drift)",
        )
    added = _named(unknown["evolve"], set(contract.column_names))
    return Alignment(sources, added, helping, tuple(unknown["discard_row"]))


def table_name(source_name: Column) -> Column:
    """As `_named` names the first drifted column of this name."""
    return F.regexp_replace(F.regexp_replace(F.lower(source_name), "[^a-z0-9_]", "_"), "^_+|_+$", "")


def _named(unknown: Sequence[StructField], taken: set[str]) -> tuple[tuple[str, StructField], ...]:
    """Table names for drifted columns: lower case, only letters Delta takes, numbered where two would collide."""
    added = []
    for field in unknown:
        stem = re.sub(r"[^a-z0-9_]", "_", field.name.lower()).strip("_") or "column"
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        added.append((name, field))
    return tuple(added)


def judged(frame: DataFrame, contract: Contract, alignment: Alignment) -> DataFrame:
    """Contract columns cast to their types, added ones, helpers, and `_bad`: whether the row breaks any rule."""
    rules = _rules(frame, contract, alignment)
    return _cast(frame, contract, alignment).select(*_columns(alignment), _any_broken(rules).alias(BAD))


def judged_with_errors(frame: DataFrame, contract: Contract, alignment: Alignment) -> DataFrame:
    """`judged` and `_error`: null for a good row; what the error lane needs of a bad one.

    That is its `reasons` (array of rule, column, value, message), its `payload` (JSON) and its `_origin`. The payload
    holds the row as the source gave it, under the source's names, nulls included.
    """
    rules = _rules(frame, contract, alignment)
    given = [field.name for field in frame.schema.fields if field.name != ORIGIN]
    carried = (*[quoted(name).alias(_GIVEN + name) for name in given], F.col(ORIGIN))
    marked = _cast(frame, contract, alignment, *carried).withColumn(BAD, _any_broken(rules))
    payload = F.struct(*[quoted(_GIVEN + name).alias(name) for name in given])
    error = F.struct(
        F.array_compact(F.array(*[F.when(rule.broken, _reason(rule, alignment)) for rule in rules])).alias("reasons"),
        F.to_json(payload, _PAYLOAD).alias("payload"),
        F.col(ORIGIN),
    )
    return marked.select(*_columns(alignment), BAD, F.when(F.col(BAD), error).alias(ERROR))


def _columns(alignment: Alignment) -> list[Column]:
    added = [name for name, _ in alignment.added]
    helpers = [field.name for field in alignment.helpers]
    return [quoted(name) for name in (*alignment.sources, *added, *helpers)]


def rejected(frame: DataFrame, contract: Contract, alignment: Alignment) -> DataFrame:
    """The rows that break a rule: `reasons`, `payload` and `_origin`, as `judged_with_errors` says."""
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
            columns.append(safe_cast(quoted(source.name), column.type).alias(column.name))
            columns.append(quoted(source.name).alias(_RAW + column.name))
    columns += [_storable(field).alias(name) for name, field in alignment.added]
    columns += [quoted(field.name) for field in alignment.helpers]
    columns += [quoted(field.name).isNotNull().alias(_REFUSED + field.name) for field in alignment.refused]
    columns += [F.col(CORRUPT)] if CORRUPT in frame.columns else []
    return frame.select(*columns, *carried)


def _needs_cast(source: StructField, wanted: str) -> bool:
    return source.dataType.simpleString() != wanted.replace(" ", "").lower()


def _storable(field: StructField) -> Column:
    """A drifted column as a table can hold it: of no type yet means text, nested means JSON."""
    if isinstance(field.dataType, NullType):
        return F.lit(None).cast("string")
    if isinstance(field.dataType, ArrayType | MapType | StructType):
        return F.to_json(quoted(field.name))
    return quoted(field.name)


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
    rules = (*row_rules(contract, raw), *refused)
    if CORRUPT not in frame.columns:
        return rules
    corrupt = F.col(CORRUPT).isNotNull()
    parse = RowRule(RECORD, "parse", "the record cannot be read in the source's format", corrupt)
    return (parse, *(replace(rule, broken=~corrupt & rule.broken) for rule in rules))


def _any_broken(rules: Sequence[RowRule]) -> Column:
    return reduce(or_, (rule.broken for rule in rules), F.lit(False))


def _reason(rule: RowRule, alignment: Alignment) -> Column:
    source = {**alignment.sources, **{field.name: field for field in alignment.refused}}.get(rule.column)
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


def having(frame: DataFrame, values: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows of `frame` whose `columns` have values that `values` has in one row; a null is equal to a null."""
    wanted = values.select(*[quoted(name).alias(_WANTED + name) for name in columns])
    equal = reduce(and_, (quoted(name).eqNullSafe(quoted(_WANTED + name)) for name in columns))
    return frame.join(wanted, equal, "left_semi")


def row_hash(columns: Sequence[str]) -> Column:
    """A 64-bit hash of the values in order.

    Spark's hash skips nulls, so that (a, null) and (null, a) would be equal: a map of which values are present goes
    in too. Columns added at the end leave the hash of older rows, where they are null, as it was.
    """
    present = [
        reduce(add, (F.shiftleft(quoted(name).isNotNull().cast("long"), bit) for bit, name in enumerate(word)))
        for word in _words(columns)
    ]
    return F.xxhash64(*map(quoted, columns), *(F.nullif(bits, F.lit(0)) for bits in present))


def _words(columns: Sequence[str]) -> list[Sequence[str]]:
    return [columns[start : start + _NULL_BITS] for start in range(0, len(columns), _NULL_BITS)]


def stamp(frame: DataFrame, values: Mapping[str, Any]) -> DataFrame:
    """Adds the metadata columns that are the same for every row of the batch."""
    types = {"_ingest_ts": "timestamp", "_batch_id": "string", "_source_system": "string", "_run_date": "date"}
    return frame.select("*", *[F.lit(value).cast(types[name]).alias(name) for name, value in values.items()])


def newest(frame: DataFrame, keys: Sequence[str], order_by: Sequence[str], delete_flag: str | None = None) -> DataFrame:
    """One row a key: the one with the largest `order_by`.

    Of equal ones a delete counts, else the one with the largest hash, whatever came first.
    """
    deletes = [F.desc(F.coalesce(quoted(delete_flag), F.lit(False)))] if delete_flag else []
    order = [*(F.desc_nulls_last(quoted(name)) for name in order_by), *deletes, F.desc(ROW_HASH)]
    window = Window.partitionBy(*map(quoted, keys)).orderBy(*order)
    return frame.withColumn(_POSITION, F.row_number().over(window)).where(F.col(_POSITION) == 1).drop(_POSITION)
