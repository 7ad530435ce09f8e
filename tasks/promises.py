"""The promises of jobs and tables as a task: judged by the control store, told where they are broken or kept again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect import task

from tasks.steps import NOTHING_STORED, RETRIES
from tidemark.observe import breaches, sla

if TYPE_CHECKING:
    from tidemark.config.project import Project
    from tidemark.control.runs import RunSummary
    from tidemark.control.state import StateStore
    from tidemark.observe.sla import Judged


@task(task_run_name="check promises", **NOTHING_STORED, **RETRIES)
def check_promises(
    project: Project, state: StateStore, run_id: str, summary: RunSummary | None = None
) -> tuple[Judged, ...]:
    """Judges every promise, problems first, and tells the alert channels what has changed.

    `summary` is that of the run which ends with this: it counts as done.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    promised = asked = sla.promises(project)
    if summary is not None:
        sla.note_ended(state, promised, summary, done=True)
        asked = sla.of_today(promised, summary.date, now)
    judged = sla.judge(project, state, asked, now)
    breaches.follow(project.environment, state, judged, run_id, now)
    breaches.forget(state, promised)
    return tuple(sorted(judged, key=lambda each: (each.kept is not False, each.kept is not None)))
