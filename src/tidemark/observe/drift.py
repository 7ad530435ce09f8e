"""What changes in the shape of a source: seen by comparing with the batch before, logged once, told once.

The log is a Delta table beside the layers: which column of which table changed how, when, seen by which run, and what
was done about it. The shape seen last stands in the control store; where that is lost, changes are told once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tidemark.delta.table import read_state, stored_schema
from tidemark.rows import CORRUPT, ORIGIN
from tidemark.sources import Change
from tidemark.spark import storage
from tidemark.sql.types import HELPER_PREFIX, widens
from tidemark.write.commit import append_record

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.project import Table
    from tidemark.engine import Engine
    from tidemark.sources import Extract

KIND = "drift"
LOG = "_drift"
LOG_SCHEMA = (
    "table_name string, column_name string, change string, before string, after string, action string,"
    " source_system string, run_id string, seen_at timestamp"
)
STAGED_COLUMNS = "columns.json"
"""Beside the manifest of a planned batch: the columns that its source had."""

_NO_TYPE = "void"  # of a JSON field that is null in every row: nobody knows yet


def observe(engine: Engine, table: Table, extracted: Extract) -> tuple[Change, ...]:
    """Compares the columns of a batch with those of the batch before; new differences go to the log.

    Columns that a text format leaves out of a batch are no change: it has only those that occur. A run that plans
    leaves the log as it is, and the columns in its staging, for `log_staged`.
    """
    if table.load.source is None or extracted.empty:
        return ()
    shape = _shape(extracted.frame)
    if not engine.run.plans:
        return _log_new(engine, table, shape, extracted.source_system)
    staged = {"columns": shape, "source_system": extracted.source_system}
    path = f"{engine.staging_path(table.name)}/{STAGED_COLUMNS}"
    storage.write_text(engine.session(table.name), path, json.dumps(staged))
    return _differences(engine, table, _noted(engine, table)[1], shape)


def log_staged(engine: Engine, table: Table, staging: str) -> tuple[Change, ...]:
    """Logs the drift of a planned batch, whose run has left its columns in `staging`, as far as it still is news."""
    text = storage.read_text(engine.session(table.name), f"{staging}/{STAGED_COLUMNS}")
    if text is None:
        return ()
    staged = json.loads(text)
    return _log_new(engine, table, staged["columns"], staged["source_system"])


def _log_new(engine: Engine, table: Table, after: Mapping[str, str], source_system: str) -> tuple[Change, ...]:
    number, before = _noted(engine, table)
    found = _differences(engine, table, before, after)
    if found:
        _log(engine, table, source_system, found, (number or 0) + 1)
    if found or number is None:
        gone = {each.column for each in found if each.change == "removed"}
        last = {name: type_ for name, type_ in before.items() if name not in gone and name.lower() not in _lower(after)}
        known = {name: before.get(name) or "" if type_ == _NO_TYPE else type_ for name, type_ in after.items()}
        engine.state.put(KIND, table.name, {"number": (number or 0) + bool(found), "columns": last | known})
    return found


def _noted(engine: Engine, table: Table) -> tuple[int | None, Mapping[str, str]]:
    """The number of the last changes in the log (None: nothing was noted yet), and the columns seen last."""
    noted = engine.state.get(KIND, table.name)
    return (int(noted.value["number"]), noted.value["columns"]) if noted else (None, _known(engine, table))


def _differences(
    engine: Engine, table: Table, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[Change, ...]:
    source = table.load.source
    text = source is not None and source.format in ("json", "csv")
    may_lack = text or (source is not None and engine.environment.connections[source.connection].kind == "rest")
    return changes(before, after, table, may_lack=may_lack)


def changes(before: Mapping[str, str], after: Mapping[str, str], table: Table, *, may_lack: bool) -> tuple[Change, ...]:
    """How the columns `after` (name → type) differ from those `before`; a type that is not known is ""."""
    old, new = _lower(before), _lower(after)
    expected = {_source_name(table, name).lower() for name in table.contract.column_names}
    found: list[Change] = []
    for key, name in new.items():
        action = "known" if key in expected else table.load.on_unknown(name)
        if key not in old:
            found.append(Change(name, "added", None, after[name], action))
            continue
        was, now = before[old[key]], after[name]
        if was and now not in (was, _NO_TYPE):
            done = "cast" if key in expected else _retyped(was, now) if action == "evolve" else action
            found.append(Change(name, "retyped", was, now, done))
        if was and name != old[key]:
            found.append(Change(name, "recased", old[key], name, action))
    if not may_lack:
        gone = [name for key, name in old.items() if key not in new and before[name]]
        found += [Change(name, "removed", before[name], None, "null") for name in gone]
    return tuple(found)


def _retyped(was: str, now: str) -> str:
    """What is done about a column of the table whose type changes in the source."""
    if widens(was, now):
        return "widen"
    return "keep" if widens(now, was) else "beside"


def log_path(engine: Engine) -> str:
    """Where the drift log lies."""
    return f"{engine.environment.roots.lake}/{LOG}"


def _log(engine: Engine, table: Table, source_system: str, found: tuple[Change, ...], number: int) -> None:
    spark, seen_at = engine.session(table.name), datetime.now(UTC)
    lines = [
        (table.name, each.column, each.change, each.before, each.after, each.action, source_system,
         engine.run.run_id, seen_at)
        for each in found
    ]  # fmt: skip
    records = spark.createDataFrame(lines, LOG_SCHEMA)
    append_record(log_path(engine), records, f"tidemark:{KIND}:{table.name}", number)


def _is_own(name: str) -> bool:
    return name in (ORIGIN, CORRUPT) or name.startswith(HELPER_PREFIX)


def _shape(frame: DataFrame) -> dict[str, str]:
    fields = [field for field in frame.schema.fields if not _is_own(field.name)]
    return {field.name: field.dataType.simpleString() for field in fields}


def _known(engine: Engine, table: Table) -> dict[str, str]:
    """What a batch is expected to have before any was seen: the contract's columns, and those that the table gained."""
    names = {_source_name(table, name): "" for name in table.contract.column_names}
    spark, path = engine.session(table.name), engine.table_path(table.name)
    if read_state(spark, path).version is None:
        return names
    gained = set(stored_schema(spark, path).fieldNames()) - set(table.contract.column_names)
    return names | {name: "" for name in gained if not name.startswith("_")}


def _source_name(table: Table, column: str) -> str:
    source = table.load.source
    return source.fields.get(column, column) if source else column


def _lower(names: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): name for name in names}
