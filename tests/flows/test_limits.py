"""Limits through the flows and the command: a source that broke stops at the gate; a person can let it pass once."""

from __future__ import annotations

from datetime import date

import pytest

from flows.apply import apply
from flows.daily import daily
from flows.ingest import ingest
from flows.plan import plan
from tests.flows.conftest import ENV, Pipeline, begun, ended
from tidemark.errors import ConfigError, GateError

DAY = date(2025, 3, 30)
TABLE = "bronze.people"
PEOPLE = [f"{number},somebody" for number in range(20)]


@pytest.fixture
def people(pipeline: Pipeline) -> Pipeline:
    """A table that a full extract fills, with twenty rows in it."""
    source = {"connection": "landing", "object": "people/", "format": "csv", "mode": "full"}
    write = {"mode": "upsert", "keys": ["id"], "deletes": {"missing": "hard"}}
    pipeline.lake.table(TABLE, "id! int\nname! string", {"source": source, "write": write}, keys=["id"])
    send(pipeline, PEOPLE)
    ingest(**pipeline.where, date=DAY, select=[TABLE])
    return pipeline


def send(pipeline: Pipeline, rows: list[str]) -> None:
    pipeline.land("people/all.csv", "id,name", *rows)


def count(pipeline: Pipeline) -> int:
    return len(pipeline.lake.read(TABLE))


def test_what_the_error_advises_lets_the_limit_pass_once(people: Pipeline, prefect_server: str) -> None:
    send(people, PEOPLE[:9])
    with pytest.raises(GateError) as refused:
        ingest(**people.where, date=DAY, select=[TABLE])
    error = refused.value
    assert error.summary.startswith(f"{TABLE} was not committed: 1 of ")
    assert error.seen[0] == "deleted rows at most 20 % (from 10 rows on): was 11 of 20 (55.0%)"
    assert error.evidence is not None
    assert error.next_step is not None
    assert (people.results()[TABLE]["status"], count(people)) == ("gate failed", 20)

    command = error.next_step.rpartition("let it pass once: tidemark ")[2].split()
    code, _, said = ended(begun(people, prefect_server, *command, "--date", DAY.isoformat()))
    assert code == 0, said
    summary = people.summaries()[-1]
    assert (summary["allowed"], count(people)) == (["deleted"], 9)
    assert summary["tables"][0]["gate"]["warnings"] == [
        "deleted rows at most 20 % (from 10 rows on): was 11 of 20 (55.0%), let pass by --allow deleted"
    ]

    send(people, [])
    with pytest.raises(GateError, match="the extract is not empty: was 0 rows came, 9 rows of the table would go"):
        daily(**people.where, date=DAY, select=[TABLE])
    assert count(people) == 9


def test_a_plan_stops_at_the_limit_and_what_was_allowed_is_applied(people: Pipeline) -> None:
    send(people, [])
    with pytest.raises(GateError, match=f"tidemark --env {ENV} plan --select {TABLE} --allow empty"):
        plan(**people.where, date=DAY, select=[TABLE])
    made = plan(**people.where, date=DAY, select=[TABLE], allow=["empty"])
    assert count(people) == 20
    apply(made, **people.where)
    assert count(people) == 0


def test_a_file_that_is_cut_off_deletes_nothing_and_the_run_says_so(people: Pipeline) -> None:
    send(people, [*PEOPLE[:3], '3,"some'])
    ingest(**people.where, date=DAY, select=[TABLE])
    assert count(people) == 20
    summary = people.summaries()[-1]
    assert [each["message"].partition(":")[0] for each in summary["warnings"]] == ["deletes no key"]
    assert summary["tables"][0]["books"]["quarantined"] == 1
    send(people, PEOPLE[:19])
    ingest(**people.where, date=DAY, select=[TABLE])
    assert count(people) == 19


def test_limits_are_let_pass_for_tables_that_somebody_names(people: Pipeline) -> None:
    with pytest.raises(ConfigError, match="would be let pass for every table"):
        daily(**people.where, date=DAY, allow=["deleted"])
