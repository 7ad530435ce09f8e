"""A run that was killed while it committed, and cannot be finished: what is advised can be done, and ends it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from flows.daily import daily
from tests.flows.conftest import Pipeline
from tests.flows.test_crashes import DAY, killed, left, second_day
from tests.support.advice import commands
from tidemark.control.commits import interrupted
from tidemark.control.state import SqliteState
from tidemark.errors import TidemarkError

CHANGES = 4  # what `plan` exits with
POINT = "gold.customers: before commit"

Output = pytest.CaptureFixture[str]


def typed(pipeline: Pipeline, *words: str) -> int:
    """The command, in this process, as somebody types it who means it."""
    asks = words[0] == "restore" or {"--undo", "--finish"} & set(words)
    where = ["--env", pipeline.where["env"], "--config", pipeline.where["config"]]
    return main([*words, *where, *(["--yes"] if asks and "--yes" not in words else [])])


def stuck(pipeline: Pipeline, api: str) -> str:
    """Two days, the second killed between its commits and its staging lost; gives the run's id."""
    daily(**pipeline.where, date=DAY)
    second_day(pipeline)
    killed(pipeline, api, POINT)
    (died,) = interrupted(SqliteState(pipeline.home / "state" / "state.db"))
    shutil.rmtree(pipeline.home / "lake" / "_staging" / f"run_id={died.run_id}" / "gold.customers")
    return died.run_id


def refused(pipeline: Pipeline, *words: str, output: Output) -> str:
    """What a command that fails prints as its next step."""
    output.readouterr()
    assert typed(pipeline, *words) not in (0, CHANGES)
    told = output.readouterr().err
    return told.rpartition("  next      ")[2]


