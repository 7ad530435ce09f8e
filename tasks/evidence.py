"""Links from a task run to what it left: rejected rows, and results of checks that did not all pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from tidemark.advice import addressed, in_environment
from tidemark.aws.settings import is_uri
from tidemark.errorlane.quarantine import run_folder
from tidemark.observe.pages import artifact_key
from tidemark.observe.run_report import errors_command, markdown_row
from tidemark.shown import Markdown, code, link_address, markdown

if TYPE_CHECKING:
    from tidemark.compute.gate.quality import GateResult
    from tidemark.engine import Engine
    from tidemark.errorlane.quarantine import Rejected

_CONSOLE = "https://s3.console.aws.amazon.com/s3"

log = logging.getLogger("tidemark.tasks")


def link_rejected(engine: Engine, table: str, rejected: Rejected) -> None:
    """The rules that rows broke, and a link to those that are new in the table's error lane, if there are any.

    A run that plans adds none there.
    """
    if not rejected.rows or engine.run.plans:
        return
    place = run_folder(engine.errors_path(table), engine.run.date, engine.run.run_id)
    command = addressed(errors_command(engine.run.run_id, table), in_environment(engine.environment.name))
    with _courtesy(place):
        create_markdown_artifact(
            key=artifact_key("rejected", table),
            markdown=rejected_page(place, command, rejected),
            description=f"{rejected.rows} rows of {markdown(table)} rejected",
        )


def rejected_page(place: str, command: str, rejected: Rejected) -> str:
    """Where rejected rows lie, the command that lists them, and how many broke which rule, as Markdown."""
    lines = [f"[{rejected.rows} rows]({address(place, folder=True)}): {code(command)}", ""]
    lines += [markdown_row(("rule", "rows")), markdown_row((Markdown("---"), Markdown("---:")))]
    lines += [markdown_row((rule, str(count))) for rule, count in rejected.by_rule.items()]
    return "\n".join(lines)


def link_checks(result: GateResult) -> None:
    """A link to the results of a table's checks, where not all of them passed."""
    missed = [check.name for check in (*result.failures, *result.warnings)]
    if missed:
        with _courtesy(result.path):
            create_link_artifact(
                link=address(result.path),
                link_text=markdown(result.table),
                key=artifact_key("checks", result.table),
                description=markdown(f"{result.table}: {', '.join(missed)}"),
            )


def address(place: str, *, folder: bool = False) -> str:
    """Where a browser finds a file or folder: S3's console, or the disk."""
    if not is_uri(place):
        return Path(place).as_uri()
    parts = urlsplit(place)
    if parts.scheme not in ("s3", "s3a"):
        return link_address(place)
    key = quote(parts.path.strip("/") + ("/" if folder else ""))
    return f"{_CONSOLE}/{'buckets' if folder else 'object'}/{parts.netloc}?prefix={key}"


@contextmanager
def _courtesy(place: str) -> Iterator[None]:
    """Links are a courtesy: a Prefect that cannot be reached at this moment fails no load."""
    try:
        yield
    except Exception:
        log.exception("the link to %s could not be shown in Prefect", place)
