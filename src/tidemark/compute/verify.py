"""Whether a table is what its inputs make it: computed anew, from what its last commit read, and compared.

Finds what no gate and no parser sees: rows that somebody changed by hand, an `on` that is wrong in a way that only the
rows show, a transform that does not give the same twice. Nothing is written but keys in staging.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DoubleType, FloatType, MapType, StructField, StructType

from tidemark.compute import building, failures, incremental
from tidemark.compute.candidate import candidate
from tidemark.config.definition import fingerprint, has_older_rows, is_by, is_mixed
from tidemark.config.load import INCREMENTAL_MODES
from tidemark.delta.table import (
    OtherTableError,
    TargetState,
    count_rows,
    earlier_types,
    read_state,
    read_version,
    stored_schema,
)
from tidemark.errors import ConfigError
from tidemark.lint.privacy import admission
from tidemark.rows import BAD, ROW_HASH, is_set, own, quoted
from tidemark.rows.batches import newest, row_hash

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.write.batch import Affected

EQUAL, DIFFERS, NOT_COMPARED = "equal", "differs", "not compared"
_DIFFERING, _MISSING, _EXTRA, _STALE = "differing", "missing", "extra", "stale"
_COMPUTED, _STORED, _AGAIN, _LABEL = own("computed_"), own("stored_"), own("again"), own("label")
_PARTS = 1_000_000  # into which keys are divided to take a sample
_CLOSE = 1e-9  # of a floating-point number: a sum of them depends on the order of its rows
_SHOWN = 5
_GONE = re.compile(r"DELTA_|FILE_NOT_EXIST|FAILED_READ_FILE|PATH_NOT_FOUND")


@dataclass(frozen=True)
class Sample:
    """How much of a table is computed anew: about so many `rows`, or a `share` of them; by the hash of keys.

    With another `turn` it is another part.
    """

    rows: int | None = None
    share: float | None = None
    turn: str = ""

    @classmethod
    def parse(cls, text: str, turn: str = "") -> Sample:
        """`1000` or `2.5%`; raises `ConfigError` for anything else."""
        number = text.strip().removesuffix("%")
        if text.strip().endswith("%") and re.fullmatch(r"\d+(\.\d+)?", number) and 0 < float(number) <= 100:
            return cls(share=float(number) / 100, turn=turn)
        if number == text.strip() and re.fullmatch(r"[1-9]\d*", number):
            return cls(rows=int(number), turn=turn)
        raise ConfigError(f"a sample is a number of rows (1000) or a part (2%), not {text!r}")

    def of(self, rows: int) -> float:
        """The part of a table of so many rows."""
        return self.share if self.share is not None else min(1.0, (self.rows or rows) / max(rows, 1))


@dataclass(frozen=True)
class Verified:
    """What was found in a table at `version`: rows `compared`, and of these the `differing` ones, those the table lacks
    (`missing`), those it should not have (`extra`), and `stale` ones, which a rule keeps from being replaced.

    `columns`: in how many rows each differs. `keys`: a few rows that are not as computed, unless keys are personal.
    """

    table: str
    outcome: str
    reason: str | None = None
    version: int | None = None
    share: float = 1.0
    compared: int = 0
    differing: int = 0
    missing: int = 0
    extra: int = 0
    stale: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@failures.told("verify")
def verify(engine: Engine, table: str, sample: Sample | None = None) -> Verified:
    """Computes the table, or a sample, from the versions of its inputs that it was computed from, and compares."""
    loaded, spark = engine.table(table), engine.session(table)
    state = read_state(spark, engine.table_path(table))
    known = incremental.basis(engine, loaded, state) if state.version is not None else {}
    reason = _why_not(loaded, state, known)
    if reason is not None or state.version is None:
        return Verified(table, NOT_COMPARED, reason, state.version)
    share = sample.of(count_rows(spark, engine.table_path(table), state.version)) if sample else 1.0
    part = _Part(share, sample.turn if sample else "")
    pinned, ids = dict(known["inputs"]) | {table: state.version}, dict(known.get("input_ids") or {})
    then = replace(engine, prepared={}, committed={}, batches={}, pinned=pinned, ids=ids)
    try:
        return _compared(then, spark, loaded, state.version, part)
    except OtherTableError as gone:
        return Verified(table, NOT_COMPARED, f"what it was computed from is not there any more: {gone}", state.version)
    except PySparkException as failed:
        if not _GONE.search(str(failed.getCondition() or "")):
            raise
        read = ", ".join(f"{name} version {version}" for name, version in known["inputs"].items())
        return Verified(table, NOT_COMPARED, f"what it was computed from is not there any more: {read}", state.version)


def _why_not(table: Table, state: TargetState, known: Mapping[str, Any]) -> str | None:
    if table.load.source is not None:
        return "it is received, not computed"
    if state.version is None:
        return "it does not exist yet"
    if table.load.write.mode == "append":
        return "it is a log: what its rows were computed from then is not there any more"
    if "inputs" not in known:
        return "nothing was committed to it by Tidemark"
    signed = known.get("definition")
    if not is_by(signed, fingerprint(table)):
        by = "by several definitions" if is_mixed(signed) else "by another query, load file or contract"
        return f"it was computed {by}: the next run builds it anew"
    if has_older_rows(signed):
        return "rows stay as an earlier query, load file or contract made them (forward only)"
    lookups = [name for name, spec in table.load.inputs.items() if spec.refresh == "none"]
    if lookups:
        return f"its rows stand as computed when {' and '.join(lookups)} had other versions (`refresh: none`)"
    return None


@dataclass(frozen=True)
class _Part:
    share: float
    turn: str

    def has(self, columns: Sequence[str]) -> Column:
        """Whether a row is in the part, by its values in some columns."""
        if self.share >= 1:
            return F.lit(True)
        hashed = F.xxhash64(*map(quoted, columns), F.lit(self.turn))
        return F.pmod(hashed, F.lit(_PARTS)) < int(self.share * _PARTS) + 1


def _compared(then: Engine, spark: SparkSession, table: Table, version: int, part: _Part) -> Verified:
    path, write = then.table_path(table.name), table.load.write
    affected = _sampled(then, spark, table, version, part)
    checked = building.computed(then, spark, table, affected)
    stored = stored_schema(spark, path)
    columns = checked.alignment.stored_columns(stored.fieldNames())
    lacking = {field.name for field in checked.alignment.lacking}  # the query says nothing of them
    rows = checked.judged.withColumn(ROW_HASH, row_hash(columns, earlier_types(stored), lacking))
    if write.mode != "upsert":
        rows = rows.where(~F.col(BAD))
    keys = (*write.keys, write.validity.start) if write.mode == "scd2" else write.keys
    if keys:
        flag = write.deletes.flag if write.deletes else None
        rows = newest(rows, keys, write.order_by, flag, last=F.col(BAD))
        rows = rows.where(~is_set(flag)) if flag else rows
    target = read_version(spark, path, version)
    if affected is not None:
        target = affected.rows_of(target)
    elif keys:
        rows, target = rows.where(part.has(keys)), target.where(part.has(keys))
    given = [name for name in columns if name in stored.fieldNames() and name not in lacking]
    found = _side_by_side(rows, target, stored, given, keys or _exact(stored, given))
    sight = admission.sight(then.project.tables)
    may_show = not any(sight.given(table.name).seen(name) for name in keys)
    return _verified(table, version, part.share, found, given, keys if may_show else ())


def _sampled(then: Engine, spark: SparkSession, table: Table, version: int, part: _Part) -> Affected | None:
    """The values of the grain that are in the part, of the table and of the inputs: what is missing counts too."""
    grain = table.load.grain
    if part.share >= 1 or grain is None or table.load.write.mode not in INCREMENTAL_MODES:
        return None
    of_grain = [name for name, spec in table.load.inputs.items() if spec.on and set(spec.on) == set(grain)]
    frames = [read_version(spark, then.table_path(table.name), version)]
    frames += [candidate(then, spark, name) for name in of_grain]
    parts = [frame.select(*map(quoted, grain)).where(part.has(grain)) for frame in frames]
    return incremental.stage(then, spark, table, "verified", parts)


def _exact(stored: StructType, columns: Sequence[str]) -> list[str]:
    """The columns by which rows without keys are told apart: a floating-point number is only close to what it was."""
    return [name for name in columns if not isinstance(stored[name].dataType, FloatType | DoubleType)]


def _side_by_side(
    rows: DataFrame, target: DataFrame, stored: StructType, columns: Sequence[str], keys: Sequence[str]
) -> DataFrame:
    """Computed rows beside the stored ones of their keys, with a label; of several rows of a key each has its own."""
    exact = _exact(stored, columns)
    numbers = [quoted(name) for name in columns if name not in exact]
    again = Window.partitionBy(*map(quoted, keys)).orderBy(*numbers, row_hash(list(columns)))
    bad = F.col(BAD) if BAD in rows.columns else F.lit(False)
    typed = [quoted(name).cast(stored[name].dataType).alias(name) for name in columns]
    new = rows.select(*typed, bad.alias(BAD)).withColumn(_AGAIN, F.row_number().over(again))
    old = target.select(*map(quoted, columns)).withColumn(_AGAIN, F.row_number().over(again))
    new = new.select(*[quoted(name).alias(_COMPUTED + name) for name in (*columns, _AGAIN)], BAD)
    old = old.select(*[quoted(name).alias(_STORED + name) for name in (*columns, _AGAIN)])
    both = [quoted(_COMPUTED + name).eqNullSafe(quoted(_STORED + name)) for name in (*keys, _AGAIN)]
    joined = new.join(old, reduce(and_, both), "full")
    here, there = quoted(_COMPUTED + _AGAIN).isNotNull(), quoted(_STORED + _AGAIN).isNotNull()
    differs = reduce(or_, [_differs(stored, name) for name in columns])
    label = (
        F.when(~here, _EXTRA)
        .when(F.col(BAD) & there, _STALE)
        .when(~there & ~F.col(BAD), _MISSING)
        .when(there & differs, _DIFFERING)
        .when(there, EQUAL)
    )
    return joined.withColumn(_LABEL, label)


def _differs(stored: StructType, name: str) -> Column:
    one, other = quoted(_COMPUTED + name), quoted(_STORED + name)
    type_ = stored[name].dataType
    if isinstance(type_, FloatType | DoubleType):
        apart, most = F.abs(one - other), F.greatest(F.abs(one), F.abs(other))
        near = (apart <= most * _CLOSE) & (most < F.lit(float("inf")))  # NaN is above that
        return ~(one.eqNullSafe(other) | F.coalesce(near, F.lit(False)))
    if _has_map(type_):
        one, other = F.to_json(F.struct(one)), F.to_json(F.struct(other.alias(_COMPUTED + name)))
    return ~one.eqNullSafe(other)


def _has_map(type_: DataType) -> bool:
    return isinstance(type_, MapType) or '"type":"map"' in type_.json()


def _verified(
    table: Table, version: int, share: float, found: DataFrame, columns: Sequence[str], keys: Sequence[str]
) -> Verified:
    stored = StructType([StructField(name, found.schema[_STORED + name].dataType) for name in columns])
    labels = (EQUAL, _DIFFERING, _MISSING, _EXTRA, _STALE)
    counted = [F.count_if(F.col(_LABEL) == label).alias(label) for label in labels]
    beside = F.col(_LABEL) == _DIFFERING
    by_column = [F.count_if(beside & _differs(stored, name)).alias(_STORED + name) for name in columns]
    counts = found.agg(*counted, *by_column).collect()[0].asDict()
    wrong = counts[_DIFFERING] + counts[_MISSING] + counts[_EXTRA]
    return Verified(
        table.name,
        DIFFERS if wrong else EQUAL,
        None,
        version,
        share,
        compared=sum(counts[label] for label in (EQUAL, _DIFFERING, _EXTRA, _STALE)),
        differing=counts[_DIFFERING],
        missing=counts[_MISSING],
        extra=counts[_EXTRA],
        stale=counts[_STALE],
        columns={name: counts[_STORED + name] for name in columns if counts[_STORED + name]},
        keys=_keys(found, keys) if wrong and keys else (),
    )


def _keys(found: DataFrame, keys: Sequence[str]) -> tuple[str, ...]:
    """The keys of a few rows that are not as computed."""
    wrong = found.where(F.col(_LABEL).isin(_DIFFERING, _MISSING, _EXTRA))
    named = [F.coalesce(quoted(_STORED + name), quoted(_COMPUTED + name)).cast("string").alias(name) for name in keys]
    rows = wrong.select(F.col(_LABEL), *named).limit(_SHOWN).collect()
    return tuple(f"{row[0]}: {', '.join(f'{name}={row[name]}' for name in keys)}" for row in rows)
