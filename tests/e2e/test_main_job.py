"""The main job as a person runs it, against the shop's own ledger: day 30, day 31, and a run with nothing new."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.ledger import BRONZE_TABLES, identity
from tests.support.openlineage import problems
from tests.support.worlds.truth import error_lane
from tests.support.worlds.world import BUILT, World, ledger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.timeout(1800)


LAST_DAY = {"day 30": 30, "day 31": 31, "again": 31}


@pytest.mark.parametrize("name", LAST_DAY)
def test_every_silver_and_gold_table_equals_the_ledger(spark: SparkSession, world: World, name: str) -> None:
    assert world.tables_unlike(ledger(LAST_DAY[name]), spark, name) == {}


@pytest.mark.parametrize("name", LAST_DAY)
def test_the_published_tables_in_both_warehouses_equal_the_ledger(world: World, name: str) -> None:
    assert world.published_unlike(ledger(LAST_DAY[name]), name) == {}


def test_every_bad_row_is_in_the_error_lane_once_with_the_ledgers_reasons(world: World) -> None:
    truth, runs = ledger(31), {summary["run_id"] for summary in world.summaries.values()}
    for table in BRONZE_TABLES.values():
        expected = truth.bronze_rejects(table)

        errors = error_lane(world.home, table, runs)

        found = Counter(identity(table, json.loads(error["payload"])) for error in errors)
        reasons = {identity(table, json.loads(error["payload"])): _reasons(error) for error in errors}
        assert reasons == {name: frozenset(each) for name, each in expected.items()}, table
        assert max(found.values(), default=1) == 1, table


def test_bronze_received_every_good_row_once(spark: SparkSession, world: World) -> None:
    truth = ledger(31)

    received = {table: len(world.read(spark, "again", table)) for table in BRONZE_TABLES.values()}

    assert received == {table: truth.received(table) for table in received}


def test_a_run_with_nothing_new_commits_nothing_anywhere(world: World) -> None:
    assert world.versions["again"] == world.versions["day 31"]
    assert world.versions["day 31"] != world.versions["day 30"]
    assert world.summaries["again"]["release"] == world.summaries["day 31"]["release"]


def test_a_run_with_nothing_new_reads_no_row(world: World) -> None:
    """Windows look back, and one table is read as a whole: what they show is known."""
    received = [each for each in world.summaries["again"]["tables"] if each["table"].startswith("bronze.")]

    assert len(received) == len(BRONZE_TABLES)
    assert {(each["table"], each["computed"], each["books"]["extracted"]) for each in received} == {
        (table, "nothing", 0) for table in BRONZE_TABLES.values()
    }


def test_the_stored_books_of_every_batch_balance(world: World) -> None:
    checked = 0
    for table in (*BRONZE_TABLES.values(), *BUILT):
        for file in sorted((world.path(table) / "_delta_log").glob("*[0-9].json")):
            for books in _books(file):
                received = books["accepted"] + books["quarantined"] + books["superseded"]
                written = books["inserted"] + books["updated"] + books["deleted"] + books["unchanged"]
                assert (books["extracted"], books["accepted"]) == (received, written), file
                checked += 1

    assert checked >= len(BUILT) + len(BRONZE_TABLES)


def test_lineage_tells_of_every_load_gate_and_publication_and_every_event_is_valid(world: World) -> None:
    for name, summary in world.summaries.items():
        (file,) = (world.home / "lineage").glob(f"*/{summary['run_id']}.jsonl")
        told = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        assert [wrong for event in told for wrong in problems(event)] == [], name
        assert summary["lineage"]["sent"] == len(told)
        ends = Counter(event["job"]["name"] for event in told if event["eventType"] == "COMPLETE")
        assert {each["table"] for each in summary["tables"]} <= ends.keys()
        published = {f"{each['table']}.publish.{each['target']}" for each in summary["published"]}
        assert published <= ends.keys()
        assert set(ends.values()) == {1}
        assert ends.total() * 2 == len(told)


def _reasons(error: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(f"{reason['column']}.{reason['rule']}" for reason in error["reasons"])


def _books(log_file: Path) -> Iterator[dict[str, int]]:
    for line in log_file.read_text("utf-8").splitlines():
        metadata = json.loads(line).get("commitInfo", {}).get("userMetadata")
        if metadata:
            yield json.loads(metadata)["books"]
