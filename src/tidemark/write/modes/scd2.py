"""`scd2`: history as a function of all versions of a key, so that it cannot depend on the order they arrived in.

The versions are held against the contract first, and history is made of those that keep every rule: one that breaks
a rule leaves the version before it in force.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tidemark.compile.casts import EXACT
from tidemark.config.contract.model import Column as ContractColumn
from tidemark.rows import BAD, ORDER, is_set, judging, own, quoted
from tidemark.rows.batches import row_hash
from tidemark.sql.types import FRACTIONS, is_numeric

if TYPE_CHECKING:
    from pyspark.sql import WindowSpec

    from tidemark.compile.masks import MaskKey
    from tidemark.config.contract import Contract
    from tidemark.config.files.writing import WriteSpec
    from tidemark.config.load import CastSpec
    from tidemark.rows.alignment import Alignment

UNKNOWN_SURROGATE_KEY = "0" * 32
UNKNOWN_TIME = "1900-01-01 00:00:00"
UNKNOWN_TEXT, UNKNOWN_NUMBER, UNKNOWN_START = "unknown", -1, 0
_TIMES = ("timestamp", "date")
_OWN = own("version_")
_STATE, _TIE, _KEY, _ENTERED, _BEFORE, _AFTER, _FIRST, _LAST, _AGAIN, _NEWEST = (
    _OWN + name for name in ("state", "tie", "key_", "entered_", "before", "after", "first", "last", "again", "newest")
)


def identified(
    versions: DataFrame, contract: Contract, write: WriteSpec, casts: Mapping[str, CastSpec] | None = None
) -> DataFrame:
    """The versions, as the query gives them, with what casts and masks must not change.

    That is the state that is compared from version to version (null: deleted), what tells two of one instant apart,
    and the keys that the surrogate key is made of. The state is that of the columns' values: `1.0` and `1.00` are one
    number.
    """
    types = {field.name: field.dataType.simpleString() for field in versions.schema.fields}
    tracked, entered = write.tracked(contract.column_names), _entered(versions, contract, write, casts or {})
    state = row_hash([_ENTERED + name if name in entered else name for name in tracked])
    deleted = _ENTERED + write.deletes.flag if write.deletes and write.deletes.flag else None
    living = F.lit(True) if deleted is None else ~is_set(deleted)
    changing = [key for key in write.keys if contract.column(key).mask or types.get(key) != contract.column(key).type]
    return versions.select("*", *[value.alias(_ENTERED + name) for name, value in entered.items()]).select(
        *map(quoted, versions.columns),
        F.when(living, state).alias(_STATE),
        row_hash([name for name in versions.columns if name != ORDER]).alias(_TIE),
        *[quoted(key).alias(_KEY + key) for key in changing],
    )


def _entered(
    versions: DataFrame, contract: Contract, write: WriteSpec, casts: Mapping[str, CastSpec]
) -> dict[str, Column]:
    """What is tracked, where it is of another type than its column, as that has it; and what marks deletes.

    Masked columns are compared as they are given.
    """
    given = {field.name.lower(): field for field in versions.schema.fields}
    columns = [contract.column(name) for name in write.tracked(contract.column_names) if name in given]
    entered = {
        column.name: judging.value_of(given[column.name], column, casts.get(column.name, EXACT))
        for column in columns
        if column.mask is None and given[column.name].dataType.simpleString() != column.type
    }
    flag = write.deletes.flag if write.deletes else None
    if flag is not None:
        source = given.get(flag.lower())
        marks = ContractColumn(flag, "boolean")
        entered[flag] = quoted(flag) if source is None else judging.value_of(source, marks)
    return entered


def is_helper(name: str) -> bool:
    """Whether `identified` has added this column."""
    return name.startswith(_OWN)


def of_versions(contract: Contract, write: WriteSpec) -> Contract:
    """The contract as it holds for a version: nothing is asked of what the engine fills, and a version needs its keys
    and its time, which lies before what stands for an open end.
    """
    names = write.validity
    columns = []
    for column in contract.columns:
        if column.name == names.start:
            ends = None if names.open_end is None else str(names.open_end)
            columns.append(replace(column, required=True, exclusive_maximum=ends or column.exclusive_maximum))
        elif column.name in write.made:
            columns.append(ContractColumn(column.name, column.type))
        else:
            columns.append(replace(column, required=column.required or column.name in write.keys))
    return replace(contract, columns=tuple(columns))


def judged_as_versions(alignment: Alignment, contract: Contract, write: WriteSpec) -> Alignment:
    """The alignment for a history: of a version that deletes, the values are not kept, and only keys and time count;
    none has the key of the unknown member."""
    if write.unknown_member:
        alignment = replace(alignment, reserved=unknown_key(contract, write))
    flag = write.deletes.flag if write.deletes else None
    return alignment if flag is None else replace(alignment, deletes=(flag, (*write.keys, write.validity.start)))


def history(versions: DataFrame, contract: Contract, write: WriteSpec, key: MaskKey | None = None) -> DataFrame:
    """The SCD2 rows of `versions` (judged; any number of versions a key, in any order, with repetitions).

    Fills the surrogate key, start, end and whether a row is current. Runs in which no `track` column changes become
    one row, with the values of the run's first version, in `overwrite` columns those of its last; a version with the
    delete flag closes the history, a later one without it opens it again. Bad versions come along as they are.
    A surrogate key of personal values is made with the masking key in gold: who has a bare hash can guess them.
    """
    names = write.validity
    dated = _dated_by_receipt(versions, write)
    in_order = _versions_of_a_key(write).orderBy(quoted(names.start))
    marked = (
        _one_at_a_time(dated, write)
        .withColumn(_BEFORE, F.lag(_STATE).over(in_order))
        .withColumn(_FIRST, F.row_number().over(in_order) == 1)
    )
    begins = F.col(_FIRST) | ~F.col(_BEFORE).eqNullSafe(F.col(_STATE))
    overwritten = write.overwritten(contract.column_names)
    if overwritten:
        spans = _with_newest(marked, begins, overwritten, in_order, write)
    else:
        next_start = F.lead(quoted(names.start)).over(in_order)
        spans = marked.where(F.col(BAD) | begins).withColumn(names.end, next_start)
    rows = spans.where(F.col(BAD) | F.col(_STATE).isNotNull())
    rows = rows.withColumn(names.current, quoted(names.end).isNull())
    if names.open_end is not None:
        open_end = F.lit(str(names.open_end)).cast(contract.column(names.end).type)
        rows = rows.withColumn(names.end, F.coalesce(quoted(names.end), open_end))
    if write.surrogate_key:
        as_given = [_KEY + key if _KEY + key in rows.columns else key for key in write.keys]
        start = start_text(names.start, contract.column(names.start).type)
        fractions = [key for key in as_given if rows.schema[key].dataType.simpleString() in FRACTIONS]
        is_keyed = contract.layer == "gold" and any(contract.column(key_).is_personal for key_ in write.keys)
        digest = key.digest if key is not None and is_keyed else None
        rows = rows.withColumn(write.surrogate_key, surrogate_key(as_given, start, fractions, digest))
    return rows.drop(*(name for name in rows.columns if name.startswith(_OWN)))


def surrogate_key(
    keys: Sequence[str],
    start: Column,
    fractions: Collection[str] = (),
    digest: Callable[[Column], Column] | None = None,
) -> Column:
    """The first 32 hex digits of SHA-256 (or `digest`) over key and start (as text): a rebuild gives the same keys.

    They are joined by `|`; in a key of several columns a `|` or `\\` of the values is escaped by `\\`, as (`a|b`, `c`)
    and (`a`, `b|c`) are two keys. Of `fractions` -0.0 and 0.0 are one key, as they are where keys are compared.
    """
    no_sign = F.lit(0.0).cast("float")  # -0.0 + 0.0 is 0.0
    values = [quoted(key) + no_sign if key in fractions else quoted(key) for key in keys]
    texts = [value.cast("string") for value in values]
    if len(texts) > 1:
        texts = [F.regexp_replace(text, r"([\\|])", r"\\$1") for text in texts]
    text = F.concat_ws("|", *texts, start)
    return F.substring(F.sha2(text, 256) if digest is None else digest(text), 1, 32)


def start_text(start: str, column_type: str) -> Column:
    """The start of a row as text: an instant to the microsecond, a number as it is."""
    value = quoted(start)
    return F.date_format(value, "yyyy-MM-dd HH:mm:ss.SSSSSS") if column_type in _TIMES else value.cast("string")


def unknown_key(contract: Contract, write: WriteSpec) -> dict[str, object]:
    """The key of the unknown member."""
    given = write.unknown_member if isinstance(write.unknown_member, dict) else {}
    return {name: given.get(name, _unknown_value(contract.column(name).type)) for name in write.keys}


def _unknown_value(column_type: str) -> object:
    """What stands in a key column of the unknown member; None where the type has no such value."""
    if column_type == "string":
        return UNKNOWN_TEXT
    if column_type in _TIMES:
        return UNKNOWN_TIME
    return UNKNOWN_NUMBER if is_numeric(column_type) else None


def unknown_member(rows: DataFrame, contract: Contract, write: WriteSpec) -> DataFrame:
    """The row that facts point at while their member has not arrived: always valid, and never a current member."""
    names = write.validity
    start: object = UNKNOWN_TIME if contract.column(names.start).type in _TIMES else UNKNOWN_START
    values = unknown_key(contract, write)
    values |= {names.start: start, names.end: names.open_end, names.current: False, BAD: False}
    if write.surrogate_key:
        values[write.surrogate_key] = UNKNOWN_SURROGATE_KEY
    if isinstance(write.unknown_member, dict):
        values |= write.unknown_member
    columns = [F.lit(values.get(field.name)).cast(field.dataType).alias(field.name) for field in rows.schema.fields]
    return rows.sparkSession.range(1).select(*columns)


def _versions_of_a_key(write: WriteSpec) -> WindowSpec:
    """The good versions of a key; the bad ones stand apart."""
    return Window.partitionBy(*map(quoted, write.keys), F.col(BAD))


def _one_at_a_time(versions: DataFrame, write: WriteSpec) -> DataFrame:
    """One version a key and instant, the last of several: by the declared sequence, then a delete, then the later one
    at the source, and where nobody knows that, the one whose values hash highest, whatever came first.

    The window begins as that of the history, so that one shuffle and one sort serve both.
    """
    start = quoted(write.validity.start)
    received = [write.deletes.at] if write.deletes and write.deletes.at else []
    sequence = [F.desc_nulls_last(quoted(name)) for name in (*write.order_by, *received)]
    at_source = [F.desc_nulls_last(quoted(ORDER))] if ORDER in versions.columns else []
    ties = (*sequence, F.col(_STATE).isNull().desc(), *at_source, F.desc(_TIE))
    window = _versions_of_a_key(write).orderBy(start, *ties)
    again = start.eqNullSafe(F.lag(start).over(window)) & (F.row_number().over(window) > 1)
    return versions.withColumn(_AGAIN, again).where(F.col(BAD) | ~F.col(_AGAIN)).drop(_AGAIN)


def _dated_by_receipt(versions: DataFrame, write: WriteSpec) -> DataFrame:
    """Where the load file says when rows were received: a delete, and what came after it, is no older than that.

    What a full extract lacks is deleted when that extract was taken, whatever the change time of its last row; and a
    row that comes back as it was is there again from then on.
    """
    if write.deletes is None or write.deletes.at is None:
        return versions
    start = write.validity.start
    received = quoted(write.deletes.at).cast(versions.schema[start].dataType)
    in_order = _versions_of_a_key(write).orderBy(received, quoted(start), F.col(_STATE).isNull())
    is_after = F.coalesce(F.lag(F.col(_STATE).isNull()).over(in_order), F.lit(False))
    turned = F.when(F.col(_STATE).isNull() | F.col(_AFTER), received)
    not_before = F.max(turned).over(in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    marked = versions.withColumn(_AFTER, is_after)
    return marked.withColumn(start, F.when(F.col(BAD), quoted(start)).otherwise(F.greatest(quoted(start), not_before)))


def _with_newest(
    marked: DataFrame, begins: Column, overwritten: Sequence[str], in_order: WindowSpec, write: WriteSpec
) -> DataFrame:
    """The first version of each run with the run's end and, in `overwritten`, the values of its last version.

    Of a run only its first and last version are looked at, so that each of them is at most two rows away.
    """
    after = F.lead(_STATE).over(in_order)
    is_last = F.lead(F.lit(True)).over(in_order).isNull()
    both = marked.withColumns({_AFTER: after, _LAST: is_last})
    ends = F.col(_LAST) | ~F.col(_AFTER).eqNullSafe(F.col(_STATE))
    turns = both.withColumns({_FIRST: begins, _LAST: ends}).where(F.col(BAD) | F.col(_FIRST) | F.col(_LAST))
    values, start = F.struct(*map(quoted, overwritten)), quoted(write.validity.start)
    one, two = (F.lead(start, rows).over(in_order) for rows in (1, 2))
    newest = F.when(F.col(_LAST), values).otherwise(F.lead(values).over(in_order))
    next_start = F.when(F.col(_LAST), one).otherwise(two)
    spans = turns.withColumns({write.validity.end: next_start, _NEWEST: newest}).where(F.col(BAD) | F.col(_FIRST))
    of_the_last = {name: F.when(F.col(BAD), quoted(name)).otherwise(F.col(_NEWEST)[name]) for name in overwritten}
    return spans.withColumns(of_the_last)
