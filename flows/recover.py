"""Ends commits of several tables that a run has begun and not ended: finishes them, or takes them back."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish_built
from flows.running.approval import approve
from flows.running.commits import finish, take_back
from flows.running.context import RunContext, open_run
from flows.running.parameters import CONFIG, LOCAL, Approvals, Config, EnvironmentName, RunId
from flows.running.sealed import refuse_other_environments
from flows.running.side_by_side import Outcome
from tidemark.config.environment import load_environment
from tidemark.config.files.source import local_folder
from tidemark.control.approvals import Allowance, Asked
from tidemark.control.commits import Interrupted
from tidemark.control.state import open_state
from tidemark.errors import UnfinishedError
from tidemark.operations import recovery


@flow(name="recover", flow_run_name="recover {env}", persist_result=False, log_prints=False)
def recover(
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
    run: RunId | None = None,
    undo: bool = False,
    over_others: bool = False,
    approvals: Approvals = None,
) -> str:
    """Ends what a run has left half committed, and gives the id of this run.

    It is finished: what is not committed yet is committed from staging, released and published. Or it is taken back:
    tables that were committed are as they were before, and the next daily run builds them anew.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
        run: The run that was committing (the start of its id will do); all of them when empty.
        undo: Take back what it has committed; else the rest is committed.
        over_others: Take back what others have changed in these tables since, too.
        approvals: Tokens of two people (`tidemark approve`), blanks between, where the environment wants them.
    """
    named, allows = _approved(env, config, run, approvals, over_others=over_others) if undo else ((), None)
    with open_run("recover", env, config, None, allows=allows) as context:
        outcome = Outcome()
        begun = [each for each in recovery.wanted(context.engine.state, run) if not undo or each.run_id in named]
        for each in begun:
            try:
                _end(context, each, undo=undo, over_others=over_others)
            except Exception as failure:
                outcome.failures[f"run {each.short_id}"] = failure
        outcome.raise_failures(
            f"{len(outcome.failures)} of {len(begun)} commits could not be ended",
            next_step="tidemark recover shows what can be done about each",
        )
        if not undo:
            tables = context.engine.project.tables
            publish_built(context, [name for each in begun for name in each.batches if name in tables], env, config)
        return context.engine.run.run_id


def _approved(
    env: str, config: str, run: str | None, approvals: str | None, *, over_others: bool
) -> tuple[tuple[str, ...], Allowance]:
    """The runs whose commits are taken back, and who says yes to it: as many as a restore wants."""
    environment = load_environment(local_folder(config), env)
    refuse_other_environments(environment, config)
    begun = tuple(each.run_id for each in recovery.wanted(open_state(environment), run))
    if not begun:
        return begun, Allowance()
    asked = Asked("restore", environment.name, {"undo": ",".join(begun), "over_others": "yes" if over_others else ""})
    return begun, Allowance(asked=asked, approved=approve(environment, asked, approvals))


def _end(context: RunContext, begun: Interrupted, *, undo: bool, over_others: bool) -> None:
    if undo:
        take_back(context, begun.run_id, over_others=over_others)
        return
    if begun.undoing:
        raise UnfinishedError(
            f"what run {begun.run_id} has committed is being taken back: it cannot be finished any more",
            step="recover",
            next_step=f"tidemark recover --run {begun.short_id} --undo takes back the rest",
        )
    released = finish(context, begun)
    if released is not None:
        context.collector.release(released.name, new=released.run_id == begun.run_id)
        for table in begun.batches:
            context.collector.note(table, version=context.engine.committed.get(table))
            context.collector.end(table, "committed")
