"""When jobs begin and end: what happens in a run, and the events that follow from it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.running.telling.lineage import LineageWatcher, trace
from tests.support.lakes.config_folder import ConfigFolder
from tests.support.openlineage import problems
from tidemark.books import Books
from tidemark.compute.gate.quality import GateResult
from tidemark.compute.gate.scan import CheckResult
from tidemark.config.project import Project, load_project
from tidemark.control.commits import Interrupted
from tidemark.control.runs import LineageSummary, Publication, Run, TableResult
from tidemark.engine import DoneBatch
from tidemark.observe.lineage.jobs import Job, Parents
from tidemark.write.manifest import Prepared

RUN_ID = "0198f3c2-0000-4000-8000-000000000001"
PEOPLE = "bronze.people"
AT = datetime(2025, 3, 30, 6, 30)
RUN = Run(RUN_ID, date(2025, 3, 30), AT, AT)


class Caught:
    """Takes events as a courier does, at once."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.settled: list[str] = []

    def take(self, make: Any) -> None:
        """Makes the event."""
        self.events.append(make())

    def settle(self, job_run: str) -> None:
        """Remembers it."""
        self.settled.append(job_run)

    def finish(self, held: object) -> LineageSummary:
        """Counts."""
        self.held = held
        return LineageSummary(len(self.events), "here")

    @property
    def told(self) -> list[str]:
        return [f"{each['eventType']} {each['job']['name']}" for each in self.events]


@pytest.fixture
def caught() -> Caught:
    return Caught()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(ConfigFolder(tmp_path / "config").root, "local")


@pytest.fixture
def watcher(project: Project, caught: Caught) -> LineageWatcher:
    parents = Parents("tidemark-local", "daily", RUN_ID)
    return LineageWatcher(project, RUN, parents, caught)


def checked(table: str, outcome: str) -> GateResult:
    return GateResult(table, RUN_ID, (CheckResult("row count > 0", outcome, "0"),), 0.1, "/x")


def test_a_load_begins_once_and_ends_when_it_is_committed(watcher: LineageWatcher, caught: Caught) -> None:
    for step in ("extract", "validate", "prepare", "gate", "commit"):
        watcher.step_began("bronze.people", step)
    watcher.gate_ended(checked("bronze.people", "pass"))
    watcher.table_ended(TableResult("bronze.people", "prepared"))
    watcher.table_ended(TableResult("bronze.people", "committed", books=Books(3, 3, inserted=3), version=4))
    told = watcher.finish("done", None, "r1")
    assert caught.told == [
        "START daily",
        "START bronze.people",
        "START bronze.people.gate",
        "COMPLETE bronze.people.gate",
        "COMPLETE bronze.people",
        "COMPLETE daily",
    ]
    assert told.sent == 6
    assert caught.events[4]["outputs"][0]["facets"]["version"]["datasetVersion"] == "4"
    ids = [each["run"]["runId"] for each in caught.events]
    assert (ids[1], ids[0]) == (ids[4], RUN_ID)


def test_a_failed_gate_fails_the_gate_and_the_load(watcher: LineageWatcher, caught: Caught) -> None:
    watcher.step_began("bronze.people", "extract")
    watcher.gate_ended(checked("bronze.people", "fail"))
    watcher.table_ended(TableResult("bronze.people", "gate failed", error="1 of 1 checks failed"))
    watcher.finish("gate failed", "1 of 1 checks failed", None)
    assert caught.told[3:] == ["FAIL bronze.people.gate", "FAIL bronze.people", "FAIL daily"]
    assert caught.events[4]["run"]["facets"]["errorMessage"]["message"] == "1 of 1 checks failed"


def test_the_end_of_a_run_is_told_where_the_control_store_does_not_answer(
    watcher: LineageWatcher, caught: Caught
) -> None:
    def silent(kind: str) -> Any:
        raise OSError(f"no {kind}")

    watcher.step_began("bronze.people", "extract")
    watcher.engine = SimpleNamespace(batches={}, prepared={}, pinned={}, state=SimpleNamespace(list=silent))
    watcher.finish("failed", "the control store does not answer", None)
    assert caught.told[-1] == "FAIL daily"
    assert caught.held is None


def test_what_was_prepared_and_never_committed_is_aborted(watcher: LineageWatcher, caught: Caught) -> None:
    watcher.step_began("silver.person_versions", "build")
    watcher.table_ended(TableResult("silver.person_versions", "prepared"))
    watcher.finish("failed", "another table failed", None)
    assert caught.told[2:] == ["ABORT silver.person_versions", "FAIL daily"]
    assert "another table failed" in caught.events[2]["run"]["facets"]["errorMessage"]["message"]


def test_an_interrupted_run_is_aborted(watcher: LineageWatcher, caught: Caught) -> None:
    watcher.step_began("bronze.people", "extract")
    watcher.finish("interrupted", "TerminationSignal", None)
    assert caught.told[2:] == ["ABORT bronze.people", "ABORT daily"]


def test_a_second_batch_of_a_table_is_a_run_of_its_own(watcher: LineageWatcher, caught: Caught) -> None:
    for _ in range(2):
        watcher.step_began("bronze.people", "extract")
        watcher.table_ended(TableResult("bronze.people", "committed"))
    ids = [each["run"]["runId"] for each in caught.events[1:]]
    assert ids[0] == ids[1] != ids[2] == ids[3]


