"""Reports on the page of a flow run in Prefect."""

from __future__ import annotations

import logging

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

log = logging.getLogger("tidemark.run")


def show_markdown(key: str, text: str, description: str) -> None:
    """A report as an artifact of the flow run; a Prefect that cannot be reached any more is logged, no more."""
    if FlowRunContext.get() is None:
        return
    try:
        create_markdown_artifact(key=key, markdown=text, description=description)
    except Exception:
        log.exception("%s could not be shown in Prefect", key)
