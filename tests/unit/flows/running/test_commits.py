"""Tables that are committed together: all or none, whoever ends it and however. Without Prefect around the steps."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import Task

from flows import restore as restore_flow
from flows.running import commits as committing
from flows.running.context import RunContext
from flows.running.telling.collector import Collector
from flows.running.telling.progress import LoggingWatcher
from tasks import steps as tasks
from tests.support.lakes.lake import Lake, Rows
from tests.support.lakes.saved import Beginnings, Saved
from tidemark import faults, steps
from tidemark.aws.folder import open_folder
from tidemark.control import commits, leases, release
from tidemark.control.release import Release
from tidemark.control.runs import RunSummary
from tidemark.engine import Engine
from tidemark.errors import CommitError, TidemarkError, UnfinishedError
from tidemark.observe.alerts import Alerts
from tidemark.operations import recovery
from tidemark.write.manifest import Prepared

PEOPLE = ("silver.people", "gold.names", "gold.towns")
PERSON = "id string\nname string\ntown string\nat int"
FIRST: Rows = [("a", "Ann", "Ulm", 1), ("b", "Bob", "Kiel", 1)]
SECOND: Rows = [("a", "Anna", "Ulm", 2), ("c", "Cem", "Bonn", 2)]
THIRD: Rows = [("d", "Dan", "Ulm", 3)]

pytestmark = pytest.mark.usefixtures("bare")


class Killed(BaseException):
    """A process that ends here, as far as this one can play it."""


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flows' own code, with the steps themselves in place of Prefect's tasks."""
    plain = {name: each.fn for name, each in vars(tasks).items() if isinstance(each, Task)}
    monkeypatch.setattr(committing, "tasks", SimpleNamespace(on_spark=lambda _, each: each, **plain))
    monkeypatch.setattr(committing, "unseen", lambda value: value)
    monkeypatch.setattr(committing.events, "release_created", lambda *_: None)


@pytest.fixture
def people(beginnings: Beginnings) -> Lake:
    """People received, the newest of each, their names, and how many there are in a town; one release of it."""
    return beginnings.of(released)[0]


def released(lake: Lake) -> None:
    described(lake)
    receive(lake, FIRST)
    context = opened(lake)
    committing.claim(context, PEOPLE)
    commit_together(context)


def described(lake: Lake) -> None:
    source = {"source": {"connection": "shop", "object": "x"}, "write": {"mode": "append", "keys": ["id", "at"]}}
    lake.table("bronze.people", PERSON, source, keys=["id", "at"])
    built(lake, "silver.people", PERSON, "bronze.people", "id", "SELECT id, name, town, at FROM bronze.people")
    built(lake, "gold.names", "id string\nname string", "silver.people", "id", "SELECT id, name FROM silver.people")
    towns = "SELECT town, COUNT(*) AS heads FROM silver.people GROUP BY town"
    built(lake, "gold.towns", "town string\nheads bigint", "silver.people", "town", towns)


def built(lake: Lake, name: str, columns: str, of: str, key: str, sql: str) -> None:
    write: dict[str, Any] = {"mode": "upsert", "keys": [key]}
    write |= {"order_by": ["at"]} if "at int" in columns else {}
    lake.table(name, columns, {"inputs": {of: {"on": [key]}}, "write": write}, keys=[key], sql=sql)


def receive(lake: Lake, rows: Rows) -> None:
    lake.load("bronze.people", lake.frame(PERSON.replace("\n", ", "), rows))


def opened(lake: Lake, flow: str = "daily", *, plans: bool = False) -> RunContext:
    """A run that has just begun; runs before it are over, and hold no lease any more."""
    for before in lake.engines:
        give_back(before)
    engine = lake.engine(plans=plans)
    run, folder = engine.run, open_folder(engine.environment.roots.runs)
    summary = RunSummary(run.run_id, flow, "test", run.date, run.started_at)
    watcher = LoggingWatcher()
    alerts = Alerts(engine.environment, run.run_id, folder)
    return RunContext(flow, engine, Collector(summary, watcher), alerts, folder, watcher, at_once=1)


