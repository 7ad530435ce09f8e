"""What the gates found when each check was last run, from their results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidemark.aws.folder import open_folder
from tidemark.compile.soda import NEVER, freshness_name
from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.project import Project
    from tidemark.control.runs import RunSummary, TableResult

    Results = Mapping[str, Sequence[tuple[RunSummary, TableResult]]]

_THREADS = 16
_AGES = 14
"""In so many runs of a table it is asked how old its newest row was."""


@dataclass(frozen=True)
class CheckSeen:
    """A check as it was found last; `value` is the number that it measured, where that is one."""

    name: str
    outcome: str
    value: str | None
    run: str


@dataclass(frozen=True)
class AgeSeen:
    """How many hours old the newest row was, when a gate looked."""

    at: datetime
    hours: float


def ages(project: Project, results: Results) -> dict[str, tuple[AgeSeen, ...]]:
    """How old the newest rows were in the last runs, oldest first: of tables whose freshness is promised."""
    folder = open_folder(project.environment.roots.dq_results, project.environment.aws)
    promised = {
        name: freshness_name(table.contract.freshness)
        for name, table in project.tables.items()
        if table.contract.freshness and name in results
    }
    with ThreadPoolExecutor(_THREADS) as threads:
        read = threads.map(lambda name: _ages(folder, name, promised[name], results[name]), promised)
        return dict(zip(promised, read, strict=True))


def _ages(
    folder: Folder, table: str, check: str, results: Sequence[tuple[RunSummary, TableResult]]
) -> tuple[AgeSeen, ...]:
    gated = [run for run, result in results if result.gate][:_AGES]
    seen = [(run, _checks(folder, table, [run.run_id])) for run in gated]
    hours = [(run, float(each.value)) for run, found in seen for each in found if each.name == check and each.value]
    return tuple(AgeSeen(run.started_at, age) for run, age in hours[::-1] if age < NEVER)


def newest_checks(project: Project, results: Results) -> dict[str, tuple[CheckSeen, ...]]:
    """Of every table the checks of its newest gate; and those that only a gate before it had, which ran them all."""
    folder = open_folder(project.environment.roots.dq_results, project.environment.aws)
    wanted = {name: _gates(results[name]) for name in project.tables if name in results}
    with ThreadPoolExecutor(_THREADS) as threads:
        read = threads.map(lambda each: _checks(folder, *each), wanted.items())
        return dict(zip(wanted, read, strict=True))


def _gates(results: Sequence[tuple[RunSummary, TableResult]]) -> list[str]:
    """The run of the newest gate, and of the newest among those that looked for most."""
    gated = [(run.run_id, result.gate.total) for run, result in results if result.gate]
    if not gated:
        return []
    fullest = max(gated, key=lambda each: each[1])
    return list(dict.fromkeys((gated[0][0], fullest[0])))


def _checks(folder: Folder, table: str, runs: Sequence[str]) -> tuple[CheckSeen, ...]:
    found: dict[str, CheckSeen] = {}
    for run in runs:
        text = folder.read_text(f"{table.replace('.', '/', 1)}/{run}.json")
        for check in _stored(text, folder, table) if text else ():
            name = str(check["name"])
            found.setdefault(name, CheckSeen(name, str(check["outcome"]), _number(check.get("value")), run))
    return tuple(found.values())


def _stored(text: str, folder: Folder, table: str) -> Any:
    try:
        return json.loads(text)["checks"]
    except (ValueError, KeyError, TypeError) as broken:
        raise TidemarkError(
            f"a result of its gate cannot be read: {broken}",
            table=table,
            step="catalog",
            evidence=folder.path(table.replace(".", "/", 1)),
            next_step="move the file away; the table itself is not affected",
        ) from broken


def _number(value: Any) -> str | None:
    """What a check measured, if that is a number: anything else may be a value of a row."""
    try:
        float(str(value))
    except ValueError:
        return None
    return str(value)
