"""All that the lake holds about a person, for the person: released rows as they are, without Spark, and rejected ones.

Whoever exports it sees personal data unmasked; that is noted where accesses to the error lane are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from tidemark.aws.folder import open_folder
from tidemark.errorlane import rejects
from tidemark.errorlane.showing import write_access
from tidemark.lint.privacy import subjects
from tidemark.serving.lake import open_lake
from tidemark.warehouses import quoted

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.config.project import Project, Table
    from tidemark.control.state import StateStore
    from tidemark.lint.privacy.subjects import Trail


@dataclass(frozen=True)
class Exported:
    """A person's rows by table, and the rejected ones; `column` names the person, `release` is what was read."""

    column: str
    value: str
    release: str
    tables: Mapping[str, list[dict[str, Any]]]
    rejected: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": {self.column: self.value},
            "release": self.release,
            "tables": dict(self.tables),
            "rejected": list(self.rejected),
        }


def exported(project: Project, state: StateStore, text: str) -> Exported:
    """All rows of the newest release that name the person `KEY=VALUE`, with all columns of their contracts."""
    key, given = subjects.named(text)
    trail = subjects.trail(project.tables, key)
    table, column = trail.key
    value = subjects.canonical(project.table(table).contract.column(column), given, folded=trail.folded)
    lake = open_lake(project, state)
    found = {}
    for name in lake.names:
        columns = subjects.naming_columns(trail, project.table(name))
        if columns:
            found[name] = _rows(lake.rows(name), project.table(name), columns, value, trail)
    kept = {name: rows for name, rows in found.items() if rows}
    return Exported(trail.name, value, lake.release.name, kept, tuple(_rejected(project, trail, value)))


def _rejected(project: Project, trail: Trail, value: str) -> Iterator[dict[str, Any]]:
    """The rejected rows that name the person in a field of their own."""
    lanes = open_folder(project.environment.roots.errors, project.environment.aws)
    for name in trail.places:
        table = project.table(name)
        fields = table.load.source.fields if table.load.source else {}
        names = {each.lower() for column in trail.places[name] for each in (column, fields.get(column, column))}
        for row in rejects.rejected_rows(lanes, rejects.Filters(table=name)):
            shown = row.to_json()
            payload = shown["payload"]
            held = payload.items() if isinstance(payload, dict) else ()
            if any(field.lower() in names and _text(found, trail) == value for field, found in held):
                yield shown


def _text(value: Any, trail: Trail) -> str:
    return str(value).strip().lower() if trail.folded else str(value).strip()


def _rows(held: Any, table: Table, columns: tuple[str, ...], value: str, trail: Trail) -> list[dict[str, Any]]:
    names = [column.name for column in table.contract.columns if column.name in held.schema.names]
    texts = (f"CAST({quoted(name)} AS VARCHAR)" for name in columns if name in names)
    compared = [f"lower(trim({text}))" if trail.folded else text for text in texts]
    if not compared:
        return []
    selected, condition = ", ".join(map(quoted, names)), " OR ".join(f"{text} = $person" for text in compared)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("held", held)
        asked = f"SELECT {selected} FROM held WHERE {condition}"
        answer: pa.Table = connection.sql(asked, params={"person": value}).to_arrow_table()
    return list(answer.to_pylist())


def note_export(environment: Environment, who: str, found: Exported) -> str:
    """Notes in the error lane that somebody saw all about a person; gives where. The note has no value."""
    seen = {
        "what": f"subject export by {found.column}",
        "release": found.release,
        "tables": {name: len(rows) for name, rows in found.tables.items()},
        "rejected": len(found.rejected),
    }
    return write_access(open_folder(environment.roots.errors, environment.aws), who, seen)
