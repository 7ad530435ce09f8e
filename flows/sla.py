"""What is promised of jobs and tables, checked without Spark: how long, how many, how fresh."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from prefect import flow
from prefect.runtime import flow_run

from flows.running.context import RunContext
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName
from flows.running.sealed import refuse_other_environments
from flows.running.telling.artifacts import show_markdown
from flows.running.telling.watching import ages
from tasks.promises import check_promises
from tasks.steps import unseen
from tidemark.aws.folder import open_folder
from tidemark.config.project import load_project
from tidemark.control.runs import Warned
from tidemark.control.state import open_state
from tidemark.observe import metrics
from tidemark.observe.run_report import markdown_row
from tidemark.observe.sla import Judged, counted
from tidemark.shown import Markdown

ARTIFACT = "tidemark-promises"
JOB = "sla"
log = logging.getLogger("tidemark.run")

_WORDS = {True: "kept", False: Markdown("**broken**"), None: "not known yet"}


@flow(name=JOB, flow_run_name="promises {env}", persist_result=False, log_prints=False)
def sla(env: EnvironmentName = LOCAL, config: Config = CONFIG) -> int:
    """Checks what the environment's file and the contracts promise, and gives how many promises are broken.

    What has broken, or is kept again, is told to the alert channels, once. How old tables are becomes metrics. Nothing
    is read of tables: the control store has what runs noted there.

    Args:
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
    """
    project = load_project(config, env)
    environment = project.environment
    refuse_other_environments(environment, config)
    state, run_id = open_state(environment), str(flow_run.id or "")
    now = datetime.now(UTC).replace(tzinfo=None)
    found = metrics.of_ages(ages(project, state))
    told = metrics.lines(found, environment=environment.name, job=JOB, at=now, run_id=run_id)
    metrics.write(environment, open_folder(environment.roots.runs, environment.aws), JOB, told)
    judged = check_promises(unseen(project), unseen(state), run_id)
    _show(judged)
    return sum(each.kept is False for each in judged)


def check_all(run: RunContext) -> None:
    """The last task of a run that works on everything: all promises, with what this run has done so far.

    The run is done whatever becomes of it.
    """
    engine, summary = run.engine, run.collector.summary("running")
    try:
        judged = check_promises(unseen(engine.project), unseen(engine.state), engine.run.run_id, unseen(summary))
    except Exception:
        log.exception("the promises could not be checked; the deployment %s will", JOB)
        return
    for each in judged:
        if each.kept is False and not (each.promise.kind == "freshness" and each.promise.table):
            told = each.told if each.promise.table else f"{each.promise.subject}: {each.told}"
            run.collector.warn(Warned(each.promise.table, told, each.next_step, told=True))
    _show(judged)


def _show(judged: Iterable[Judged]) -> None:
    shown = tuple(judged)
    show_markdown(ARTIFACT, markdown(shown), counted(shown))


def markdown(judged: Iterable[Judged]) -> str:
    """The promises as Markdown, in their order."""
    rows = [
        (each.promise.subject, each.promise.kind, _WORDS[each.kept], each.told if each.kept is not None else "")
        for each in judged
    ]
    if not rows:
        return "Nothing is promised: add `slaProperties` to contracts, or `sla` to the environment's file.\n"
    return "\n".join(markdown_row(row) for row in (("of", "what", "", "seen"), (Markdown("---"),) * 4, *rows)) + "\n"
