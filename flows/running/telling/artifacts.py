"""Reports on the page of a flow run in Prefect."""

from __future__ import annotations

import logging
import threading
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext

from tidemark.shown import markdown

log = logging.getLogger("tidemark.run")


def show_markdown(key: str, text: str, description: str) -> None:
    """A report as an artifact of the flow run; a Prefect that cannot be reached any more is logged, no more."""
    if FlowRunContext.get() is None:
        return
    try:
        create_markdown_artifact(key=key, markdown=text, description=markdown(description))
    except Exception:
        log.exception("%s could not be shown in Prefect", key)


class Bar:
    """A progress bar on the page of a flow run; without one there is no bar.

    A Prefect that cannot be reached is logged, no more: the work goes on.
    """

    def __init__(self, key: str, description: str) -> None:
        self._key = key
        self._artifact: UUID | None = None
        if FlowRunContext.get() is None:
            return
        try:
            self._artifact = create_progress_artifact(0.0, key=key, description=markdown(description))
        except Exception:
            log.exception("%s cannot be shown in Prefect", key)

    def move(self, percent: float, description: str | None = None) -> None:
        """Shows this percentage, and the description unless there is no new one."""
        if self._artifact is None:
            return
        told = None if description is None else markdown(description)
        try:
            update_progress_artifact(self._artifact, round(percent, 1), told)
        except Exception:
            log.exception("%s could not be shown in Prefect", self._key)


class ProgressArtifact:
    """A bar that moves by one for each of so many parts; told from several threads."""

    def __init__(self, key: str, about: str, parts: int) -> None:
        self._about = about
        self._parts = parts
        self._done = 0
        self._lock = threading.Lock()
        self._bar = Bar(key, self._told("begins"))

    def advance(self, what: str) -> None:
        """A part is done."""
        with self._lock:
            self._done += 1
            self._show(what)

    def finish(self, what: str) -> None:
        """Everything is done, also what turned out to be done already."""
        with self._lock:
            self._done = self._parts
            self._show(what)

    def _show(self, what: str) -> None:
        log.info("%s", self._told(what))
        self._bar.move(100 * self._done / self._parts, self._told(what))

    def _told(self, what: str) -> str:
        return f"{self._about}: {self._done} of {self._parts} done · {what}"