def give_back(engine: Engine) -> None:
    for table in engine.leases.held():
        engine.leases.release(table)


def prepared(context: RunContext) -> dict[str, Prepared]:
    """Prepares the tables of `people`, each from the candidates of those before it."""
    for table in PEOPLE:
        checked = steps.build(context.engine, table)
        assert checked is not None
        steps.prepare(context.engine, table, checked)
    return dict(context.engine.prepared)


def commit_together(context: RunContext) -> Release | None:
    prepared(context)
    committing.commit_together(context, PEOPLE)
    return release.latest(context.engine.state)


def held(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    return {table: lake.read(table) for table in PEOPLE if list(Path(lake.path(table), "_delta_log").glob("*.json"))}


def after(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables must hold when these were received, the newest of an id last."""
    newest = {row[0]: row for row in rows}
    towns = [row[2] for row in newest.values()]
    return {
        "silver.people": sorted(newest.values()),
        "gold.names": sorted(row[:2] for row in newest.values()),
        "gold.towns": sorted({(town, towns.count(town)) for town in towns}),
    }


ONE, TWO, THREE = after(FIRST), after([*FIRST, *SECOND]), after([*FIRST, *SECOND, *THIRD])


@contextmanager
def failing_at(point: str, failure: BaseException) -> Iterator[None]:
    """Something goes wrong where a run comes to this point; of one that is killed no thread goes on."""
    dead = threading.Event()

    def fail(reached: str) -> None:
        if reached == point or dead.is_set():
            if isinstance(failure, Killed):
                dead.set()
            raise failure

    forget = faults.observed_by(fail)
    try:
        yield
    finally:
        for thread in threading.enumerate():
            if thread.name.startswith("tidemark_"):
                thread.join()
        forget()


def half_done(lake: Lake, point: str = "gold.names: committed, not in the index") -> RunContext:
    """The second day, whose run dies at the point."""
    receive(lake, SECOND)
    context = opened(lake)
    committing.claim(context, PEOPLE)
    prepared(context)
    with pytest.raises(Killed), failing_at(point, Killed()):
        committing.commit_together(context, PEOPLE)
    return context


@pytest.fixture
def half_way(beginnings: Beginnings) -> Lake:
    """The people, whose second day died when two of its three tables were committed."""
    return beginnings.of(half_done, after=(released,))[0]


@pytest.fixture
def stuck(half_way: Lake) -> Lake:
    """What the run that died has staged for its third table is gone."""
    shutil.rmtree(staged(half_way, "gold.towns"))
    return half_way


def staged(lake: Lake, table: str) -> Path:
    """Where the run that died has staged a table."""
    (died,) = begun(lake)
    return Path(lake.engine().staging_path(table, died.run_id))


def the_next_run(lake: Lake) -> Release | None:
    context = opened(lake)
    committing.claim(context, PEOPLE)
    for table in PEOPLE:
        checked = steps.build(context.engine, table)
        if checked is not None:
            steps.prepare(context.engine, table, checked)
    committing.commit_together(context, PEOPLE)
    return release.latest(context.engine.state)


def begun(lake: Lake) -> tuple[commits.Interrupted, ...]:
    return commits.interrupted(lake.engine().state)


class TestTriedFirst:
    """What cannot be committed is found before anything is."""

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (lambda lake, run: lose_data(run, "gold.towns"), "what was staged"),
            (lambda lake, run: shutil.rmtree(lake.path("gold.towns")), "gold.towns"),
            (lambda lake, run: constrain(lake), "gold.towns"),
        ],
        ids=["staged files gone", "table dropped", "constraint added"],
    )
    def test_one_that_cannot_be_committed_keeps_the_others_back(
        self, people: Lake, spoil: Callable[[Lake, RunContext], None], told: str
    ) -> None:
        receive(people, SECOND)
        context = opened(people)
        committing.claim(context, PEOPLE)
        prepared(context)
        spoil(people, context)

        with pytest.raises(TidemarkError, match=told):
            committing.commit_together(context, PEOPLE)

        kept = held(people)
        assert kept == {table: rows for table, rows in ONE.items() if table in kept}
        assert {"silver.people", "gold.names"} <= kept.keys()
        assert begun(people) == ()

    def test_a_place_that_cannot_be_written_is_found_before_the_first_commit(self, lake: Lake) -> None:
        described(lake)
        receive(lake, FIRST)
        context = opened(lake)
        committing.claim(context, PEOPLE)
        prepared(context)
        Path(lake.path("gold.towns"), "_delta_log").write_text("no folder")

        with pytest.raises(TidemarkError, match="the batch cannot be committed: it was tried"):
            committing.commit_together(context, PEOPLE)

        assert held(lake) == {}

    def test_a_control_store_that_was_lost_and_counts_from_less_keeps_nobody_back(self, people: Lake) -> None:
        receive(people, SECOND)
        the_next_run(people)
        state = opened(people).engine.state
        for record in state.list(leases.KIND):
            state.delete(leases.KIND, record.key)
        receive(people, THIRD)

        the_next_run(people)

        assert held(people) == THREE


class TestAllOrNothing:
    """A commit that fails when others are made already."""

    @pytest.mark.parametrize("first_day", [True, False])
    def test_the_others_are_taken_back(self, lake: Lake, request: pytest.FixtureRequest, first_day: bool) -> None:
        if first_day:
            described(lake)
            receive(lake, [*FIRST, *SECOND])
        else:
            lake = request.getfixturevalue("people")
            receive(lake, SECOND)
        before, released = held(lake), release.latest(lake.engine().state)
        context = opened(lake)
        committing.claim(context, PEOPLE)
        prepared(context)

        with (
            failing_at("gold.towns: moved, not committed", OSError("no route to host")),
            pytest.raises(TidemarkError) as failed,
        ):
            committing.commit_together(context, PEOPLE)

        assert "no route to host" in str(failed.value)
        assert "taken back: gold.names, silver.people" in str(failed.value)
        assert held(lake) == (before or {"silver.people": [], "gold.names": []})
        assert begun(lake) == ()
        assert release.latest(lake.engine().state) == released

        recorded = the_next_run(lake)
        assert held(lake) == TWO
        assert recorded is not None
        assert dict(recorded.tables).keys() == {*PEOPLE, "bronze.people"}

    @pytest.mark.slow
    def test_what_cannot_be_taken_back_either_is_told_with_its_cause(self, people: Lake) -> None:
        receive(people, SECOND)
        context = opened(people)
        committing.claim(context, PEOPLE)
        prepared(context)
        points = iter(["gold.towns: moved, not committed", "undo: begun"])
        wanted = [next(points)]

        def fail(point: str) -> None:
            if point == wanted[0]:
                wanted[0] = next(points, "")
                raise CommitError(f"it broke at {point}")

        forget = faults.observed_by(fail)
        with pytest.raises(UnfinishedError) as failed:
            committing.commit_together(context, PEOPLE)
        forget()

        assert "it broke at gold.towns: moved, not committed" in str(failed.value)
        assert "not taken back: it broke at undo: begun" in str(failed.value)
        (left,) = begun(people)
        assert "it broke at gold.towns" in str(left.cause)

        the_next_run(people)
        assert begun(people) == ()
        assert held(people) == TWO


class TestHalfDone:
    """A run died in between, and what it had staged is gone."""

    def test_it_is_told_with_its_cause_and_ended_by_taking_it_back(self, stuck: Lake) -> None:
        (died,) = begun(stuck)

        with pytest.raises(UnfinishedError) as refused:
            committing.claim(opened(stuck), PEOPLE)

        assert refused.value.seen[:2] == (
            "committed: silver.people, gold.names",
            "not committed: gold.towns",
        )
        assert "no longer in staging" in str(refused.value)
        assert refused.value.next_step == (
            f"tidemark recover --run {died.short_id} shows what can be done, and does it"
        )
        context = opened(stuck, "recover")
        (left,) = recovery.wanted(context.engine.state, None)
        shown = recovery.look(context.engine, left)
        assert (shown.can_finish, shown.can_undo) == (False, True)
        assert "no longer in staging" in str(shown.begun.cause)
        with pytest.raises(UnfinishedError):
            committing.finish(context, left)

        assert committing.take_back(context, left.run_id) == ("gold.names", "silver.people")

        assert held(stuck) == ONE
        assert begun(stuck) == ()
        the_next_run(stuck)
        assert held(stuck) == TWO

    def test_what_has_nothing_to_do_with_it_goes_on_and_releases_nothing_of_it(self, stuck: Lake) -> None:
        first = release.latest(stuck.engine().state)
        (died,) = begun(stuck)
        received: dict[str, Any] = {"write": {"mode": "append", "keys": ["id"]}}
        stuck.table(
            "bronze.other", "id string", received | {"source": {"connection": "shop", "object": "y"}}, keys=["id"]
        )
        load = {"inputs": {"bronze.other": {"on": ["id"]}}, "write": {"mode": "upsert", "keys": ["id"]}}
        stuck.table("silver.other", "id string", load, keys=["id"], sql="SELECT id FROM bronze.other")
        stuck.load("bronze.other", stuck.frame("id string", [("x",)]))
        context = opened(stuck)

        committing.claim(context, ["silver.other"])
        checked = steps.build(context.engine, "silver.other")
        assert checked is not None
        steps.prepare(context.engine, "silver.other", checked)
        committing.commit_together(context, ["silver.other"])

        (warned,) = context.collector.summary("done").warnings
        assert died.run_id in warned.message
        assert warned.next_step == f"tidemark recover --run {died.short_id}"
        recorded = release.latest(context.engine.state)
        assert first is not None
        assert recorded is not None
        assert recorded.tables["silver.other"] == 0
        assert {table: recorded.tables[table] for table in PEOPLE} == {table: first.tables[table] for table in PEOPLE}

    def test_a_plan_tells_it_and_ends_nothing(self, half_way: Lake) -> None:
        (died,) = begun(half_way)
        before = held(half_way)
        planning = opened(half_way, "plan", plans=True)

        committing.claim(planning, PEOPLE)

        (warned,) = planning.collector.summary("done").warnings
        assert died.run_id in warned.message
        assert warned.next_step == f"tidemark recover --run {died.short_id}"
        assert held(half_way) == before != TWO
        assert [each.run_id for each in begun(half_way)] == [died.run_id]
        assert not planning.engine.leases.held()

    def test_one_that_dies_while_another_waits_for_it_is_ended_by_that(
        self, people: Lake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        takes, died = committing.lease, list[RunContext]()

        def waiting(run: RunContext, tables: Collection[str]) -> None:
            if not died:
                died.append(run)
                died[0] = half_done(people)
                give_back(died[0].engine)
            takes(run, tables)

        monkeypatch.setattr(committing, "lease", waiting)
        context = opened(people)
        committing.claim(context, PEOPLE)

        assert context.engine.leases.held() == set(PEOPLE)
        assert held(people) == TWO
        assert begun(people) == ()
        recorded = release.latest(context.engine.state)
        assert recorded is not None
        assert recorded.run_id == died[0].engine.run.run_id

    @pytest.mark.slow
    def test_a_table_that_others_have_taken_back_is_taken_back(self, stuck: Lake) -> None:
        stuck.spark.sql(f"RESTORE TABLE delta.`{stuck.path('silver.people')}` TO VERSION AS OF 0")
        context = opened(stuck, "recover")
        (left,) = begun(stuck)

        assert recovery.look(context.engine, left).standing("committed") == ("gold.names",)
        assert committing.take_back(context, left.run_id) == ("gold.names",)

        assert held(stuck) == ONE
        the_next_run(stuck)
        assert held(stuck) == TWO

    def test_a_restore_ends_it(self, stuck: Lake) -> None:
        first = release.latest(stuck.engine().state)
        assert first is not None

        context = opened(stuck, "restore")
        restore_flow.go_back(context, first)
        give_back(context.engine)

        assert begun(stuck) == ()
        assert held(stuck) == ONE
        receive(stuck, SECOND)  # bronze went back too
        the_next_run(stuck)
        assert held(stuck) == TWO

    def test_it_is_finished_once_its_cause_is_mended(self, half_way: Lake) -> None:
        (died,) = begun(half_way)
        staging = staged(half_way, "gold.towns")
        staging.rename(staging.with_name("away"))
        with pytest.raises(UnfinishedError):
            committing.claim(opened(half_way), PEOPLE)
        staging.with_name("away").rename(staging)

        context = opened(half_way, "recover")
        recorded = committing.finish(context, recovery.wanted(context.engine.state, died.short_id)[0])

        assert held(half_way) == TWO
        assert recorded is not None
        assert (recorded.name, recorded.run_id) == ("r2", died.run_id)

    @pytest.mark.slow
    def test_rows_that_others_have_changed_since_are_not_taken_back_unasked(self, stuck: Lake) -> None:
        stuck.spark.sql(f"DELETE FROM delta.`{stuck.path('silver.people')}` WHERE id = 'b'")
        context = opened(stuck, "recover")
        (left,) = begun(stuck)

        with pytest.raises(CommitError, match="rows were changed after it") as refused:
            committing.take_back(context, left.run_id)

        assert "version 2: DELETE" in str(refused.value)
        assert ("c", "Cem") in stuck.read("gold.names"), "nothing was taken back"
        assert f"tidemark recover --run {left.short_id} --undo --over-others" in str(refused.value.next_step)
        committing.take_back(context, left.run_id, over_others=True)
        assert held(stuck) == ONE

    @pytest.mark.slow
    def test_a_table_that_has_left_the_configuration_can_be_taken_back(self, half_way: Lake) -> None:
        for file in (half_way.root / "config" / "gold").glob("names.*"):
            file.unlink()

        context = opened(half_way, "recover")
        (left,) = begun(half_way)
        assert recovery.look(context.engine, left).can_undo
        committing.take_back(context, left.run_id)

        assert half_way.read("gold.names") == ONE["gold.names"]


@pytest.mark.slow
class TestKilled:
    """Killed between any two steps of a commit, of its end by another, and of the ways back; and gone on with."""

    def test_at_any_point_of_the_commit(self, people: Lake) -> None:
        receive(people, SECOND)
        with Saved(people) as saved:
            for point in saved.points_of(lambda: the_next_run(people)):
                saved.again()
                killed_at(point, lambda: the_next_run(people))
                the_next_run(people)
                assert (held(people), begun(people)) == (TWO, ()), point

    @pytest.mark.parametrize("way", ["finish", "undo", "restore"])
    def test_at_any_point_of_ending_it(self, people: Lake, way: str) -> None:
        first = release.latest(people.engine().state)
        assert first is not None
        half_done(people)
        opened(people)  # of a process that died, nobody keeps the leases
        (left,) = begun(people)

        def end() -> None:
            context = opened(people, "recover")
            if way == "finish":
                committing.finish(context, left)
            elif way == "undo":
                committing.take_back(context, left.run_id)
            else:
                restore_flow.go_back(context, first)

        with Saved(people) as saved:
            for point in saved.points_of(end):
                saved.again()
                killed_at(point, end)
                end()
                assert (held(people), begun(people)) == (TWO if way == "finish" else ONE, ()), point

                saved.again()
                killed_at(point, end)
                the_next_run(people)
                if way == "restore":  # bronze went back too, or is about to
                    receive(people, SECOND)
                    the_next_run(people)
                assert (held(people), begun(people)) == (TWO, ()), f"{point}, then a run"
                receive(people, THIRD)
                the_next_run(people)
                assert held(people) == THREE, f"{point}, then a run, and one more"


def killed_at(point: str, work: Callable[[], Any]) -> None:
    with pytest.raises(Killed), failing_at(point, Killed()):
        work()


def lose_data(run: RunContext, table: str) -> None:
    for folder in Path(run.engine.table_path(table)).glob(f"*{run.engine.run.run_id}"):
        shutil.rmtree(folder)


def constrain(lake: Lake) -> None:
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path('gold.towns')}` ADD CONSTRAINT no_bonn CHECK (town <> 'Bonn')")
