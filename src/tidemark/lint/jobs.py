"""Jobs against tables and environment: what a job names must be there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemark.config.jobs import read_jobs
from tidemark.config.project import Project, graph_findings
from tidemark.errors import ConfigError, Finding, choose
from tidemark.lint.inspection import Inspection


def find(inspection: Inspection, config_dir: Path) -> Iterator[Finding]:
    """Findings about `jobs.yaml`."""
    jobs, document, findings = read_jobs(config_dir)
    yield from findings
    environment = inspection.environment
    if document is None or environment is None or any(graph_findings(inspection.read)):
        return
    project = Project(config_dir, environment, inspection.read.tables)
    for name, job in jobs.jobs.items():
        for position, expression in enumerate(job.select):
            try:
                project.select([expression])
            except ConfigError as nothing:
                yield document.finding(
                    ("jobs", name, "select", position), nothing.summary, nothing.next_step or "name a table"
                )
        for key, named, known in (
            ("connection", job.connection, environment.connections),
            ("target", job.target, environment.targets),
        ):
            if named is not None and named not in known:
                message = f"{key} `{named}` is not in env/{environment.name}.yaml"
                yield document.finding(("jobs", name, key), message, choose(named, known))
