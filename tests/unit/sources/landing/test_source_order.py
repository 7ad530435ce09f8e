"""Where rows of files stand: by the day and time of the file, its name, and the position in it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.lakes.lake import Lake
from tests.support.lakes.landing import LandingFolder
from tidemark.rows import ORDER
from tidemark.sources.landing.listing import Landing, source_order

NOON = datetime(2025, 3, 20, 12)
IDS = range(200)


def in_order(landing: LandingFolder) -> list[str]:
    """The names of the rows by their order, which is different for each."""
    found = [(row[ORDER], row["name"]) for row in landing.extract().frame.collect()]
    assert len({order for order, _ in found}) == len(found)
    return [name for _, name in sorted(found)]


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        ("csv", "a.csv", "id,name\n" + "".join(f"{number},row {number}\n" for number in IDS)),
        ("csv", "a.csv", "id,name\n" + "".join(f'{number},"row {number}"\n' for number in IDS) + '\n7,"row\n7"\n'),
        ("json", "a.jsonl", "".join(f'{{"id": {number}, "name": "row {number}"}}\n' for number in IDS)),
        ("json", "a.json", json.dumps([{"id": number, "name": f"row {number}"} for number in IDS])),
    ],
    ids=["lines of CSV", "CSV over several lines", "lines of JSON", "a JSON document"],
)
def test_rows_of_a_file_stand_as_they_are_written(lake: Lake, form: str, name: str, content: str) -> None:
    landing = LandingFolder(lake, form)
    landing.put(name, content, NOON)

    assert [each for each in in_order(landing) if each != "row\n7"] == [f"row {number}" for number in IDS]


def test_a_file_that_is_read_in_many_blocks_stands_as_it_is_written(lake: Lake) -> None:
    landing = LandingFolder(lake, "csv", options={"multiLine": False})
    landing.put("a.csv", "id,name\n" + "".join(f"{number},row {number}\n" for number in range(5000)), NOON)
    limit = "spark.sql.files.maxPartitionBytes"
    lake.spark.conf.set(limit, "4096")
    try:
        assert lake.spark.read.text(str(landing.folder)).rdd.getNumPartitions() > 4
        assert in_order(landing) == [f"row {number}" for number in range(5000)]
    finally:
        lake.spark.conf.unset(limit)


def test_rows_of_parquet_stand_as_they_are_written(lake: Lake) -> None:
    landing = LandingFolder(lake, "parquet")
    landing.folder.mkdir(parents=True)
    written = pa.table({"id": list(IDS), "name": [f"row {number}" for number in IDS]})
    pq.write_table(written, landing.folder / "a.parquet", row_group_size=7)

    assert in_order(landing) == [f"row {number}" for number in IDS]


def test_files_stand_by_the_day_of_their_folder_then_by_their_time_and_of_one_second_by_name(lake: Lake) -> None:
    landing = LandingFolder(lake, "csv")
    for place, (name, written) in enumerate(
        [
            ("dt=2025-03-01/z #1.csv", NOON + timedelta(days=5)),
            ("dt=2025-03-02/b.csv", NOON - timedelta(days=9)),
            ("dt=2025-03-02/a.csv", NOON),
            ("1.csv", NOON + timedelta(seconds=1)),
            ("2.csv", NOON + timedelta(seconds=1, milliseconds=900)),
            ("3.csv", NOON + timedelta(seconds=1, milliseconds=100)),
            ("0.csv", NOON + timedelta(seconds=2)),
        ]
    ):
        landing.put(name, f"id,name\n1,{place}\n", written)

    assert in_order(landing) == list("0123456")


def test_listed_files_of_one_second_stand_as_their_rows_do(lake: Lake) -> None:
    landing = LandingFolder(lake, "csv")
    names = [
        "a b.csv",
        "a.csv",
        "a.csv.csv",
        "a%20b.csv",
        "ä.csv",
        "ä ö.csv",
        "a+b.csv",
        "x/a.csv",
        "y/x/a.csv",
        "z/x/a.csv",
        "A#1.csv",
        "a b",
    ]
    for name in names:
        landing.put(name, f"id,name\n1,{name}\n", NOON)

    listed = sorted(Landing.of(landing.request()).files().files, key=source_order)

    assert in_order(landing) == [file.path.removeprefix(f"{landing.folder}/") for file in listed]
