"""Replays rejected rows after a fix: held against the contract of today, through the same write as any other batch.

An error is replayed once. What a replay accepts is staged by error id and noted in the control store before the
commit; the ledger is written after it. A replay that died in between is ended by the next: the table's log says
whether its batch was committed. So it is with a restore, which opens again what the batches that it undoes had closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from tidemark import faults
from tidemark.aws.folder import Folder, open_folder
from tidemark.compile import jsontext
from tidemark.compile.casts import same_value
from tidemark.compile.schema import METADATA_COLUMNS
from tidemark.delta import deltalog
from tidemark.delta.table import holds_batch, read_state, written_schema
from tidemark.errorlane.compaction import closing_batches, reopen
from tidemark.errorlane.quarantine import note_replayed, read_errors, still_open
from tidemark.errors import ConfigError
from tidemark.rows import CORRUPT, ORDER, ORIGIN, ROW_HASH, TAKEN, alignment, judging, own, payloads, quoted
from tidemark.sources import Extract
from tidemark.spark import storage
from tidemark.sql.types import is_numeric
from tidemark.write.way import app_id

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from tidemark.config.project import Table
    from tidemark.delta.table import TargetState
    from tidemark.engine import Engine
    from tidemark.write.batch import Checked
    from tidemark.write.manifest import Prepared

KIND = "replay"
UNDOING = "undoing"
ERROR_ID = "error_id"
_FIELDS = own("fields")
_TYPES = own("given_types")
_TEXT, _TYPE = own("text_"), own("type_")  # of a value, before the source's name
_GAINED, _GAINED_TYPE = own("gained_"), own("gained_type_")  # before the table's name
_ID = own("error_id")  # beside the source's own columns


@dataclass(frozen=True)
class Which:
    """The errors to replay: those of a run (the start of its id will do), of a rule (`enum`, `status.enum`), or all."""

    run: str | None = None
    rule: str | None = None


def replayed(engine: Engine, table: str, which: Which) -> tuple[Extract, DataFrame] | None:
    """The open errors of `table` as a source gave them, and the same with their ids; None when there are none.

    Raises `ConfigError` for tables that need no replay, or would be harmed by one.
    """
    loaded = engine.table(table)
    refuse(loaded)
    spark, lane = engine.session(table), engine.errors_path(table)
    settle(engine, table)
    if not storage.exists(spark, lane):
        return None
    chosen = still_open(spark, read_errors(spark, lane), lane).where(_admits(which))
    staged = f"{engine.staging_path(table)}/replayed"
    once = chosen.dropDuplicates([ERROR_ID]).select(ERROR_ID, "payload", "origin", "source_order", "reasons")
    once.write.mode("overwrite").parquet(staged)
    errors = spark.read.parquet(staged)
    if errors.isEmpty():
        return None
    frame = _as_given(spark, errors, loaded, engine.table_path(table))
    taken = loaded.load.taken_at
    bookkeeping = dict(read_state(spark, engine.table_path(table)).watermark)
    extract = Extract(
        table=table,
        given=frame.drop(_ID).withColumnRenamed(taken, TAKEN) if taken else frame.drop(_ID),
        # Nothing new was read in the source; without a lower end, all of the table is compared with.
        watermark=bookkeeping | {"low": None} if "low" in bookkeeping else bookkeeping,
        identity={"replay": engine.run.run_id},
        full=False,
        source_system=loaded.load.source.system_name if loaded.load.source else KIND,
        rereads=True,  # after the fix, a window or a file may have come again, and brought the row
    )
    return extract, frame


def begin(engine: Engine, table: str, prepared: Prepared, frame: DataFrame, checked: Checked) -> None:
    """Notes, before the commit, which errors the batch closes: those whose rows now keep every rule."""
    loaded = engine.table(table)
    accepted = judging.keeping_rules(frame, loaded.contract, checked.alignment, _ID)
    path = f"{prepared.path}/closes"
    accepted.withColumnRenamed(_ID, ERROR_ID).write.mode("overwrite").parquet(path)
    note = {"run_id": engine.run.run_id, "batch_id": prepared.batch_id, "app_id": app_id(prepared), "closes": path}
    since = prepared.target_version if prepared.target_version is not None else deltalog.NO_TABLE
    engine.state.put(KIND, table, note | {"changes": not prepared.changes_nothing, "since": since})
    faults.reach(f"{table}: replay noted")


def begin_undoing(engine: Engine, table: str, batches: Collection[str]) -> None:
    """Notes, before a restore, which of the batches that it undoes have closed errors: these will be open again."""
    state = read_state(engine.session(table), engine.table_path(table))
    replaying = engine.state.get(KIND, table)
    closing = closing_batches(_lane(engine, table)) | ({str(replaying.value.get("batch_id"))} if replaying else set())
    engine.state.put(UNDOING, table, {"epoch": state.epoch, "batches": sorted(closing.intersection(batches))})


def _lane(engine: Engine, table: str) -> Folder:
    return open_folder(engine.errors_path(table), engine.environment.aws)


def settle(engine: Engine, table: str) -> None:
    """Brings the ledger up to what the table's log says of the last restore and of the last replay, if these died."""
    _settle_restore(engine, table)
    settle_by_hand(engine, table, read_state(engine.session(table), engine.table_path(table)))
    _settle_replay(engine, table)


