"""What `tidemark validate` runs: everything about a configuration folder that can be found wrong without Spark."""

from __future__ import annotations

from pathlib import Path

from tidemark.config.project import graph_findings
from tidemark.config.source import local_folder
from tidemark.errors import Finding
from tidemark.lint import checks, files, loads, personal, queries
from tidemark.lint.inspection import inspect


def lint(config_dir: str | Path, env: str) -> list[Finding]:
    """All findings of a configuration folder in one environment, by file and line; empty when it is fit to run.

    Starts no Spark. Raises `ConfigError` when the folder or the environment does not exist.
    """
    folder = local_folder(config_dir)
    inspection = inspect(folder, env)
    findings = [
        *inspection.findings,
        *inspection.read.findings,
        *files.find(folder),
        *graph_findings(inspection.read),
        *loads.find(inspection),
        *queries.find(inspection),
        *checks.find(inspection),
        *personal.find(inspection),
    ]
    return sorted(set(findings), key=lambda finding: (str(finding.file), finding.line, finding.message))
