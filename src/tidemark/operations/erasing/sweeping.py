"""Takes a person out of what lies beside the tables: rejected rows, and batches on their way of other runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark import faults
from tidemark.aws.folder import open_folder
from tidemark.compile import jsontext
from tidemark.errorlane import compaction, rejects
from tidemark.errorlane.quarantine import LANE_SCHEMA
from tidemark.operations.staging import EXCHANGED
from tidemark.spark.hidden import hidden_values

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

    from tidemark.aws.folder import Folder
    from tidemark.engine import Engine
    from tidemark.operations.erasing.person import Person

_RUN = "run_id="


def sweep_errors(engine: Engine, who: Person) -> int:
    """Removes the rejected rows that hold the person, of whichever table, with what became of them; gives how many.

    To be called with the leases of the tables.
    """
    count = 0
    for table, lane in lanes(engine):
        compaction.settle(lane)
        if _has_rows(lane):
            count += _sweep_lane(engine, who, table, lane)
    return count


def count_errors(engine: Engine, who: Person) -> int:
    """How many rejected rows hold the person."""
    return sum(len(_held(engine, who, table, lane)) for table, lane in lanes(engine) if _has_rows(lane))


def lanes(engine: Engine) -> Iterator[tuple[str, Folder]]:
    """The error lane of each table that has one, those too that the project no longer has."""
    root = open_folder(engine.environment.roots.errors, engine.environment.aws)
    for layer in root.folders():
        if not layer.startswith("_"):
            for name in root.below(layer).folders():
                yield f"{layer}.{name}", root.below(layer).below(name)


def _has_rows(lane: Folder) -> bool:
    return any(name.startswith("dt=") for name in lane.names())


def _held(engine: Engine, who: Person, table: str, lane: Folder) -> dict[str, str]:
    """The errors of a lane that hold the person, by their ids, and the file in which each lies."""
    spark = engine.spark
    rows = spark.read.schema(LANE_SCHEMA).option("basePath", lane.root).json(lane.root)
    file = F.substring_index(F.col("_metadata.file_path"), "/", -1).alias("file")
    found = rows.where(_holds(engine, spark, who, table)).select("error_id", file).distinct().collect()
    return {row["error_id"]: row["file"] for row in found}


def _sweep_lane(engine: Engine, who: Person, table: str, lane: Folder) -> int:
    ids = _held(engine, who, table, lane)
    if not ids:
        return 0
    there = {name.rpartition("/")[2]: name for name in lane.names()}
    for name in sorted({there[file] for file in ids.values()}):
        _leave_out(lane, name, ids)
        faults.reach(f"{table}: errors swept in part")
    for name in lane.names(rejects.LEDGER):
        if name.endswith(".json"):
            _leave_out(lane, name, ids)
    return len(ids)


def _holds(engine: Engine, spark: SparkSession, who: Person, table: str) -> Column:
    """Whether an error holds the person: by its fields, or by what is nobody else's anywhere in it."""
    value = hidden_values(spark, {"value": who.value.encode()})["value"].cast("string")
    names = _field_names(engine, who, table)
    entries = F.map_entries(jsontext.parsed_object(F.col("payload")))
    naming = F.filter(entries, lambda entry: F.lower(entry["key"]).isin(*names))
    is_named = F.array_contains(F.transform(naming, lambda entry: _text(entry["value"], who)), value)
    found = F.coalesce(is_named, F.lit(False)) if names else F.lit(False)
    pattern = who.pattern()
    if pattern is None:
        return found
    sought = hidden_values(spark, {"pattern": pattern.encode()})["pattern"].cast("string")
    text = F.concat_ws(" ", "payload", F.to_json("reasons"), "origin")
    return found | F.coalesce(F.regexp_like(text, sought), F.lit(False))


def _text(value: Column, who: Person) -> Column:
    text = F.trim(jsontext.unmarked(value))
    return F.lower(text) if who.trail.folded else text


def _field_names(engine: Engine, who: Person, table: str) -> list[str]:
    """The names that the columns which name people have at the source, and in the table."""
    known = engine.project.tables.get(table)
    fields = known.load.source.fields if known and known.load.source else {}
    columns = who.trail.places.get(table, ())
    return sorted({name.lower() for column in columns for name in (column, fields.get(column, column))})


def _leave_out(lane: Folder, name: str, ids: Collection[str]) -> None:
    lines = [line for line in lane.lines(name) if line.strip()]
    kept = [line for line in lines if json.loads(line).get("error_id") not in ids]
    if len(kept) == len(lines):
        return
    folder, _, file = name.rpartition("/")
    checksum = f"{folder}/.{file}.crc"  # of a file that Spark has written on a disk: it is of the content of before
    if checksum in lane.names(folder):
        lane.delete(checksum)
    if not kept:
        lane.delete(name)
    else:
        lane.write_text(name, "".join(f"{line}\n" for line in kept))


def sweep_staging(engine: Engine, tables: Collection[str]) -> None:
    """Removes what runs have staged of these tables, and of tables that the project has no more.

    Nothing of it is needed: what was begun was ended before, plans of these tables cannot be applied any more, and
    what is prepared again is prepared anew.
    """
    root = open_folder(engine.environment.roots.staging, engine.environment.aws)
    _remove(root, engine, tables)


def sweep_exchange(engine: Engine, tables: Collection[str]) -> None:
    """The same for what was exchanged with warehouses and left behind."""
    root = open_folder(engine.environment.exchange.rstrip("/"), engine.environment.aws)
    for kind in EXCHANGED:
        _remove(root.below(kind), engine, tables)


def _remove(root: Folder, engine: Engine, tables: Collection[str]) -> None:
    for run in root.folders():
        if run.startswith(_RUN):
            for name in root.below(run).folders():
                if name in tables or name not in engine.project.tables:
                    root.below(run).delete(name)
