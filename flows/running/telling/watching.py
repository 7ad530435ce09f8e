"""What a run leaves to those who watch: metrics of what it did, promises noted as kept or broken, alerts.

A courtesy of the run, never a part of it: what fails here is logged, and the run ends as it did.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect.runtime import deployment

from flows.running.telling.progress import named_job
from tidemark.compile.soda import freshness_name
from tidemark.control.runs import RunStore, RunSummary, Warned
from tidemark.errors import TidemarkError
from tidemark.observe import anomalies, breaches, metrics, sla
from tidemark.observe.ages import newest_rows

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.project import Project
    from tidemark.control.state import StateStore
    from tidemark.observe.alerts import Alerts

SIZE = "TIDEMARK_SIZE"
"""The variable in which a deployment says in which size of container its runs are."""

RUNS = 300
"""So many of the runs before one are looked at, at most."""

log = logging.getLogger("tidemark.run")


def job_name() -> str:
    """The job that this run is of: its deployment without the environment, or what a command says; "": none."""
    return str(deployment.name or "").rpartition(".")[0] or named_job()


def note_began(summary: RunSummary, project: Project, state: StateStore) -> None:
    """Notes that the run of a job with promises has begun."""
    with _courtesy("that the run has begun could not be noted"):
        sla.note_began(state, sla.promises(project), summary)


def measured(
    summary: RunSummary, project: Project, state: StateStore | None, folder: Folder, *, plans: bool
) -> RunSummary:
    """The summary with the metrics of the run, which are written too."""
    with _courtesy("the metrics of the run could not be made"):
        environment = project.environment
        price = metrics.usd_an_hour(environment, os.environ.get(SIZE))
        found = metrics.of_run(summary, ages(project, state) if state else {}, usd_an_hour=price, plans=plans)
        ended = summary.finished_at or _now()
        lines = metrics.lines(found, environment=environment.name, job=summary.called, at=ended, run_id=summary.run_id)
        metrics.write(environment, folder, summary.run_id, lines)
        return replace(summary, metrics=found.to_json())
    return summary


def compared(summary: RunSummary, project: Project, folder: Folder, *, plans: bool) -> RunSummary:
    """The summary with a warning for everything that is not like in the runs before."""
    settings = project.environment.anomalies
    if plans or summary.status == "interrupted" or not summary.loads or not settings.watch:
        return summary
    with _courtesy("the run could not be compared with those before"):
        began = summary.started_at.date() - timedelta(days=settings.days)
        earlier = RunStore(folder).since(began, RUNS)
        found = tuple(anomalies.anomalies(summary, earlier, settings))
        return replace(summary, warnings=(*summary.warnings, *found))
    return summary


def ages(project: Project, state: StateStore) -> Mapping[str, float]:
    """How old tables are, in seconds, as far as it is known."""
    now, newest = _now(), newest_rows(project.tables.values(), state)
    return {table: max(0.0, (now - at).total_seconds()) for table, at in newest.items()}


def tell(
    alerts: Alerts, summary: RunSummary, error: BaseException | None, project: Project, state: StateStore | None
) -> None:
    """Tells of the run's error and warnings, and of promises that it has broken or keeps again.

    Who cancels a run knows of it: then nobody is told anything.
    """
    if summary.status == "interrupted":
        with _courtesy("that the run was cancelled could not be noted"):
            if state:
                sla.note_cancelled(state, summary)
        return
    judged = _judged(summary, project, state) if state else frozenset()
    for warned in summary.warnings:
        if not (warned.told or (warned.table in judged and _is_of_age(project, warned))):
            alerts.raise_event("warning", warned.message, table=warned.table, next_step=warned.next_step)
    if error is None:
        return
    known = error if isinstance(error, TidemarkError) else None
    alerts.raise_event(
        "error",
        summary.error or summary.status,
        table=known.table if known else None,
        step=known.step if known else None,
        next_step=known.next_step if known else None,
    )


def _judged(summary: RunSummary, project: Project, state: StateStore) -> frozenset[str]:
    """The tables whose age is known: of a broken promise it was told, once, here or before."""
    with _courtesy("the promises of the run could not be checked"):
        promised = sla.promises(project)
        sla.note_ended(state, promised, summary, done=summary.status == "done")
        asked = sla.of_today(sla.of_run(promised, summary), summary.date, _now())
        found = sla.judge(project, state, asked, _now())
        breaches.follow(project.environment, state, found, summary.run_id, _now())
        return frozenset(
            each.promise.table
            for each in found
            if each.promise.table and each.promise.kind == "freshness" and each.kept is not None
        )
    return frozenset()


def _is_of_age(project: Project, warned: Warned) -> bool:
    """Whether it is the check of a table's freshness that warns."""
    freshness = project.table(warned.table).contract.freshness if warned.table else None
    return freshness is not None and warned.message.startswith(freshness_name(freshness))


@contextmanager
def _courtesy(failure: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("%s", failure)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
