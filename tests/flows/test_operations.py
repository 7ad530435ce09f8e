"""What people do after a bad day, through the flows: replay what was rejected, go back to an earlier release."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from flows.daily import daily
from flows.replay import replay
from flows.restore import restore
from tests.flows.conftest import Pipeline
from tests.flows.test_crashes import killed, left, second_day

BACK = ("restore", "--run", "r1", "--yes")
DAY: dict[str, Any] = {"date": date(2025, 3, 30)}
LANE = "home/lake/_errors/bronze/orders"


def totals(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.lake.read("gold.customers", "customer", "qty")


def mend(pipeline: Pipeline) -> None:
    """From now on an order of nothing is an order."""
    contract = pipeline.lake.root / "config" / "bronze" / "orders.contract.yaml"
    contract.write_text(contract.read_text().replace("minimum: 1", "minimum: 0"))


def test_open_errors_of_tables_that_a_replay_of_all_passes_over_are_told(pipeline: Pipeline) -> None:
    path = pipeline.lake.root / "config" / "bronze" / "orders.load.yaml"
    path.write_text(path.read_text().replace("format: csv", "format: csv\n  mode: full"))
    daily(**pipeline.where, **DAY)
    replay(**pipeline.where, **DAY)

    assert list(pipeline.results()) == ["bronze.items"]
    told = [(each["table"], each["message"], each["next_step"]) for each in pipeline.summaries()[-1]["warnings"]]
    reason = "it reads its whole source in every run: it has nothing to replay"
    open_errors = (
        "bronze.orders",
        f"has open errors that are not replayed: {reason}",
        "tidemark run --select bronze.orders",
    )
    assert told == [open_errors]
    replay(**pipeline.where, **DAY, rule="pattern")
    assert pipeline.summaries()[-1]["warnings"] == [], "none of this rule"


@pytest.mark.parametrize(
    "point",
    [
        "bronze.orders: after prepare",
        "bronze.orders: replay noted",
        "bronze.orders: committed, not in the index",
        "bronze.orders: after commit",
    ],
)
def test_a_replay_that_is_killed_is_ended_by_the_next(pipeline: Pipeline, prefect_server: str, point: str) -> None:
    daily(**pipeline.where, **DAY)
    mend(pipeline)

    killed(pipeline, prefect_server, point, "errors", "replay", "--table", "bronze.orders")
    replay(**pipeline.where, **DAY)

    assert pipeline.lake.read("bronze.orders", "id") == [(1,), (2,), (3,), (4,)]
    replay(**pipeline.where, **DAY)
    assert pipeline.results()["bronze.orders"]["books"]["extracted"] == 0, "no error is open any more"


def test_a_restore_that_is_killed_is_done_again(pipeline: Pipeline, prefect_server: str) -> None:
    daily(**pipeline.where, **DAY)
    first = left(pipeline)
    second_day(pipeline)
    daily(**pipeline.where, **DAY)
    second = left(pipeline)

    killed(pipeline, prefect_server, "silver.orders: restored, its errors not open again", *BACK)
    restore(**pipeline.where, **DAY, run="r1")
    assert left(pipeline).tables == first.tables

    daily(**pipeline.where, **DAY)
    assert left(pipeline).tables == second.tables


def test_a_run_after_a_restore_that_was_killed_comes_out_right(pipeline: Pipeline, prefect_server: str) -> None:
    daily(**pipeline.where, **DAY)
    second_day(pipeline)
    daily(**pipeline.where, **DAY)
    second = left(pipeline)

    killed(pipeline, prefect_server, "gold.customers: before restore", *BACK)
    daily(**pipeline.where, **DAY)

    assert left(pipeline).tables == second.tables


def test_rows_that_a_replay_rejects_again_are_not_new_in_the_lane(pipeline: Pipeline) -> None:
    daily(**pipeline.where, **DAY)
    replay(**pipeline.where, **DAY)
    again = pipeline.results()["bronze.orders"]
    assert (again["books"]["quarantined"], again["newly_rejected"], again["rejected"]) == (1, 0, {})


def test_rejected_rows_come_to_gold_after_a_fix_and_a_restore_takes_them_back(pipeline: Pipeline) -> None:
    daily(**pipeline.where, **DAY)
    first = totals(pipeline)
    assert first == [("ann", 6), ("bob", 3)]
    mend(pipeline)

    replay(**pipeline.where, **DAY)

    books = pipeline.results()["bronze.orders"]["books"]
    assert (books["extracted"], books["inserted"], books["quarantined"]) == (1, 1, 0)
    assert list((pipeline.lake.root / LANE / "_ledger").iterdir())
    assert totals(pipeline) == first, "gold follows with the next run"
    daily(**pipeline.where, **DAY)
    assert totals(pipeline) == [*first, ("eve", 0)]
    assert {name: result["computed"] for name, result in pipeline.results().items() if result["computed"]} == {
        "bronze.items": "nothing",
        "bronze.orders": "nothing",
        "silver.orders": "what changed",
        "silver.items": "nothing",
        "gold.customers": "what changed",
    }

    restore(**pipeline.where, **DAY, run="r1")

    assert totals(pipeline) == first
    assert pipeline.summaries()[-1]["release"] == "r3"
    replay(**pipeline.where, **DAY)
    assert pipeline.results()["bronze.orders"]["books"]["inserted"] == 1, "what a restore takes out is open again"
