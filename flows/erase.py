"""A person is erased: from sources' logs to the warehouses, from files and releases, and for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from prefect import flow

from flows.publish import publish_built
from flows.running.approval import approve
from flows.running.commits import claim, commit_together
from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Approvals, Config, EnvironmentName, ErasureId
from flows.running.pipeline import build, work_on
from flows.running.sealed import refuse_other_environments
from tasks import events
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark import publishing
from tidemark.config.environment import load_environment
from tidemark.config.files.source import local_folder
from tidemark.config.limits import LIMITS
from tidemark.control.approvals import Allowance, Asked, note
from tidemark.control.erasures import Receipt
from tidemark.control.runs import Warned
from tidemark.errors import ConfigError
from tidemark.operations.erasing import course, person, proof, purging
from tidemark.operations.erasing.person import Person
from tidemark.operations.snapshots import erased


@flow(name="erase", flow_run_name="erase {erasure} {env}", persist_result=False, log_prints=False)
def erase(
    erasure: ErasureId,
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    approval: bool = False,
    approvals: Approvals = None,
) -> str:
    """Erases a person whom somebody has named, and gives the id of the run; what died on the way goes on.

    Rows of what was received are deleted or made anonymous, as contracts say, and silver, gold and the warehouses
    follow. Then every file goes that held the person: no release of before can be read or restored any more. At last
    it is proven, and the receipt is closed, which has no value of the person.

    Args:
        erasure: Its id, as `tidemark erase --subject KEY=VALUE --request` gives it; the value itself comes not here.
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        approval: Wait until a second person has approved it, a day at most.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    environment = load_environment(local_folder(config), env)
    refuse_other_environments(environment, config)
    asked = Asked("erase", environment.name, {"erasure": erasure})
    approved = approve(environment, asked, approvals, wanted=approval)
    with open_run("erase", env, config, None, allows=Allowance(frozenset(LIMITS))) as run:
        engine = run.engine
        who = person.kept(engine.project, erasure)
        if {name.casefold() for name in approved.approved_by} == {who.receipt.by.casefold()}:
            raise ConfigError(
                "whoever asks for an erasure does not approve it", next_step="let a second person approve it"
            )
        note(engine.state, asked, approved, engine.run.started_at, engine.run.run_id)
        claim(run, tuple(engine.project.tables))
        approved_by = " and ".join(approved.approved_by)
        who = course.begin(engine, replace(who, receipt=replace(who.receipt, approved_by=approved_by)))
        tables = course.concerned(engine, who)
        _take_out(run, who)
        _compute(run, tables)
        claim(run, tuple(engine.project.tables))
        course.clear_away(engine, who)
        _each(run, "seal", tables, lambda table: purging.seal(engine, who, table))
        receipt, recorded = purging.close_releases(engine, who.receipt)
        run.collector.release(recorded.name, new=True)
        events.release_created(engine, recorded)
        publish_built(run, tables, env, config)
        _each(run, "purge", tables, lambda table: purging.purge(engine, table))
        _remove_snapshots(run, receipt)
        proof.refuse_left((*proof.search(engine, who, engine.project.order()), *_published(run, who)))
        purging.finish(engine, receipt)
        person.forget(engine.environment, who)
        return engine.run.run_id


def _remove_snapshots(run: RunContext, receipt: Receipt) -> None:
    """Removes the snapshots of before; says so where the lake has none any more."""
    gone = erased.remove_before(run.engine, receipt)
    if gone:
        told = f"snapshots of before the erasure are gone: {', '.join(gone)}"
        run.collector.warn(Warned(None, told, "tidemark snapshot export"))


def _take_out(run: RunContext, who: Person) -> None:
    """Takes the person out of what was received or logged."""
    treated = {each.table: each for each in who.trail.treatments}

    def take_out(table: str) -> None:
        with run.collector.step(table, "erase"):
            take_it_out = tasks.on_spark(run.engine.environment, tasks.take_out)
            take_it_out(unseen(run.engine), table, unseen(who), unseen(treated[table]))
        run.collector.end(table, "committed")

    run.collector.stage("erase", tuple(treated))
    outcome = work_on(run, tuple(treated), take_out, after={})
    outcome.raise_failures(
        f"the person could not be taken out of {len(outcome.failures)} of {len(treated)} tables",
        next_step="see to the tables named above, then erase again: it goes on from here",
    )


def _compute(run: RunContext, tables: Sequence[str]) -> None:
    """Computes what follows from it, through the gates of any run, and commits that together."""
    built = tuple(name for name in tables if run.engine.project.table(name).inputs)
    if not built:
        return

    def build_it(table: str) -> None:
        if build(run, table, False) is not None:
            run.collector.end(table, "prepared")

    run.collector.stage("build", built)
    outcome = work_on(run, built, build_it, gated=True)
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(built)} tables failed; what was received is erased, silver and gold follow "
        "when this is mended",
        next_step="see to the tables named above, then erase again: it goes on from here",
    )
    commit_together(run, built)


def _each(run: RunContext, name: str, tables: Sequence[str], work: Callable[[str], None]) -> None:
    def step(table: str) -> None:
        with run.collector.step(table, name):
            work(table)

    outcome = work_on(run, tables, step, after={})
    outcome.raise_failures(
        f"{len(outcome.failures)} of {len(tables)} tables: {name} failed",
        next_step="see to the tables named above, then erase again: it goes on from here",
    )


def _published(run: RunContext, who: Person) -> tuple[proof.Left, ...]:
    """The published tables in which a warehouse still has the person."""
    engine, left = run.engine, []
    try:
        for target in engine.environment.targets:
            for name, table in engine.project.tables.items():
                columns = who.columns_of(table)
                if target in table.load.publish and columns:
                    opened = publishing.open_target(engine, target)
                    if opened.warehouse.count_named(table, columns, who.value, folded=who.trail.folded):
                        left.append(proof.Left(target, name))
    finally:
        publishing.finish(engine)
    return tuple(left)
