"""Other writers: what people and engines that are not Tidemark do to a table of a lake, and when.

Three tables in a row, of which the middle one is written in one of the modes; others touch one of the three. What the
tables must hold afterwards is said in plain Python.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable as RustTable
from deltalake import write_deltalake
from pyspark.sql import DataFrame

from tests.support.lakes.lake import Lake, Rows, at
from tidemark import faults, steps
from tidemark.engine import Engine
from tidemark.errors import CommitError

BRONZE, SILVER, GOLD = "bronze.people", "silver.people", "gold.people"
COLUMNS = "id! string\nname string\nn int\nat timestamp"
GIVEN = "id string, name string, n int, at timestamp"
MODES = ("append", "replace", "upsert", "scd2")
_MADE = "sk string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean"
_NEWEST = f"SELECT id, max_by(name, at) AS name, max_by(n, at) AS n, max(at) AS at FROM {BRONZE} GROUP BY id"
_ALL = f"SELECT id, name, n, at FROM {BRONZE}"
_WRITES: dict[str, dict[str, Any]] = {
    "append": {"mode": "append", "keys": ["id", "at"]},
    "replace": {"mode": "replace"},
    "upsert": {"mode": "upsert", "keys": ["id"]},
    "scd2": {
        "mode": "scd2",
        "keys": ["id"],
        "effective_from": "at",
        "surrogate_key": "sk",
        "track": ["name", "n"],
    },
}
DAYS: tuple[Rows, ...] = (
    [("a", "Ann", 1, at(1)), ("b", "Bob", 2, at(1)), ("c", "Cem", 3, at(1))],
    [("d", "Dan", 4, at(2))],
    [("e", "Eve", 5, at(3)), ("b", "Ben", 20, at(3))],
    [("f", "Fay", 6, at(4))],
)
"""What is received on each day. On the third others come in between; the fourth is the first quiet one."""

SPAN = ("between runs", "before prepare", "after prepare", "after gate", "in the commit", "after commit")


def describe(lake: Lake, mode: str, wide: str | None = None) -> None:
    """The three tables; `wide`: the one in which the column `n` is of a larger type."""
    source = {"source": {"connection": "shop", "object": "people"}, "write": {"mode": "append"}}
    lake.table(BRONZE, COLUMNS.replace("n int", "n bigint") if wide == BRONZE else COLUMNS, source)
    write = _WRITES[mode]
    columns = COLUMNS.replace("n int", "n bigint") if wide == SILVER else COLUMNS
    if mode == "scd2":
        columns = columns.replace("at timestamp", _MADE)
    reads: dict[str, Any] = {"on": ["id"]}
    query = _NEWEST if mode in ("upsert", "replace") else _ALL
    keys = {"append": ["id", "at"], "scd2": ["sk"]}.get(mode, ["id"])
    lake.table(SILVER, columns, {"inputs": {BRONZE: reads}, "write": write}, keys=keys, sql=query)
    counted = f"SELECT id, count(*) AS rows, max(name) AS name, CAST(sum(n) AS bigint) AS n FROM {SILVER} GROUP BY id"
    gold = {"inputs": {SILVER: reads}, "write": {"mode": "upsert", "keys": ["id"]}}
    lake.table(GOLD, "id! string\nrows bigint\nname string\nn bigint", gold, keys=["id"], sql=counted)


@dataclass
class Visit:
    """Somebody who does something to a table, once, at one moment of a run."""

    moment: str
    act: Callable[[], object]
    table: str = SILVER
    came: bool = False

    def at(self, moment: str, table: str | None = None) -> None:
        if moment == self.moment and not self.came and table in (None, self.table):
            self.came = True
            self.act()


@dataclass
class Run:
    """What became of a run: the refusals, by table."""

    refused: dict[str, CommitError] = field(default_factory=dict)


def day(lake: Lake, rows: Rows, visit: Visit | None = None) -> Run:
    """One run over the three tables, as a flow does it: what a table refuses keeps those behind it from committing."""
    visit, engine, run = visit or Visit("never", lambda: None), lake.engine(), Run()
    visit.at("between runs")
    with pytest.MonkeyPatch.context() as patched:
        _come_in_between(patched, visit)
        try:
            _receive(lake, engine, rows, visit)
            _together(lake, engine, visit)
        except CommitError as refusal:
            run.refused[refusal.table or "?"] = refusal
        finally:
            for table in (BRONZE, SILVER, GOLD):
                engine.leases.release(table)
    return run


def _receive(lake: Lake, engine: Engine, rows: Rows, visit: Visit) -> None:
    if not rows:
        steps.stay(engine, BRONZE)
        return
    visit.at("before prepare", BRONZE)
    waiting = lake.receive(engine, BRONZE, lake.frame(GIVEN, rows))
    visit.at("after prepare", BRONZE)
    visit.at("after gate", BRONZE)
    lake.finish(engine, BRONZE, *waiting)
    visit.at("after commit", BRONZE)


def _together(lake: Lake, engine: Engine, visit: Visit) -> None:
    waiting = {}
    for table in (SILVER, GOLD):
        checked = steps.build(engine, table)
        visit.at("before prepare", table)
        waiting[table] = lake.prepare(engine, table, checked) if checked else (None, 0)
        visit.at("after prepare", table)
    for table in (SILVER, GOLD):
        visit.at("after gate", table)
    for table in (SILVER, GOLD):
        lake.finish(engine, table, *waiting[table])
        visit.at("after commit", table)


def _come_in_between(patched: pytest.MonkeyPatch, visit: Visit) -> None:
    """Between the look at a table and its commit stands a point at which faults can be injected."""

    def reach(point: str) -> None:
        if point == f"{visit.table}: moved, not committed":
            visit.at("in the commit")

    patched.setattr(faults, "reach", reach)


def mend(lake: Lake, refusal: CommitError) -> None:
    """Does what the refusal advises, where that is more than to run again."""
    advice = refusal.next_step or ""
    if any("CLONE" in line for line in refusal.seen):  # the version before it is the emptied table
        shutil.rmtree(lake.path(refusal.table or ""))
    elif statement := re.search(r"((?:RESTORE|ALTER) TABLE delta\.`[^`]+`[^;]*);", advice):
        lake.spark.sql(statement[1])
    elif "remove its folder" in advice:
        shutil.rmtree(lake.path(refusal.table or ""))
    elif "in the contract" in advice:
        describe(lake, _mode_of(lake), wide=refusal.table)


def _mode_of(lake: Lake) -> str:
    text = (lake.root / "config" / "silver" / "people.load.yaml").read_text("utf-8")
    return next(mode for mode in MODES if f"mode: {mode}" in text)


@dataclass(frozen=True)
class Others:
    """What others do to one of the tables."""

    lake: Lake
    table: str = SILVER

    @property
    def path(self) -> str:
        return self.lake.path(self.table)

    @property
    def rows_of_a(self) -> DataFrame:
        return self.lake.delta(self.table).where("id = 'a'")

    def sql(self, text: str) -> None:
        self.lake.spark.sql(text.format(table=f"delta.`{self.path}`"))

    def drop(self) -> None:
        shutil.rmtree(self.path)

    def make_anew(self) -> None:
        kept = self.rows_of_a
        apart = str(self.lake.root / "apart")
        kept.write.format("delta").save(apart)
        shutil.rmtree(self.path)
        shutil.move(apart, self.path)

    def replace(self) -> None:
        self.sql("CREATE OR REPLACE TABLE {table} USING delta AS SELECT * FROM {table} WHERE id = 'a'")

    def clone_over(self) -> None:
        apart = str(self.lake.root / "apart")
        self.rows_of_a.write.format("delta").save(apart)
        self.sql("DELETE FROM {table}")  # Delta clones over nothing but an empty table
        self.sql("CREATE OR REPLACE TABLE {table} SHALLOW CLONE delta.`" + apart + "`")

    def restore(self) -> None:
        self.sql("RESTORE TABLE {table} TO VERSION AS OF 0")

    def vacuum(self) -> None:
        setting = "spark.databricks.delta.retentionDurationCheck.enabled"
        self.lake.spark.conf.set(setting, "false")
        try:
            self.sql("VACUUM {table} RETAIN 0 HOURS")
        finally:
            self.lake.spark.conf.unset(setting)

    def optimize(self) -> None:
        self.sql("OPTIMIZE {table}")

    def zorder(self) -> None:
        self.sql("OPTIMIZE {table} ZORDER BY (id)")

    def add_column(self) -> None:
        self.sql("ALTER TABLE {table} ADD COLUMN note string")

    def drop_column(self) -> None:
        self._map_columns()
        self.sql("ALTER TABLE {table} DROP COLUMN name")

    def rename_column(self) -> None:
        self._map_columns()
        self.sql("ALTER TABLE {table} RENAME COLUMN name TO called")

    def _map_columns(self) -> None:
        versions = "'delta.minReaderVersion' = '2', 'delta.minWriterVersion' = '5'"
        self.sql("ALTER TABLE {table} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name', " + versions + ")")

    def change_type(self) -> None:
        self.sql("ALTER TABLE {table} SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
        self.sql("ALTER TABLE {table} ALTER COLUMN n TYPE bigint")

    def describe(self) -> None:
        self.sql("ALTER TABLE {table} ALTER COLUMN name COMMENT 'what people call them'")
        self.sql("ALTER TABLE {table} SET TBLPROPERTIES ('owner' = 'sales')")

    def constrain(self) -> None:
        self.sql("ALTER TABLE {table} ADD CONSTRAINT counted CHECK (n > 0)")

    def delete(self) -> None:
        self.sql("DELETE FROM {table} WHERE id = 'a'")

    def update(self) -> None:
        self.sql("UPDATE {table} SET name = 'Anna' WHERE id = 'a'")

    def insert(self) -> None:
        copy = self.rows_of_a.selectExpr("'z' AS id", "* EXCEPT (id)")
        copy.write.format("delta").mode("append").save(self.path)

    def merge(self) -> None:
        copy = self.rows_of_a.selectExpr("explode(array('a', 'z')) AS id", "* EXCEPT (id)")
        copy.createOrReplaceTempView("of_others")
        self.sql(
            "MERGE INTO {table} AS t USING of_others AS s ON t.id = s.id"
            " WHEN MATCHED THEN UPDATE SET t.name = 'Anna' WHEN NOT MATCHED THEN INSERT *"
        )

    def append_by_rust(self) -> None:
        rows = RustTable(self.path).to_pyarrow_table().to_pylist()
        schema = RustTable(self.path).to_pyarrow_table().schema
        copies = [row | {"id": "z"} for row in rows if row["id"] == "a"]
        write_deltalake(self.path, pa.Table.from_pylist(copies, schema=schema), mode="append")


ACTIONS: dict[str, Callable[[Others], None]] = {
    "dropped": Others.drop,
    "dropped and made anew": Others.make_anew,
    "replaced": Others.replace,
    "cloned over": Others.clone_over,
    "restored": Others.restore,
    "vacuumed": Others.vacuum,
    "optimized": Others.optimize,
    "z-ordered": Others.zorder,
    "column added": Others.add_column,
    "column dropped": Others.drop_column,
    "column renamed": Others.rename_column,
    "type changed": Others.change_type,
    "comment, property": Others.describe,
    "constraint added": Others.constrain,
    "deleted from": Others.delete,
    "updated": Others.update,
    "inserted into": Others.insert,
    "merged into": Others.merge,
    "inserted into by delta-rs": Others.append_by_rust,
}


def received() -> list[tuple[str, str, int, datetime]]:
    return [row for rows in DAYS for row in rows]


def computed(mode: str) -> list[tuple[Any, ...]]:
    """The columns `id`, `name`, `n` of the table in the middle, by the whole of what was received."""
    rows = sorted(received(), key=lambda row: row[3])
    if mode in ("append", "scd2"):
        return sorted((row[0], row[1], row[2]) for row in rows)
    return sorted({row[0]: (row[0], row[1], row[2]) for row in rows}.values())


def edited(rows: list[tuple[Any, ...]], action: str) -> list[tuple[Any, ...]]:
    """The rows of a table (`id` first), where others have touched that of `a`."""
    copies = [("z", *row[1:]) for row in rows if row[0] == "a"]
    at = 2 if rows and isinstance(rows[0][1], int) else 1  # where the name stands
    renamed = [(*row[:at], "Anna", *row[at + 1 :]) if row[0] == "a" else row for row in rows]
    if action == "deleted from":
        return [row for row in rows if row[0] != "a"]
    if action == "updated":
        return sorted(renamed)
    if action in ("inserted into", "inserted into by delta-rs"):
        return sorted(rows + copies)
    return sorted(renamed + copies) if action == "merged into" else rows


def touched(mode: str, action: str) -> list[tuple[Any, ...]]:
    """What the table in the middle holds, where others have touched it: what is computed as a whole is put back."""
    rows = computed(mode)
    put_back = mode == "replace" or (mode == "append" and action == "deleted from")
    return rows if put_back else edited(rows, action)


def summed(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What the last table makes of the rows of the one before it."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return sorted((key, len(of), max(row[1] for row in of), sum(row[2] for row in of)) for key, of in found.items())
