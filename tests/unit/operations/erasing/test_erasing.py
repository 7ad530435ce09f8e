"""A person is erased: from tables, files, logs and rejected rows, and for good; everything else stays."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from tests.support.lakes import people
from tests.support.lakes.lake import Lake
from tests.support.lakes.people import ANN, ANN_MOVED, BOB, NOBODY, ORDERS, VISITS, erase, receive, released
from tidemark.control import erasures, release
from tidemark.control.erasures import Receipt
from tidemark.errors import ConfigError, TidemarkError
from tidemark.operations import restore as restoring
from tidemark.serving.lake import open_lake

pytestmark = pytest.mark.slow

SUBJECT = f"silver.people.person={ANN[0]}"
HERS = (ANN[0], ANN[1], "Hafenweg 7", "Am Markt 12")


@dataclass(frozen=True)
class After:
    lake: Lake
    before: dict[str, list[tuple[Any, ...]]]
    receipt: Receipt


@pytest.fixture(scope="module")
def two_days(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake after two days, with rejected rows, and a run that has left a batch behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_SECRET_MASKING", json.dumps({"k1": people.KEY}))
        lake = Lake(spark, tmp_path_factory.mktemp("people"))
        people.describe(lake)
        receive(lake, people=[ANN, BOB], orders=ORDERS[:2], visits=VISITS)
        lake.build_together(*people.BUILT)
        released(lake)
        bad = [("o8", ANN[0], -1, None), ("o9", BOB[0], -1, f"gift from {ANN[1]}"), ("o7", BOB[0], -1, None)]
        receive(lake, people=[ANN_MOVED], orders=[ORDERS[2], *bad])
        lake.build_together(*people.BUILT)
        released(lake)
    return lake.root


@pytest.fixture(scope="module")
def after(spark: SparkSession, two_days: Path, tmp_path_factory: pytest.TempPathFactory) -> After:
    """The lake after an erasure, and what its computed tables had before."""
    root = tmp_path_factory.mktemp("after") / "lake"
    shutil.copytree(two_days, root)
    lake = Lake(spark, root)
    people.describe(lake)
    before = {table: lake.read(table) for table in people.BUILT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEMARK_SECRET_MASKING", json.dumps({"k1": people.KEY}))
        return After(lake, before, erase(lake, SUBJECT))


@pytest.fixture
def lake(spark: SparkSession, two_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TIDEMARK_SECRET_MASKING", json.dumps({"k1": people.KEY}))
    shutil.copytree(two_days, tmp_path, dirs_exist_ok=True)
    copied = Lake(spark, tmp_path)
    people.describe(copied)
    return copied


def holding(root: Path, *values: str) -> set[str]:
    """The files below a folder that hold one of the values, read without the engine: Parquet by pyarrow."""
    found = set()
    for file in (each for each in root.rglob("*") if each.is_file()):
        text = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else file.read_text("utf-8", "replace")
        if any(value in text for value in values):
            found.add(str(file.relative_to(root)))
    return found


def test_after_an_erasure_no_file_has_the_person_and_all_others_are_as_they_were(two_days: Path, after: After) -> None:
    found = {name.split("/")[1] for name in holding(two_days / "home", *HERS)}
    assert found == {"bronze", "silver", "gold", "_errors", "_staging"}, "there is something to find"
    lake, others, receipt = after.lake, after.before, after.receipt

    assert holding(lake.root, *HERS) == set()
    assert lake.read("bronze.people", "person") == [(BOB[0],)]
    assert lake.read("bronze.orders", "order_id", "buyer") == [("o1", NOBODY), ("o2", NOBODY), ("o3", BOB[0])]
    assert lake.read("bronze.visits", "visit", "visitor") == [("v1", None), ("v2", None), ("v3", BOB[0])]
    assert lake.read("silver.people") == [row for row in others["silver.people"] if row[0] == BOB[0]]
    sales = lake.read("gold.orders")
    assert [row for row in sales if row[0] == "o3"] == [row for row in others["gold.orders"] if row[0] == "o3"]
    assert [row[1:] for row in sales if row[0] in ("o1", "o2")] == [("0" * 32, 5), ("0" * 32, 7)]
    assert {row[0] for row in lake.read("gold.orders", "sk")} <= {row[0] for row in lake.read("gold.people", "sk")} | {
        "0" * 32
    }
    assert [json.loads(each["payload"])["order_id"] for each in lake.errors("bronze.orders")] == ["o7"]
    assert receipt.status == "done"
    received = {"bronze.people": 2, "bronze.orders": 2, "bronze.visits": 1}
    assert receipt.rows == received | {"silver.people": 1, "silver.orders": 2, "gold.people": 2}
    assert ANN[0] not in json.dumps(receipt.to_json())


def test_nobody_goes_back_to_before(after: After) -> None:
    lake = after.lake
    state = lake.engine().state
    for name in ("r1", "r2"):
        with pytest.raises(TidemarkError, match=f"{name} is of before the erasure of a person"):
            restoring.wanted(state, name)
        with pytest.raises(TidemarkError, match=f"{name} is of before the erasure of a person"):
            open_lake(lake.engine().project, state, name)
    newest = release.latest(state)
    assert newest is not None
    assert restoring.wanted(state, newest.name) == newest
    assert open_lake(lake.engine().project, state).rows("silver.people").read_all().num_rows == 1
    with pytest.raises(Exception, match=r"(?i)version"):
        lake.spark.read.format("delta").option("versionAsOf", 0).load(lake.path("bronze.people")).count()


def test_a_run_after_it_is_as_any_other_and_brings_nobody_back(after: After, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = after.lake
    monkeypatch.setenv("TIDEMARK_SECRET_MASKING", json.dumps({"k1": people.KEY}))
    before = {table: lake.read(table) for table in (*people.RECEIVED, *people.BUILT)}
    worse: tuple[Any, ...] = ("o6", BOB[0], -2, None)
    again = receive(lake, people=[ANN, ANN_MOVED, BOB], orders=[*ORDERS, worse], visits=VISITS)
    lake.build_together(*people.BUILT)
    assert {table: lake.read(table) for table in (*people.RECEIVED, *people.BUILT)} == before
    assert {json.loads(each["payload"])["order_id"] for each in lake.errors("bronze.orders")} == {"o6", "o7"}
    told = [each.prepared.notices for each in again if each.prepared]
    assert [len(each) for each in told] == [1, 1, 1]
    assert "2 rows again of people who were erased" in told[0][0]
    committed = [lake.path(table) for table in (*people.RECEIVED, *people.BUILT)]
    assert [path for path in committed if holding(Path(path), *HERS)] == []


@pytest.mark.parametrize("death", range(2, 24, 4))
def test_an_erasure_that_died_is_taken_to_its_end(lake: Lake, death: int) -> None:
    steps: list[str] = []

    def dies(step: str) -> None:
        steps.append(step)
        if len(steps) == death:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erase(lake, SUBJECT, dies)
    for table in people.RECEIVED + people.BUILT:  # the process is gone, and with it its leases
        lake.engine().state.delete("lease", table)

    receipt = erase(lake, SUBJECT)

    assert holding(lake.root / "home", *HERS) == set()
    assert receipt.rows["bronze.people"] == 2
    assert lake.read("bronze.orders", "order_id", "buyer") == [("o1", NOBODY), ("o2", NOBODY), ("o3", BOB[0])]
    assert len(erasures.every(lake.engine().state)) == 1


def test_what_is_left_where_no_relationship_leads_is_told(lake: Lake) -> None:
    receive(lake, orders=[("o5", BOB[0], 1, f"for {ANN[1]}")])
    with pytest.raises(TidemarkError, match="something of the person is left") as left:
        erase(lake, SUBJECT)
    assert any(re.match(r"bronze\.orders: .*\.parquet", each) for each in left.value.seen)
    assert ANN[1] not in str(left.value)


def test_a_contract_that_does_not_say_what_becomes_of_rows_is_asked_before_anything_is_changed(lake: Lake) -> None:
    contract = lake.root / "config/bronze/orders.contract.yaml"
    contract.write_text(contract.read_text("utf-8").replace("erasure", "comment"), "utf-8")
    before = lake.read("bronze.people")
    with pytest.raises(ConfigError, match="contracts do not say what becomes of some rows") as refused:
        erase(lake, SUBJECT)
    assert "bronze.orders.buyer is required" in refused.value.seen[0]
    assert lake.read("bronze.people") == before
    assert erasures.every(lake.engine().state) == ()
