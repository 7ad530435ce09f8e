"""Tells Glue of a release, for Athena and whoever else looks for tables there; it fails no run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark.control.runs import Warned
from tidemark.errors import TidemarkError
from tidemark.governance.registering import register
from tidemark.serving.lake import open_lake

if TYPE_CHECKING:
    from flows.running.telling.collector import Collector
    from tidemark.config.project import Project
    from tidemark.control.state import StateStore

_AGAIN = "tidemark access sync"


def register_released(project: Project, state: StateStore | None, collector: Collector) -> None:
    """Brings Glue up to the release of this run, if it made one; what cannot be registered is a warning of the run."""
    if project.environment.glue is None or state is None or not collector.has_released:
        return
    try:
        found = register(open_lake(project, state))
    except TidemarkError as failure:
        collector.warn(Warned(None, f"the release is not registered in Glue: {failure.summary}", _AGAIN))
        return
    for each in found:
        if each.outcome == "failed":
            collector.warn(Warned(each.table, f"not registered in Glue: {each.why}", _AGAIN))
