"""What `tidemark validate` runs: everything about a configuration folder that can be found wrong without Spark.

Not here: the form of single files, which their readers check.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemark.config import contract, load
from tidemark.config.cases import SUFFIX as TESTS
from tidemark.config.contract import LAYERS
from tidemark.config.files.source import local_folder
from tidemark.config.project import SQL_SUFFIX, graph_findings
from tidemark.errors import Finding, choose
from tidemark.lint import cases, checks, erasures, histories, inputs, jobs, loads, places, promises, queries, references
from tidemark.lint.inspection import inspect
from tidemark.lint.privacy import admission

_SUFFIXES = (contract.SUFFIX, load.SUFFIX, SQL_SUFFIX, TESTS)


def lint(config_dir: str | Path, env: str) -> list[Finding]:
    """All findings of a configuration folder in one environment, by file and line; empty when it is fit to run.

    Starts no Spark. Raises `ConfigError` when the folder or the environment does not exist.
    """
    folder = local_folder(config_dir)
    inspection = inspect(folder, env)
    findings = [
        *inspection.findings,
        *inspection.read.findings,
        *_read_by_nobody(folder),
        *graph_findings(inspection.read),
        *loads.find(inspection),
        *histories.find(inspection),
        *queries.find(inspection),
        *inputs.find(inspection),
        *checks.find(inspection),
        *admission.find(inspection),
        *jobs.find(inspection, folder),
        *cases.find(inspection, folder),
        *promises.find(inspection, folder),
        *places.find(inspection, folder),
        *references.find(inspection),
        *erasures.find(inspection),
    ]
    return sorted(set(findings), key=lambda finding: (str(finding.file), finding.line, finding.message))


def _read_by_nobody(folder: Path) -> Iterator[Finding]:
    """A finding for each file of a layer whose name means nothing, and for folders that are nearly a layer's."""
    for layer in LAYERS:
        for path in sorted((folder / layer).glob("*")):
            if path.is_dir():
                yield Finding(path, 1, "a folder inside a layer is not read", f"move its files to {layer}/")
            elif not path.name.endswith(_SUFFIXES) and not path.name.startswith("."):
                stem, _, suffix = path.name.partition(".")
                fix = f"rename it to {stem} with {choose(f'.{suffix}', _SUFFIXES)}"
                yield Finding(path, 1, f"{path.name} is not read", fix)
    for path in sorted(folder.iterdir()):
        tables = path.is_dir() and path.name not in LAYERS and any(path.glob(f"*{contract.SUFFIX}"))
        if tables:
            yield Finding(path, 1, f"`{path.name}` is no layer, its tables are not read", choose(path.name, LAYERS))
