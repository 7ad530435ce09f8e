"""A whole run over files of which one cannot be read to its end."""

from __future__ import annotations

import io
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from flows.daily import daily
from tests.flows.conftest import Pipeline


def parquet(numbers: range) -> bytes:
    buffer = io.BytesIO()
    names = pa.array([str(number * 7919 % 100_003) for number in numbers])
    pq.write_table(pa.table({"id": pa.array(numbers), "name": names}), buffer, row_group_size=5_000)
    return buffer.getvalue()


def test_the_others_are_loaded_and_the_broken_one_is_tried_when_it_changes(pipeline: Pipeline) -> None:
    source = {"connection": "landing", "object": "events/", "format": "parquet"}
    load = {"source": source, "write": {"mode": "append", "keys": ["id"]}}
    pipeline.lake.table("bronze.events", "id int\nname string", load, keys=["id"])
    folder = pipeline.lake.root / "landing" / "events"
    folder.mkdir(parents=True)
    good, whole = parquet(range(3)), parquet(range(3, 20_003))
    middle = len(whole) // 2
    (folder / "good.parquet").write_bytes(good)
    (folder / "damaged.parquet").write_bytes(whole[:middle] + b"\0" * 300 + whole[middle + 300 :])

    daily(**pipeline.where, date=date(2025, 3, 30))

    result = pipeline.results()["bronze.events"]
    assert (result["books"]["extracted"], result["books"]["inserted"], result["books"]["quarantined"]) == (4, 3, 1)
    (error,) = pipeline.lake.errors("bronze.events")
    assert error["reasons"][0]["rule"] == "parse"
    assert "damaged.parquet" in error["reasons"][0]["value"]
    assert any("damaged.parquet" in warned["message"] for warned in pipeline.summaries()[-1]["warnings"])

    daily(**pipeline.where, date=date(2025, 3, 30))
    assert pipeline.lake.delta("bronze.events").count() == 3

    (folder / "damaged.parquet").write_bytes(whole)
    daily(**pipeline.where, date=date(2025, 3, 30))
    assert pipeline.lake.delta("bronze.events").count() == 20_003
