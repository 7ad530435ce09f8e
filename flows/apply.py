"""Applies a plan: commits just what it has prepared and audited, or refuses and names what has moved since."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prefect import flow

from flows.publish import publish_built
from flows.running.approval import approve
from flows.running.commits import claim, commit_together
from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Approvals, Config, EnvironmentName, RunId
from flows.running.pipeline import work_on
from flows.running.sealed import refuse_other_environments
from tasks import steps as tasks
from tasks.steps import unseen
from tidemark.aws.folder import open_folder
from tidemark.config.environment import load_environment
from tidemark.config.files.source import local_folder
from tidemark.control.approvals import Asked, needed, note
from tidemark.control.state import open_state
from tidemark.plans import store
from tidemark.plans.applying import batches

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.plans.document import PlanDocument, TablePlan
    from tidemark.plans.store import Plan
    from tidemark.write.manifest import Prepared

FLOW = "apply"

log = logging.getLogger("tidemark.apply")


@flow(name=FLOW, flow_run_name="apply {plan} {env}", persist_result=False, log_prints=False)
def apply(plan: RunId, env: EnvironmentName = LOCAL, config: Config = CONFIG, approvals: Approvals = None) -> str:
    """Commits what a plan has prepared, bronze to gold, and publishes it; gives the id of the run that did so.

    Nothing is asked of the sources again. A plan is refused when a table, an input, a contract or a query is not what
    it was, or when it is too old. One that was applied already is left alone.

    Args:
        plan: The plan: its id, of which the start will do.
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    environment = load_environment(local_folder(config), env)
    refuse_other_environments(environment, config)
    found = store.find(open_state(environment), plan)
    if found.status == "applied":
        log.info("plan %s was applied by run %s, as release %s", found.plan, found.run_id, found.release)
        return str(found.run_id)
    asked = Asked("apply", environment.name, {"plan": found.plan, "sha256": found.digest or ""})
    approved = approve(environment, asked, approvals, wanted=_lets_pass(environment, found))
    with open_run(FLOW, env, config, found.date) as run:
        claim(run, [table for table in found.tables if table in run.engine.project.tables])
        found = store.find(run.engine.state, found.plan)  # a run that died in it may just have been brought to its end
        document = store.load(open_folder(environment.roots.staging, environment.aws), found.plan)
        if found.status != "applied":
            note(run.engine.state, asked, approved, run.engine.run.started_at, run.engine.run.run_id)
            store.note_applying(run.engine.state, found.plan, approved.requested_by, approved.approved_by)
            _commit(run, found, document)
        publish_built(run, _built(run, document), env, config)
        return run.engine.run.run_id


def _lets_pass(environment: Environment, plan: Plan) -> bool:
    """Whether two people are wanted for what the plan lets pass, or reads again, as for a run that did so."""
    bypasses = bool(plan.allows) and needed(environment.approvals, "bypass")
    return bypasses or needed(environment.approvals, "backfill", plan.days)


def _built(run: RunContext, document: PlanDocument | None) -> list[str]:
    """The silver and gold tables of the plan, changed or not."""
    tables = run.engine.project.tables
    planned = [table.table for table in document.tables] if document else []
    return [name for name in planned if name in tables and not tables[name].load.source]


def _commit(run: RunContext, plan: Plan, kept: PlanDocument | None) -> None:
    document, waiting = batches(run.engine, plan, kept)
    for left in (table for table in document.tables if table.table not in waiting):
        run.collector.note(left.table, books=left.books, gate=left.gate, computed=left.computed, version=left.version)
        run.collector.end(left.table, "unchanged")
    run.collector.stage("apply", tuple(waiting))
    planned = {table.table: table for table in document.tables}
    outcome = work_on(run, tuple(waiting), lambda table: _tell(run, planned[table], waiting[table]), after={})
    outcome.raise_failures(
        f"the rejected rows of {len(outcome.failures)} tables could not be written; nothing was committed",
        next_step="see to the tables named above, then apply again",
    )
    run.engine.prepared.update(waiting)
    commit_together(run, tuple(waiting), plan.plan)


def _tell(run: RunContext, planned: TablePlan, batch: Prepared) -> None:
    """Notes what the plan says of a table, and writes what it had kept back: drift and rejected rows."""
    table = planned.table
    run.collector.note(table, books=planned.books, gate=planned.gate, computed=planned.computed)
    if run.engine.table(table).load.source or planned.rejected:
        with run.collector.step(table, "write errors"):
            tell = tasks.on_spark(run.engine.environment, tasks.tell)
            rejected = tell(unseen(run.engine), table, unseen(batch), tuple(planned.rejected))
        run.collector.rejected(table, rejected)
