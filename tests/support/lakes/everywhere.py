"""A few days of a lake that has a table of every mode: what it holds may not depend on the machine that fills it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tests.support.lakes.deliveries import Deliveries
from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.compute.candidate import candidate
from tidemark.compute.received import Received
from tidemark.observe import drift
from tidemark.plans import predict
from tidemark.rows import quoted
from tidemark.sources import Extract
from tidemark.sources.watermark import Period, Window
from tidemark.sql.types import SOURCE_ORDER

# Clocks of Sydney, Lord Howe, New York and Berlin turn around these; the last instants stand for what never ends.
INSTANTS = (
    "2025-03-09 06:59:59.999999", "2025-03-09 07:00:00", "2025-03-30 00:30:00", "2025-04-05 14:59:59.999999",
    "2025-04-05 15:15:00.000001", "2025-10-26 00:59:59", "2025-11-02 05:30:00", "1883-11-18 12:03:58",
)  # fmt: skip
EDGES = ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")
_NOT_COMPARED = ("_ingest_ts", "_batch_id", "_run_date")
_END = datetime(2025, 11, 2, 5, 30)


def describe(lake: Lake) -> None:
    source = {"connection": "shop", "object": "EVENTS"}
    lake.table(
        "bronze.events",
        "id! string\ntitle string {logicalTypeOptions: {pattern: 'TITLE I [0-8]'}}\nat! timestamp",
        {
            "source": source,
            "watermark": {"column": "at"},
            "write": {"mode": "append", "keys": ["id", "at"]},
            "cluster_by": ["at"],
        },
        keys=["id", "at"],
    )
    lake.table(
        "bronze.days",
        "id! string\nat timestamp\nkind string",
        {
            "source": source,
            "partition_by": ["at", "kind"],
            "write": {"mode": "replace", "partition_by": ["at", "kind"]},
        },
    )
    lake.table(
        "bronze.files",
        "id! int\nseen timestamp\nday date",
        {"source": source | {"object": "files/", "format": "csv"}, "write": {"mode": "append", "keys": ["id"]}},
        keys=["id"],
    )
    lake.table(
        "silver.newest",
        "id! string\ntitle string\nat timestamp\nday date\nclock string",
        {
            "inputs": {"bronze.events": {"on": ["id"]}},
            "write": {"mode": "upsert", "keys": ["id"], "order_by": ["at"]},
            "partition_by": ["day"],
        },
        keys=["id"],
        sql="SELECT id, title, at, to_date(at) AS day, date_format(at, 'EEEE d MMMM HH') AS clock FROM bronze.events",
    )
    lake.table(
        "gold.history",
        "sk string\nid! string\ntitle string\nvalid_from timestamp\nvalid_to timestamp\nis_current boolean",
        {
            "inputs": {"bronze.events": {"on": ["id"]}},
            "write": {
                "mode": "scd2",
                "keys": ["id"],
                "effective_from": "at",
                "surrogate_key": "sk",
                "track": ["title"],
            },
        },
        keys=["id", "valid_from"],
        sql="SELECT id, title, at FROM bronze.events",
    )


def fill(lake: Lake) -> dict[str, Any]:
    """Everything that a reader, or a person, is told of it."""
    describe(lake)
    told: dict[str, Any] = {}
    events = [(f"k{number % 3}", f"TITLE I {number}", at) for number, at in enumerate((*INSTANTS, *EDGES))]
    first, rest = events[:4], events[3:]
    told["first"] = _received(lake, first, Window("at", None, datetime(2025, 4, 5, 14, 59, 59, 999_999)))
    told["rest"] = _received(lake, rest, Window("at", datetime(2025, 4, 5, 14, 59, 59, 999_999), _END))
    told["days"] = [_replaced(lake, numbers) for numbers in ((0, 3, 4, 9), (4,), (3, 9))]
    told["files"] = _landed(lake)
    lake.build_together("silver.newest", "gold.history")
    engine = lake.engine()
    of_day = Received(Period.of_days(date(2025, 4, 5), date(2025, 4, 5)))
    events_table = engine.table("bronze.events")
    told["of a day"] = of_day.rows(engine, engine.session("bronze.events"), events_table).count()
    told["drift"] = _content(lake.spark.read.format("delta").load(drift.log_path(engine)).drop("seen_at", "run_id"))
    for table in ("bronze.events", "bronze.days", "bronze.files", "silver.newest", "gold.history"):
        told[table] = _content(lake.delta(table).drop(*_NOT_COMPARED))
    told["errors"] = [(each["reasons"], each["payload"]) for each in lake.errors("bronze.events")]
    ingested = lake.delta("bronze.events").selectExpr("date_format(min(_ingest_ts), 'yyyy-MM-dd HH:mm:ss') AS at")
    began = f"{lake.engines[0].run.started_at:%Y-%m-%d %H:%M:%S}"
    told["ingested when the run began"] = ingested.first()["at"] == began
    return json.loads(json.dumps(told, default=str))


def _received(lake: Lake, events: Sequence[tuple[str, str, str]], window: Window) -> Any:
    """The books of events, as a source with names of its own gives them; a batch has one event of the one before."""
    rows = [
        f"SELECT '{id_}' AS ID, '{title}' AS TITLE, TIMESTAMP'{at}' AS AT, 1 AS `INFO I`" for id_, title, at in events
    ]
    frame = lake.spark.sql(" UNION ALL ".join(rows))
    engine = lake.engine()
    extract = Extract(
        table="bronze.events",
        given=frame,
        watermark=window.to_json(),
        identity=window.to_json(),
        full=False,
        source_system="SHOP",
        window=window,
        rereads=True,
    )
    found = drift.observe(engine, engine.table("bronze.events"), extract)
    loaded = lake.load("bronze.events", frame, engine=engine, watermark=window.to_json(), window=window, rereads=True)
    assert loaded.prepared is not None
    return asdict(loaded.prepared.books), [str(each) for each in found], loaded.new_errors


def _replaced(lake: Lake, numbers: Sequence[int]) -> Any:
    """The partitions that a batch replaces, as a plan tells them, and the rows that the gate would see."""
    instants = (*INSTANTS, *EDGES)
    rows = [f"SELECT '{number}' AS id, TIMESTAMP'{instants[number]}' AS at, 'I {number}' AS kind" for number in numbers]
    engine = lake.engine()
    prepared, _ = lake.receive(engine, "bronze.days", lake.spark.sql(" UNION ALL ".join(rows)))
    engine.prepared["bronze.days"] = prepared
    partitions = predict.predict(engine, "bronze.days", {}).partitions
    seen = candidate(engine, engine.session("bronze.days"), "bronze.days").count()
    steps.commit(engine, "bronze.days", prepared)
    return partitions, seen, asdict(prepared.books)


def _landed(lake: Lake) -> Any:
    """Files of which one was written just before midnight in UTC, and one in the hour that clocks elsewhere repeat."""
    landing, books = Deliveries(lake), []
    for number, written in enumerate((datetime(2025, 4, 5, 23, 59, 59), datetime(2025, 11, 2, 5, 45))):
        row = f"1,2025-04-0{number + 1} 15:10:00,2025-04-05"
        landing.put(f"files/II-{number}.csv", f"ID,SEEN,DAY\n{row}\n", written)
        received = landing.receive("bronze.files")
        books.append(received.prepared and asdict(received.prepared.books) if received else None)
    return books


def _content(frame: DataFrame) -> list[list[str | None]]:
    """All rows, as Spark writes their values, in UTC; but for where files lie, which their order says."""
    texts = {name: quoted(name).cast("string") for name in sorted(frame.columns)}
    if SOURCE_ORDER in texts:
        texts[SOURCE_ORDER] = F.regexp_replace(texts[SOURCE_ORDER], " [0-9a-f]{16}#", "#")
    rows = frame.select(*[text.alias(name) for name, text in texts.items()]).collect()
    return sorted(([*row] for row in rows), key=repr)


if __name__ == "__main__":
    from tests.conftest import TEST_CONF
    from tidemark.spark.session import start

    print(json.dumps(fill(Lake(start("everywhere", "local[1]", TEST_CONF), Path(sys.argv[1])))))
