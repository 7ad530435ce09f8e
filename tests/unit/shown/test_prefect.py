"""Prefect's pages show hostile texts as text: reports, evidence, progress, events, and why a run failed."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest
from prefect import flow
from prefect.events.actions import SendNotification
from prefect.server.utilities.user_templates import render_user_template_sync, validate_user_template
from pyspark.sql import SparkSession

from blocks.automations import automations
from flows.running.telling.artifacts import ProgressArtifact, show_markdown
from flows.running.telling.progress_artifacts import ArtifactWatcher
from tasks import evidence
from tasks.guard import explained
from tests.support.deployments.artifacts import newest
from tests.support.hostile import HOSTILE, WORST, kinds, read, shape, tokens, unseen
from tests.support.hostile_pages import PAGES
from tests.support.lakes.released import ReaderLake
from tidemark import shown
from tidemark.compute.gate.quality import GateResult
from tidemark.compute.gate.scan import CheckResult
from tidemark.config.connections import ConnectionValue
from tidemark.control.runs import (
    Run,
)
from tidemark.control.state import open_state
from tidemark.engine import Engine
from tidemark.errorlane.quarantine import Rejected
from tidemark.observe.pages import artifact_key
from tidemark.observe.run_report import errors_command

TEXTS = [text for text in HOSTILE if text.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_made_of_the_same_whatever_is_written_on_it(page: str) -> None:
    """No link, picture, mark, cell or line comes of a text; and the text is there to be read."""
    plain = PAGES[page]("word")
    assert "word" in plain
    for text in TEXTS:
        found = PAGES[page](text)
        assert shape(found) == shape(plain), text
        assert not unseen(found, "\n")
        assert shown.line(text).strip() in read(tokens(found)), text


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> ReaderLake:
    return ReaderLake(tmp_path_factory.mktemp("lake"))


def connected_to_nothing(name: str) -> ConnectionValue:
    raise AssertionError(name)


def test_rejected_rows_are_linked_and_told_as_text() -> None:
    plain = shape(evidence.rejected_page("/errors/bronze/word", errors_command("r", "word"), Rejected(2, {"word": 2})))
    assert [each for each, _ in plain].count("link_open") == 1
    for text in TEXTS:
        rejected = Rejected(2, {text: 2})
        named = text.encode("utf-8", "replace").decode()  # no folder is called by a lone surrogate
        for place in ("/errors/bronze/word", f"s3://bucket/errors/{named}", f"/{named}"):
            found = evidence.rejected_page(place, errors_command("r", text), rejected)
            assert shape(found) == plain, text
            assert not unseen(found, "\n")
            assert shown.line(text).strip() in read(tokens(found)), text


def test_evidence_and_progress_are_text(lake: ReaderLake, prefect_server: str) -> None:
    """What a task leaves of rejected rows and checks, and the bars of a run, on a server of Prefect."""
    project = lake.project
    no_spark = cast("SparkSession", None)  # nothing is computed
    engine = Engine(project, no_spark, open_state(project.environment), connected_to_nothing, Run.start())
    seen: list[dict[str, Any]] = []

    def told(key: str) -> dict[str, Any]:
        artifact = newest(prefect_server, key)
        assert artifact is not None, key
        return dict(artifact)

    @flow(persist_result=False)
    def telling() -> None:
        for number, text in enumerate(WORST):
            table = f"bronze.{number} {text}"
            evidence.link_rejected(engine, table, Rejected(2, {text: 2}))
            checks = (CheckResult(text, "fail", text), CheckResult(text, "warn", text))
            evidence.link_checks(GateResult(table, "r", checks, 0.1, f"/dq/{table}.json"))
            show_markdown(f"page-{number}", shown.markdown(text), text)
            ProgressArtifact(f"bar-{number}", text, 2).advance(text)
            watcher = ArtifactWatcher()
            watcher.stage_began(f"{number} {text}", [table])
            seen.append(
                {
                    "rejected": told(artifact_key("rejected", table)),
                    "checks": told(artifact_key("checks", table)),
                    "page": told(f"page-{number}"),
                    "bar": told(f"bar-{number}"),
                    "stage": told(artifact_key("tidemark-progress", f"{number} {text}")),
                }
            )

    telling()
    assert len(seen) == len(WORST)
    for text, artifacts in zip(WORST, seen, strict=True):
        for name, each in artifacts.items():
            assert kinds(tokens(each["description"])) == [], (name, text)
            assert shown.line(text).strip() in read(tokens(each["description"])) or name == "rejected"
        rejected = tokens(artifacts["rejected"]["data"])
        assert kinds(rejected) == ["link_open", "link_close", "code_inline"], text
        assert [each.type for each in rejected].count("td_open") == 2
        assert shown.line(text).strip() in read(rejected)
        assert kinds(tokens(artifacts["checks"]["data"])) == ["link_open", "link_close"], text


@pytest.mark.parametrize("text", HOSTILE)
def test_why_a_run_failed_has_the_lines_that_it_says(text: str) -> None:
    """Prefect keeps it as the message of the run's state."""
    told = str(explained(ValueError(text), f"bronze.{text}", "extract")).split("\n")
    assert len(told) == 2
    assert told[1] == "  next      run again with --debug for the whole trace"
    assert not unseen("".join(told))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_automations_tell_a_block_of_prefect_calls_nobody(text: str, lake: ReaderLake) -> None:
    made = list(automations(lake.project.environment, UUID(int=1), UUID(int=2)))
    bodies = [each.body for one in made for each in one.actions if isinstance(each, SendNotification)]
    assert len(bodies) == 3
    for body in bodies:
        validate_user_template(body)
        run = {"name": text, "state": {"name": "Failed", "message": text}}
        told = render_user_template_sync(body, {"flow": {"name": text}, "deployment": {"name": text}, "flow_run": run})
        assert not {"<", ">"} & set(told)
        assert "](" not in told
        assert text.replace("<", "‹").replace(">", "›").replace("](", "] (") in told