def _settle_restore(engine: Engine, table: str) -> None:
    noted = engine.state.get(UNDOING, table)
    if noted is None or not noted.value:
        return
    if read_state(engine.session(table), engine.table_path(table)).epoch > noted.value["epoch"]:
        _reopen(engine, table, noted.value["batches"])
    engine.state.put(UNDOING, table, {})


def settle_by_hand(engine: Engine, table: str, state: TargetState) -> None:
    """Opens the errors again whose rows somebody has taken back with the table, by a RESTORE of Delta's own."""
    if state.undone is None:
        return
    spark, path = engine.session(table), engine.table_path(table)
    found = {read_state(spark, path, at=version).batch_id for version in state.undone}
    _reopen(engine, table, {str(batch) for batch in found - {None, state.batch_id}})


def _reopen(engine: Engine, table: str, batches: Collection[str]) -> None:
    """The errors that these batches have closed are open again."""
    reopen(_lane(engine, table), batches)
    replaying = engine.state.get(KIND, table)
    if replaying and replaying.value.get("batch_id") in batches:
        engine.state.put(KIND, table, {})


def _settle_replay(engine: Engine, table: str) -> None:
    noted = engine.state.get(KIND, table)
    if noted is None or not noted.value:
        return
    value, spark = noted.value, engine.session(table)
    if not value["changes"] or _is_committed(spark, engine.table_path(table), value):
        closes = spark.read.parquet(value["closes"])
        note_replayed(closes, engine.errors_path(table), value["batch_id"], value["run_id"])
    engine.state.put(KIND, table, {})


def _is_committed(spark: SparkSession, path: str, noted: Mapping[str, Any]) -> bool:
    """Whether the table has the batch: by its id, which entries of our own leave, or by what its commit says."""
    if deltalog.has_transaction(spark, path, noted["app_id"]):
        return True
    return "since" in noted and holds_batch(spark, path, noted["batch_id"], noted["since"])


def refuse(table: Table) -> None:
    """Raises `ConfigError` where rejected rows of a table need no replay, or one would do harm."""
    source, write = table.load.source, table.load.write
    if source is None:
        raise ConfigError(
            f"{table.name} is built from {', '.join(table.inputs)}: it has nothing to replay",
            next_step="a changed contract or query builds it anew: tidemark run",
        )
    if source.mode == "full":
        raise ConfigError(
            f"{table.name} reads its whole source in every run: it has nothing to replay",
            next_step=f"tidemark run --select {table.name}",
        )
    if write.mode == "replace":
        raise ConfigError(
            f"{table.name} is replaced by what is loaded: rows that are replayed would be all there is",
            next_step=f"tidemark run --select {table.name} --full-refresh reads its newest snapshot once more",
        )
    if write.mode == "upsert" and write.deletes is not None:
        raise ConfigError(
            f"{table.name} does not keep what was deleted: rows that are replayed would come back",
            next_step=f"tidemark run --select {table.name} --full-refresh reads them with the deletes",
        )


def _admits(which: Which) -> Column:
    admitted = F.lit(True)
    if which.run:
        admitted = admitted & F.col("run_id").startswith(which.run)
    if which.rule:
        code = F.lit(which.rule)
        admitted = admitted & F.exists(
            "reasons", lambda each: (each["rule"] == code) | (F.concat_ws(".", each["column"], each["rule"]) == code)
        )
    return admitted


def _as_given(spark: SparkSession, errors: DataFrame, table: Table, path: str) -> DataFrame:
    """Payloads as columns again, under the source's names and as text: the contract casts them, as it does with CSV."""
    source = table.load.source
    contract = {name: (source.fields.get(name, name) if source else name) for name in table.contract.column_names}
    state = read_state(spark, path)
    stored = written_schema(spark, path, table.contract.column_names) if state.version is not None else StructType()
    old_names = alignment.held_by(stored, contract, state.metadata).old_names
    known = {name.lower() for name in (*METADATA_COLUMNS.fieldNames(), ROW_HASH, *contract)}
    added = [each for each in stored.fields if each.name.lower() not in known]
    # Spark's own parser takes what the exact one does not: the character by which that knows numbers.
    exact, rough = jsontext.parsed_object(F.col("payload")), F.from_json("payload", jsontext.OBJECT)
    plain = F.transform_values(F.coalesce(exact, rough), lambda _, value: jsontext.unmarked(value))
    fields = errors.withColumn(_FIELDS, plain)
    fields = fields.withColumn(_TYPES, F.from_json(F.element_at(_FIELDS, payloads.TYPES), jsontext.OBJECT))
    gained_since = {each.name for each in added}
    given = _given_names(fields, contract.values())
    others = [name for name in given if alignment.column_name(name, old_names) not in gained_since]
    types = {source_name: table.contract.column(name).type for name, source_name in contract.items()}
    values = {name: _as_text(name, type_) for name, type_ in types.items()}
    values |= {name: quoted(_TEXT + name.lower()) for name in others}
    if taken := table.load.taken_at:
        values[taken] = quoted(_TEXT + taken.lower()).try_cast("timestamp")
    gained, lost = _gained(added)
    columns = [value.alias(name) for name, value in (*values.items(), *gained.items())]
    corrupt = F.coalesce(quoted(_TEXT + CORRUPT), *map(_no_text, types), *lost).alias(CORRUPT)
    origin, order = F.col("origin").alias(ORIGIN), F.col("source_order").alias(ORDER)
    told = _with_values(fields, (*values, CORRUPT), [each.name for each in added], old_names)
    return told.select(*columns, corrupt, origin, order, F.col(ERROR_ID).alias(_ID))


