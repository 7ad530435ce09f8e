"""The rows of a batch: hashed, stamped, one of each key, those that have some values, counted as they pass."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from operator import add, and_
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, Window
from pyspark.sql import functions as F

from tidemark.rows import BAD, ORDER, ROW_HASH, is_set, literal, own, quoted

_POSITION = own("position")
_WANTED = own("wanted_")
_NULL_BITS = 60  # bits of a word of the hash's null map; below 63 to stay clear of the sign


def having(frame: DataFrame, values: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows of `frame` whose `columns` have values that `values` has in one row; a null is equal to a null."""
    return _held_against(frame, values, columns, "left_semi")


def lacking(frame: DataFrame, values: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The other rows of `frame`: those that `having` leaves out."""
    return _held_against(frame, values, columns, "left_anti")


def _held_against(frame: DataFrame, values: DataFrame, columns: Sequence[str], kind: str) -> DataFrame:
    wanted = values.select(*[quoted(name).alias(_WANTED + name) for name in columns])
    equal = reduce(and_, (quoted(name).eqNullSafe(quoted(_WANTED + name)) for name in columns))
    return frame.join(wanted, equal, kind)


def row_hash(
    columns: Sequence[str],
    earlier_types: Mapping[str, Sequence[str]] | None = None,
    absent: Collection[str] = (),
) -> Column:
    """A 64-bit hash of the values in order.

    Spark's hash skips nulls, so that (a, null) and (null, a) would be equal: a map of which values are present goes
    in too. Columns added at the end leave the hash of older rows, where they are null, as it was. So do columns whose
    type has grown, given the types that they had before: a value that one of those could hold is hashed as in that.
    `absent` columns have a place, and no value: the frame need not have them.
    """
    hashed, earlier = [name for name in columns if name not in absent], earlier_types or {}
    values = [part for name in hashed for part in _as_first_typed(quoted(name), earlier.get(name, ()))]
    present = [
        reduce(add, [F.shiftleft(quoted(name).isNotNull().cast("long"), bit) for name, bit in word])
        for word in _words(columns, absent)
    ]
    return F.xxhash64(*values, *(F.nullif(bits, F.lit(0)) for bits in present))


def _as_first_typed(value: Column, earlier: Sequence[str]) -> Iterator[Column]:
    """The value in the first of these types that holds it, else as it is: all but one of the columns are null."""
    for type_ in earlier:
        narrow = value.try_cast(type_)
        fits = F.coalesce(narrow == value, F.lit(False))
        yield F.when(fits, narrow)
        value = F.when(~fits, value)
    yield value


def _words(columns: Sequence[str], absent: Collection[str]) -> Iterator[list[tuple[str, int]]]:
    """The columns that have a value, each with its bit, by the words of the null map; an empty word is no word."""
    for start in range(0, len(columns), _NULL_BITS):
        word = columns[start : start + _NULL_BITS]
        if found := [(name, bit) for bit, name in enumerate(word) if name not in absent]:
            yield found


def stamp(frame: DataFrame, values: Mapping[str, Any]) -> DataFrame:
    """Adds the metadata columns that are the same for every row of the batch."""
    types = {"_ingest_ts": "timestamp", "_batch_id": "string", "_source_system": "string", "_run_date": "date"}
    return frame.select("*", *[literal(value).cast(types[name]).alias(name) for name, value in values.items()])


def newest(
    frame: DataFrame,
    keys: Sequence[str],
    order_by: Sequence[str],
    delete_flag: str | None = None,
    last: Column | None = None,
    superseded: Counter | None = None,
    contested: str | None = None,
) -> DataFrame:
    """One row a key: the one with the largest `order_by`.

    Of equal ones a delete counts, else the later one at the source, and where nobody knows that, the one with the
    largest hash, whatever came first. Without `order_by` no row is of one instant with another, and the order at the
    source says it all. One for which `last` is true counts where its key has no other. `superseded`, of
    `superseded_rows`, counts the rows that are left out. `contested`: a column of this name tells whether the key had
    rows with other values, too.
    """
    deletes = [F.desc(is_set(delete_flag))] if delete_flag else []
    at_source = [F.desc_nulls_last(quoted(ORDER))] if ORDER in frame.columns else []
    ties = [*deletes, *at_source] if order_by else [*at_source, *deletes]
    later = [] if last is None else [last.asc()]
    order = [*later, *(F.desc_nulls_last(quoted(name)) for name in order_by), *ties, F.desc(ROW_HASH)]
    of_key = Window.partitionBy(*map(quoted, keys))
    if contested:
        differ = F.min(ROW_HASH).over(of_key) != F.max(ROW_HASH).over(of_key)
        frame = frame.withColumn(contested, differ)
    return _first(frame.withColumn(_POSITION, F.row_number().over(of_key.orderBy(*order))), superseded)


def leaving_out(frame: DataFrame, left_out: Column, superseded: Counter) -> DataFrame:
    """The other rows of the frame; those that are left out are counted as in `newest`."""
    return _first(frame.withColumn(_POSITION, F.when(left_out, 2).otherwise(1)), superseded)


def _first(placed: DataFrame, superseded: Counter | None) -> DataFrame:
    counted = superseded.on(placed) if superseded else placed
    return counted.where(F.col(_POSITION) == 1).drop(_POSITION)


def superseded_rows(*, among_rejected: bool = False) -> Counter:
    """What counts, as `superseded`, the rows that `newest` leaves out; `among_rejected`: but for the bad ones."""
    left_out = F.col(_POSITION) > 1
    return Counter(superseded=F.count_if(left_out & ~F.col(BAD) if among_rejected else left_out))


class Counter:
    """Named aggregates over a frame, filled by the first action on it: no extra pass, no `count()`.

    The plan under `on` must run once in that action and must not be dropped from it: see the excluded optimizer rule
    in `session.py`.
    """

    def __init__(self, **aggregates: Column) -> None:
        self._observation = Observation()
        self._aggregates = aggregates
        self._values: Mapping[str, int] | None = None

    def on(self, frame: DataFrame) -> DataFrame:
        """The same frame, counted when it is computed."""
        columns = [F.coalesce(column, F.lit(0)).alias(name) for name, column in self._aggregates.items()]
        return frame.observe(self._observation, *columns)

    @property
    def values(self) -> Mapping[str, int]:
        """The counts; blocks until the action has told them, so ask only after it."""
        if self._values is None:
            self._values = {name: int(value) for name, value in self._observation.get.items()}
        return self._values