@pytest.mark.parametrize("step", ["restore", "erase"])
def test_what_changes_a_table_without_loading_it_reads_nothing(
    watcher: LineageWatcher, caught: Caught, step: str
) -> None:
    watcher.step_began("gold.dim_person", step)
    watcher.table_ended(TableResult("gold.dim_person", "committed", version=9))
    assert caught.told[1:] == [f"START gold.dim_person.{step}", f"COMPLETE gold.dim_person.{step}"]
    assert (caught.events[-1]["inputs"], problems(caught.events[-1])) == ([], [])
    assert caught.events[-1]["outputs"][0]["facets"]["version"]["datasetVersion"] == "9"


def test_a_table_that_is_taken_back_is_restored_as_it_should_be(watcher: LineageWatcher, caught: Caught) -> None:
    watcher.step_began("gold.dim_person", "restore")
    watcher.table_ended(TableResult("gold.dim_person", "taken back", books=Books(3, 3, inserted=3), version=9))
    watcher.finish("failed", "another table failed", None)
    assert caught.told[1:] == ["START gold.dim_person.restore", "COMPLETE gold.dim_person.restore", "FAIL daily"]
    assert caught.events[2]["outputs"][0]["facets"]["version"]["datasetVersion"] == "9"


def test_a_table_that_could_not_be_taken_back_failed(watcher: LineageWatcher, caught: Caught) -> None:
    watcher.step_began("gold.dim_person", "restore")
    watcher.table_ended(TableResult("gold.dim_person", "failed", error="its files are gone"))
    assert caught.told[1:] == ["START gold.dim_person.restore", "FAIL gold.dim_person.restore"]


def test_a_batch_without_changes_tells_nothing_of_the_one_before_it(
    watcher: LineageWatcher, project: Project, caught: Caught
) -> None:
    books = Books(3, 3, inserted=3)
    batch = Prepared(PEOPLE, "b1", RUN_ID, "append", ("id",), ("id",), "/s", "/s/data", books, None, 3)
    done = {PEOPLE: DoneBatch(4, batch)}
    watcher.engine = SimpleNamespace(batches=done, prepared={}, pinned={}, table=project.table)
    watcher.step_began(PEOPLE, "extract")
    watcher.table_ended(TableResult(PEOPLE, "committed", books=books, version=4))
    for status in ("unchanged", "gate failed"):
        watcher.step_began(PEOPLE, "extract")
        watcher.table_ended(TableResult(PEOPLE, status, books=Books(), version=4))

    ends = [each for each in caught.events if each["job"]["name"] == PEOPLE and each["eventType"] != "START"]
    assert [each["eventType"] for each in ends] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert ends[0]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert [each["outputs"][0].get("outputFacets", {}) for each in ends[1:]] == [{}, {}]
    tags = [{each["key"]: each["value"] for each in end["run"]["facets"]["tags"]["tags"]} for end in ends]
    assert [each.get("batch_id") for each in tags] == ["b1", None, None]


@pytest.mark.parametrize("step", ["gate", "verify", "maintain"])
def test_who_only_looks_loads_nothing(watcher: LineageWatcher, caught: Caught, step: str) -> None:
    watcher.step_began("bronze.people", step)
    watcher.table_ended(TableResult("bronze.people", "checked"))
    watcher.finish("done", None, None)
    assert caught.told == ["START daily", "COMPLETE daily"]


def test_a_publication_is_a_job(watcher: LineageWatcher, caught: Caught) -> None:
    for target, error in (("warehouse", None), ("warehouse", "refused")):
        watcher.publication_began("gold.dim_person", target)
        rows = None if error else 9
        watcher.publication_ended(Publication("gold.dim_person", target, 5, rows_after=rows, error=error, version=3))
    name = "gold.dim_person.publish.warehouse"
    assert caught.told[1:] == [f"START {name}", f"COMPLETE {name}", f"START {name}", f"FAIL {name}"]


def test_what_a_dead_run_was_committing_is_completed_for_it(watcher: LineageWatcher, caught: Caught) -> None:
    died = Interrupted("0198aaaa-0000-4000-8000-000000000009", date(2025, 3, 29), {"silver.person_versions": "b1"})
    watcher.finished_for(died, "silver.person_versions", 8)
    (end,) = caught.events[1:]
    assert (end["eventType"], end["job"]["name"]) == ("COMPLETE", "silver.person_versions")
    assert end["run"]["runId"] == Job.load("silver.person_versions").run_id(died.run_id)
    assert end["run"]["facets"]["parent"]["run"]["runId"] == died.run_id
    assert caught.settled == [end["run"]["runId"]]


def test_a_plan_tells_only_what_it_ends_for_others(project: Project, caught: Caught) -> None:
    parents = Parents("tidemark-local", "plan", RUN_ID)
    plans = LineageWatcher(project, replace(RUN, plans=True), parents, caught)
    plans.step_began("bronze.people", "extract")
    plans.gate_ended(checked("bronze.people", "fail"))
    plans.table_ended(TableResult("bronze.people", "gate failed", error="1 of 1 checks failed"))
    died = Interrupted("0198aaaa-0000-4000-8000-000000000009", date(2025, 3, 29), {"silver.person_versions": "b1"})
    plans.finished_for(died, "silver.person_versions", 8)
    plans.finish("gate failed", "1 of 1 checks failed", None)
    assert caught.told == ["COMPLETE silver.person_versions"]


def test_a_trace_goes_on_where_one_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert trace() == "4bf92f3577b34da6a3ce929d0e0e4736"
    for wrong in ("", "nonsense", f"00-{'0' * 32}-00f067aa0ba902b7-01"):
        monkeypatch.setenv("TRACEPARENT", wrong)
        assert trace() == ""
    assert re.fullmatch("[0-9a-f]{32}", RUN.trace_id)
