"""What is compared with what: tables that a warehouse is the source of, and gold in each warehouse that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tidemark.errors import ConfigError, choose
from tidemark.reconcile.dialects import DIALECTS

if TYPE_CHECKING:
    from tidemark.config.project import Project, Table

NO_SQL = "its source ({kind}) cannot be asked for sums; {what}"


@dataclass(frozen=True)
class Pair:
    """A table and the connection that it comes `from`, or the target that it goes `to`.

    `reason`: why nobody can compare the two.
    """

    table: str
    way: Literal["from", "to"]
    other: str
    reason: str | None = None


def pairs(
    project: Project, select: Sequence[str], connection: str | None = None, target: str | None = None
) -> tuple[Pair, ...]:
    """The pairs of the selected tables; only those of a connection or target where one is named.

    Those that nobody can compare are among them, so that they are told. Raises `ConfigError` when there is none at all.
    """
    environment = project.environment
    for what, name, known in (
        ("connection", connection, environment.connections),
        ("target", target, environment.targets),
    ):
        if name is not None and name not in known:
            raise ConfigError(
                f"the environment {environment.name} has no {what} {name!r}", next_step=choose(name, known)
            )
    named = {("from", connection), ("to", target)} - {("from", None), ("to", None)}
    every = [pair for name in project.select(select) for pair in _of_table(project, project.table(name))]
    found = tuple(pair for pair in every if not named or (pair.way, pair.other) in named)
    if not found:
        raise ConfigError(
            "nothing to reconcile: no selected table has a source, or is published to a target of the environment",
            next_step="select bronze tables, or gold tables with `publish`: tidemark graph shows both",
        )
    return found


def _of_table(project: Project, table: Table) -> list[Pair]:
    source, environment = table.load.source, project.environment
    if source is not None:
        connection = environment.connections.get(source.connection)
        kind = connection.kind if connection else "unknown"
        reason = None if kind in DIALECTS else NO_SQL.format(kind=kind, what=_instead(kind))
        return [Pair(table.name, "from", source.connection, reason)]
    return [Pair(table.name, "to", target) for target in table.load.publish if target in environment.targets]


def _instead(kind: str) -> str:
    if kind in ("files", "s3"):
        return "the book of files says which of them were received, and with how many rows"
    return "a full refresh reads all of it"