def test_what_is_advised_ends_it(pipeline: Pipeline, prefect_server: str, capsys: Output) -> None:
    run_id = stuck(pipeline, prefect_server)
    first = pipeline.lake.read("gold.customers")

    advice = refused(pipeline, "run", "--date", DAY.isoformat(), output=capsys)

    (recover,) = commands(advice)
    assert recover == ["recover", "--run", run_id[:8]]
    assert typed(pipeline, *recover) == 0
    shown = capsys.readouterr().out
    offered = [words for line in shown.splitlines() if "→" in line for words in commands(line)]
    assert offered == [[*recover, "--undo"]], shown
    assert "no longer in staging" in shown
    assert typed(pipeline, *recover, "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["can_finish"], told["can_undo"], told["flow"]) == (False, True, "daily")
    assert {each["table"]: each["standing"] for each in told["tables"]} == {
        "silver.orders": "committed",
        "silver.items": "committed",
        "gold.customers": "not committed",
    }
    advice = refused(pipeline, *recover, "--finish", output=capsys)
    assert commands(advice) == [recover]

    assert typed(pipeline, *offered[0]) == 0

    assert pipeline.lake.read("gold.customers") == first
    assert typed(pipeline, "recover") == 0
    assert capsys.readouterr().out.endswith("nothing is half done\n")
    daily(**pipeline.where, date=DAY)
    assert pipeline.lake.read("gold.customers", "customer", "qty") == [("ann", 7), ("bob", 5)]


def test_others_go_on_and_bronze_receives(pipeline: Pipeline, prefect_server: str, capsys: Output) -> None:
    stuck(pipeline, prefect_server)
    pipeline.land("orders/3.csv", "id,customer,qty", "8,ann,1")

    assert typed(pipeline, "plan", "--select", "bronze.items") == 0
    assert typed(pipeline, "errors", "list") == 0
    assert typed(pipeline, "errors", "replay", "--table", "bronze.orders") == 0
    assert typed(pipeline, "check", "--select", "bronze.*") == 0
    assert typed(pipeline, "runs", "list") == 0
    assert typed(pipeline, "state", "show") == 0
    assert typed(pipeline, "maintain") == 0
    assert typed(pipeline, "job", "daily", "--date", DAY.isoformat()) == 1
    assert (8,) in pipeline.lake.read("bronze.orders", "id"), "bronze is received all the same"
    assert typed(pipeline, "restore", "--run", "r1") == 0
    assert typed(pipeline, "recover") == 0
    assert capsys.readouterr().out.endswith("nothing is half done\n")
    daily(**pipeline.where, date=DAY)
    assert pipeline.lake.read("gold.customers", "customer", "qty") == [("ann", 8), ("bob", 5)]


@pytest.mark.parametrize(
    ("point", "way"),
    [
        ("undo: begun", "--undo"),
        ("silver.orders: restored, its errors not open again", "--undo"),
        ("undo: all tables, not ended", "--undo"),
        ("gold.customers: moved, not committed", "--finish"),
        ("gold.customers: committed, not in the index", "--finish"),
    ],
)
def test_recovering_that_is_killed_is_done_again(pipeline: Pipeline, prefect_server: str, point: str, way: str) -> None:
    daily(**pipeline.where, date=DAY)
    second_day(pipeline)
    first = left(pipeline)
    killed(pipeline, prefect_server, POINT)

    killed(pipeline, prefect_server, point, "recover", way, "--yes")
    assert typed(pipeline, "recover", way) == 0

    if way == "--undo":
        assert {table: pipeline.lake.read(table) for table in ("silver.orders", "gold.customers")} == {
            table: first.tables[table] for table in ("silver.orders", "gold.customers")
        }
    daily(**pipeline.where, date=DAY)
    assert pipeline.lake.read("gold.customers", "customer", "qty") == [("ann", 7), ("bob", 5)]
    assert interrupted(SqliteState(pipeline.home / "state" / "state.db")) == ()


def lose_old_files(pipeline: Pipeline, table: str) -> None:
    kept = {Path(file).name for file in pipeline.lake.delta(table).inputFiles()}
    for file in Path(pipeline.lake.path(table)).rglob("*.parquet"):
        if file.name not in kept:
            file.unlink()


def no_old_files(pipeline: Pipeline, api: str) -> list[str]:
    """A restore to a release of which one table's files were removed by somebody."""
    daily(**pipeline.where, date=DAY)
    second_day(pipeline)
    daily(**pipeline.where, date=DAY)
    lose_old_files(pipeline, "silver.orders")
    return ["restore", "--run", "r1"]


def stale_plan(pipeline: Pipeline, api: str) -> list[str]:
    """A plan whose tables were written since."""
    assert typed(pipeline, "plan", "--date", DAY.isoformat()) == CHANGES
    plan = pipeline.summaries()[-1]["run_id"]
    pipeline.land("orders/2.csv", "id,customer,qty", "5,ann,1")
    daily(**pipeline.where, date=DAY)
    return ["apply", plan]


def half_committed(pipeline: Pipeline, api: str) -> list[str]:
    stuck(pipeline, api)
    return ["run", "--date", DAY.isoformat()]


def half_committed_and_changed(pipeline: Pipeline, api: str) -> list[str]:
    """What was committed cannot be taken back without what somebody has done since."""
    run_id = stuck(pipeline, api)
    path = pipeline.lake.path("silver.orders")
    pipeline.lake.spark.sql(f"DELETE FROM delta.`{path}` WHERE customer = 'bob'")
    return ["recover", "--run", run_id, "--undo"]


def nothing_released(pipeline: Pipeline, api: str) -> list[str]:
    return ["job", "publish_gold"]


def unknown_run(pipeline: Pipeline, api: str) -> list[str]:
    return ["runs", "show", "0198"]


def unknown_commit(pipeline: Pipeline, api: str) -> list[str]:
    return ["recover", "--run", "0198"]


@pytest.mark.parametrize(
    "refusal",
    [
        no_old_files,
        stale_plan,
        half_committed,
        half_committed_and_changed,
        nothing_released,
        unknown_run,
        unknown_commit,
    ],
)
def test_every_command_that_a_refusal_advises_can_be_done(
    pipeline: Pipeline, prefect_server: str, capsys: Output, refusal: Callable[[Pipeline, str], list[str]]
) -> None:
    words = refusal(pipeline, prefect_server)
    advised = commands(refused(pipeline, *words, output=capsys))
    assert advised
    for each in advised:
        told = capsys.readouterr().err
        assert typed(pipeline, *each) in (0, CHANGES), f"{' '.join(each)}: {capsys.readouterr().err}{told}"


def test_an_error_of_a_flow_carries_the_advice_too(pipeline: Pipeline, prefect_server: str) -> None:
    stuck(pipeline, prefect_server)
    with pytest.raises(TidemarkError) as failed:
        daily(**pipeline.where, date=DAY)
    assert commands(str(failed.value.next_step))
