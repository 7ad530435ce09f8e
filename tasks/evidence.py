"""Links from a task run to what it left: rejected rows, and results of checks that did not all pass."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from prefect.artifacts import create_link_artifact

from tidemark.environment import is_uri
from tidemark.quarantine import run_folder

if TYPE_CHECKING:
    from tidemark.engine import Engine
    from tidemark.quality import GateResult
    from tidemark.quarantine import Rejected

_CONSOLE = "https://s3.console.aws.amazon.com/s3"

log = logging.getLogger("tidemark.tasks")


def link_rejected(engine: Engine, table: str, rejected: Rejected) -> None:
    """A link to the rows that are new in the table's error lane, if there are any; a run that plans adds none there."""
    if rejected.rows and not engine.run.plans:
        place = run_folder(engine.errors_path(table), engine.run.date, engine.run.run_id)
        rules = ", ".join(f"{count} {rule}" for rule, count in rejected.by_rule.items())
        _link("rejected", table, address(place, folder=True), f"{rejected.rows} rows of {table} rejected: {rules}")


def link_checks(result: GateResult) -> None:
    """A link to the results of a table's checks, where not all of them passed."""
    missed = [check.name for check in (*result.failures, *result.warnings)]
    if missed:
        _link("checks", result.table, address(result.path), f"{result.table}: {', '.join(missed)}")


def address(place: str, *, folder: bool = False) -> str:
    """Where a browser finds a file or folder: S3's console, or the disk."""
    if not is_uri(place):
        return Path(place).as_uri()
    parts = urlsplit(place)
    if parts.scheme not in ("s3", "s3a"):
        return place
    key = quote(parts.path.strip("/") + ("/" if folder else ""))
    return f"{_CONSOLE}/{'buckets' if folder else 'object'}/{parts.netloc}?prefix={key}"


def _link(what: str, table: str, where: str, description: str) -> None:
    """Links are a courtesy: a Prefect that cannot be reached at this moment fails no load."""
    key = f"{what}-{table}".lower().replace(".", "-").replace("_", "-")
    try:
        create_link_artifact(link=where, link_text=table, key=key, description=description)
    except Exception:
        log.exception("the link to %s could not be shown in Prefect", where)