def _with_values(
    fields: DataFrame, names: Collection[str], gained: Collection[str], old_names: Collection[str]
) -> DataFrame:
    """The errors with each value of the payload, and what it says of its type, in columns of their own.

    An expression that is written at every place that needs it is planned as often: for minutes, with wide tables.
    """

    def columns(name: str, spelled: Callable[[Column], Column], text: str, type_: str) -> list[Column]:
        return [_field(name, spelled).alias(text + name), _field(name, spelled, of=_TYPES).alias(type_ + name)]

    def in_table(key: Column) -> Column:
        return alignment.table_name(key, old_names)

    asked = [each for name in dict.fromkeys(map(str.lower, names)) for each in columns(name, F.lower, _TEXT, _TYPE)]
    asked += [each for name in gained for each in columns(name, in_table, _GAINED, _GAINED_TYPE)]
    return fields.select("*", *asked)


def _as_text(name: str, wanted: str) -> Column:
    """A value as the text by which the contract's cast says of it what it says of the value itself."""
    text, given = quoted(_TEXT + name.lower()), quoted(_TYPE + name.lower())
    value = F.when(given == "binary", same_value(_bytes(text), "binary", "string"))
    if wanted == "string":
        for instant in ("timestamp", "timestamp_ntz"):
            value = value.when(given == instant, text.try_cast(instant).cast("string"))
    elif is_numeric(wanted):
        value = value.when(given == "boolean", text.try_cast("boolean").cast("int").cast("string"))
    return value.otherwise(text)


def _no_text(name: str) -> Column:
    """What is wrong with bytes that no column of a contract takes, null for others."""
    text, given = quoted(_TEXT + name.lower()), quoted(_TYPE + name.lower())
    refused = (given == "binary") & text.isNotNull() & same_value(_bytes(text), "binary", "string").isNull()
    return F.when(refused, F.concat(F.lit(f"{name} has bytes that are no text, in base64: "), text))


def _bytes(text: Column) -> Column:
    return F.try_to_binary(text, F.lit("base64"))


def _gained(added: Sequence[StructField]) -> tuple[dict[str, Column], list[Column]]:
    """The values of columns that the table gained, and those that none of them takes.

    A value goes where its type says, as it does in a batch: into the column of its name, or into one beside that. No
    rule of the contract speaks of these columns: what fits nowhere is told as a bad record.
    """
    types = {each.name: each.dataType.simpleString() for each in added}
    besides = {
        name: [other for other, type_ in types.items() if other == alignment.beside(name, type_)] for name in types
    }
    follow = {other for others in besides.values() for other in others}
    values, lost = {}, []
    for name in (each for each in types if each not in follow):
        given, rest = quoted(_GAINED_TYPE + name), quoted(_GAINED + name)
        for place in (name, *besides[name]):
            values[place] = same_value(rest, "string", types[place])
            if types[place] == "binary":
                values[place] = F.when(given == "binary", _bytes(rest))
            rest = F.when(values[place].isNull(), rest)
        lost.append(rest)
    return values, lost


def _given_names(fields: DataFrame, expected: Collection[str]) -> list[str]:
    """The names in the payloads under which there are values, but for those that the contract expects.

    What becomes of these values says the load file of today, as it does in a batch.
    """
    read = fields.where(_field(CORRUPT, F.lower).isNull())
    there = read.select(F.explode(F.map_filter(_FIELDS, lambda _, value: value.isNotNull())).alias("name", "value"))
    names = {row[0].lower(): row[0] for row in there.select("name").distinct().orderBy("name").collect()}
    known = {name.lower() for name in (payloads.TYPES, CORRUPT, *expected)}
    return [name for lower, name in names.items() if lower not in known]


def _field(name: str, spelled: Callable[[Column], Column], of: str = _FIELDS) -> Column:
    """The payload's value under this name, once its own names are spelled so, as text; or what it says of its type."""
    named = F.map_filter(of, lambda key, _: spelled(key) == name.lower())
    return F.get(F.map_values(named), 0)
