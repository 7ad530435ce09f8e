"""Names of flow runs, by which a list of them is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from prefect.runtime import flow_run


def dated(what: str) -> Callable[[], str]:
    """Names such as `ingest crm 2025-03-04 prod`: what runs (it may name parameters), of which system, day and where.

    A run without a date is one of today (UTC).
    """

    def name() -> str:
        given = flow_run.parameters
        day = given.get("date") or dt.datetime.now(dt.UTC).date()
        words = (what.format_map(given), given.get("connection"), given.get("target"), day, given.get("env"))
        return " ".join(str(word) for word in words if word)

    return name
