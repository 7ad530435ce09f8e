"""Tags that count towards a limit of Prefect's: Spark work, and what talks to one system, over all runs."""

from __future__ import annotations

from tidemark.config.environment import SPARK

PREFIX = "tidemark"


def limit_tag(name: str) -> str:
    """The tag of a limit in an environment's file: `tidemark.spark`, or `tidemark.system.<connection>`."""
    return f"{PREFIX}.{SPARK}" if name == SPARK else f"{PREFIX}.system.{name}"
