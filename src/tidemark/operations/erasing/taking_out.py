"""Takes a person out of tables that hold what was received, or log it: their rows go, or name nobody any more.

One commit a table, which again finds nothing more to do. The values that it is about stand in no entry of the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from tidemark import faults
from tidemark.compute import tables
from tidemark.delta.table import earlier_types, read_state, stored_schema
from tidemark.operations.erasing.finding import current
from tidemark.rows import ROW_HASH, own, quoted
from tidemark.rows.batches import row_hash
from tidemark.rows.erased import as_named
from tidemark.spark.hidden import hidden_values
from tidemark.sql.types import METADATA_COLUMNS
from tidemark.write.commit import exchange_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.lint.privacy.subjects import Treatment
    from tidemark.operations.erasing.person import Person

_PERSON = own("person")


def take_out(engine: Engine, who: Person, treatment: Treatment) -> None:
    """Does to the rows of one table what its contract says; nothing where no row names the person."""
    name = treatment.table
    table, spark, frame = engine.table(name), engine.session(name), current(engine, name)
    if frame is None:
        return
    named = frame.where(who.is_named(spark, table))
    if named.isEmpty():
        return
    path, lease = engine.table_path(name), engine.leases.confirm(name)
    stored = stored_schema(spark, path).names
    stays = _anonymous(engine, table, who, treatment, named)
    value = hidden_values(spark, {"person": who.value.encode()})["person"].cast("string")
    gone = spark.range(1).select(value.alias(_PERSON))
    source = gone if stays is None else gone.unionByName(stays.select(*map(quoted, stored)), allowMissingColumns=True)
    matches = [
        as_named(F.col(f"t.`{column}`"), table.contract.column(column).type, folded=who.trail.folded)
        == F.col(f"s.{_PERSON}")
        for column in treatment.columns
        if column in stored
    ]
    signed: dict[str, Any] = {"fence": lease.token, "erased": who.receipt.receipt_id}
    exchange_rows(spark, path, source, matches, _PERSON, stored if stays is not None else (), signed)
    faults.reach(f"{name}: taken out, not in the index")
    tables.note_version(engine, name, read_state(spark, path).version)


def _anonymous(engine: Engine, table: Table, who: Person, treatment: Treatment, named: DataFrame) -> DataFrame | None:
    """The person's rows as they stay: hashed like rows that come so from the source. None: none stays."""
    erasure, spark = treatment.erasure, engine.session(table.name)
    if erasure is None or erasure.action == "delete":
        return None
    types = dict(named.dtypes)
    value = hidden_values(spark, {"person": who.value.encode()})["person"].cast("string")
    changes = {name: F.lit(None).cast(types[name]) for name in treatment.cleared if name in types}
    for name in treatment.columns:
        text = as_named(quoted(name), table.contract.column(name).type, folded=who.trail.folded)
        is_theirs = F.coalesce(text == value, F.lit(False))
        changes[name] = F.when(is_theirs, F.lit(erasure.replace_by).cast(types[name])).otherwise(quoted(name))
    return _hashed(spark, engine.table_path(table.name), table, named.withColumns(changes))


def _hashed(spark: SparkSession, path: str, table: Table, frame: DataFrame) -> DataFrame:
    stored = stored_schema(spark, path)
    if ROW_HASH not in stored.names:
        return frame
    columns = [name for name in stored.names if name not in METADATA_COLUMNS and name != table.load.taken_at]
    return frame.withColumn(ROW_HASH, row_hash(columns, earlier_types(stored)))
