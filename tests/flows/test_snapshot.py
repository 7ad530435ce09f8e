"""Snapshots as they are typed: exported by the flow, the lake destroyed, restored elsewhere, and the next run there."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from flows.daily import daily
from flows.replay import replay
from flows.snapshot import snapshot
from tests.flows.conftest import ENV, Pipeline
from tests.flows.test_crashes import killed, second_day
from tests.flows.test_operations import mend
from tests.support.lakes.lake import Lake

DAY: dict[str, Any] = {"date": date(2025, 3, 30)}
TABLES = ("bronze.orders", "bronze.items", "silver.orders", "silver.items", "gold.customers")


def rows(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    return {table: pipeline.lake.read(table) for table in TABLES}


def elsewhere(pipeline: Pipeline, root: Path) -> Pipeline:
    """A place with the same configuration and landing folder, and without a lake."""
    shutil.copytree(pipeline.lake.root / "config", root / "config")
    other = Pipeline(Lake(pipeline.lake.spark, root))
    text = (pipeline.lake.root / "config" / "env" / f"{ENV}.yaml").read_text("utf-8")
    other.lake.write(f"env/{ENV}.yaml", text.replace(str(pipeline.home), str(other.home)))
    return other


def typed(pipeline: Pipeline, *words: str) -> int:
    return main(["snapshot", *words, "--env", ENV, "--config", pipeline.where["config"]])


def destroyed(pipeline: Pipeline) -> str:
    """Where its snapshots lie, which is all that is left."""
    for each in pipeline.home.iterdir():
        if each.is_dir() and each.name != "snapshots":
            shutil.rmtree(each)
    return str(pipeline.home / "snapshots")


def test_what_is_destroyed_is_restored_elsewhere_and_the_next_run_loses_and_doubles_nothing(
    pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    daily(**pipeline.where, **DAY)
    first = rows(pipeline)
    snapshot(**pipeline.where)
    assert pipeline.summaries()[-1]["snapshot"]["copied"] > 0
    left = destroyed(pipeline)

    other = elsewhere(pipeline, tmp_path_factory.mktemp("other"))
    capsys.readouterr()
    assert typed(other, "verify", "--from", left, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["release"], told["tables"], told["faults"]) == ("r1", len(TABLES), [])
    assert typed(other, "restore", "--from", left, "--yes") == 0
    assert rows(other) == first
    assert [each["flow"] for each in other.summaries()] == ["daily"], "its books came along"

    daily(**other.where, **DAY)
    assert rows(other) == first
    assert other.results()["bronze.orders"]["status"] == "unchanged", "files that were received are known"
    second_day(pipeline)
    daily(**other.where, **DAY)
    assert len(rows(other)["bronze.orders"]) > len(first["bronze.orders"])
    assert typed(other, "restore", "--from", left, "--yes") == 2, "it is not empty any more"


def test_rejected_rows_that_were_replayed_after_the_release_are_open_again(
    pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory
) -> None:
    daily(**pipeline.where, **DAY)
    first = rows(pipeline)
    mend(pipeline)
    replay(**pipeline.where, **DAY)
    snapshot(**pipeline.where, release="r1")
    left = destroyed(pipeline)
    other = elsewhere(pipeline, tmp_path_factory.mktemp("other"))
    assert typed(other, "restore", "r1", "--from", left, "--yes") == 0
    assert rows(other) == first

    replay(**other.where, **DAY)

    assert other.results()["bronze.orders"]["books"]["inserted"] == 1


def test_an_export_that_is_killed_leaves_no_snapshot_and_is_done_again(
    pipeline: Pipeline, prefect_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    daily(**pipeline.where, **DAY)
    killed(pipeline, prefect_server, "silver.orders: copied, no snapshot", "snapshot", "export")
    capsys.readouterr()
    assert typed(pipeline, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []

    snapshot(**pipeline.where)

    assert typed(pipeline, "verify") == 0
