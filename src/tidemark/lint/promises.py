"""Promises in an environment's file: of tables that there are, and of ages that a column tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemark.config.environment import FOLDER
from tidemark.config.files.yamltext import parse
from tidemark.config.jobs import load_jobs
from tidemark.errors import ConfigError, Finding, choose
from tidemark.lint.inspection import Inspection

_OPERATIONS = ("apply", "backfill", "maintain", "plan", "replay", "restore", "snapshot", "verify")
"""Deployments that are no jobs of the configuration."""


def find(inspection: Inspection, folder: Path) -> Iterator[Finding]:
    """Findings about `sla` of the environment's file, which would be promises that nobody can check."""
    if inspection.environment is None:
        return
    levels = inspection.environment.sla
    promised, tables = levels.tables, inspection.read.tables
    document = parse(folder / FOLDER / f"{inspection.environment.name}.yaml")
    jobs = (*_jobs(folder), *_OPERATIONS)
    for name in levels.jobs:
        if name not in jobs:
            seen = f"promises something of the job {name}, which is not there"
            yield document.finding(("sla", "jobs", name), seen, choose(name, jobs))
    for name, level in promised.items():
        where = ("sla", "tables", name)
        if name not in tables:
            yield document.finding(where, f"promises something of {name}, which is not there", choose(name, tables))
        elif level.freshness is not None and tables[name].contract.freshness is None:
            yield document.finding(
                (*where, "freshness"),
                f"promises how fresh {name} is, and no column tells",
                "add slaProperties: [{property: freshness, value: …, unit: h, element: <column>}] to its contract",
            )


def _jobs(folder: Path) -> Iterator[str]:
    try:
        yield from load_jobs(folder)
    except ConfigError:  # what is wrong in the file is told as its own
        return
