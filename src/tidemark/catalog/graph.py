"""The column-level lineage of all tables as data for the page on which it is explored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tidemark.compile.lineage import SOURCE

if TYPE_CHECKING:
    from tidemark.catalog.facts import Facts
    from tidemark.config.project import Table
    from tidemark.sql.tracing.derivation import Derived, Via

Way = tuple[str, str, str]
"""A column that another one comes of: its table or source, its name, and how."""


def source_name(table: Table) -> str:
    """What the source of a bronze table is called."""
    source = table.load.source
    return f"{source.connection}: {source.object}" if source else ""


def ways(facts: Facts, table: str, column: str) -> tuple[Way, ...]:
    """Of which columns one comes, the nearest kind of way first."""
    return tuple(_ways(facts, table, facts.lineage.of(table).columns.get(column, ())))


def row_ways(facts: Facts, table: str) -> tuple[Way, ...]:
    """On which columns it depends which rows a table has."""
    return tuple(_ways(facts, table, facts.lineage.of(table).rows))


def said(via: Via) -> str:
    """How a value comes of another."""
    return f"{via.how}, hidden" if via.masks else via.how


def _ways(facts: Facts, table: str, derived: Any) -> Iterator[Way]:
    found: list[Derived] = sorted(derived, key=lambda each: (not each[1].direct, each[0], each[1].how))
    for (owner, name), via in found:
        yield source_name(facts.project.table(table)) if owner == SOURCE else owner, name, said(via)


def graph(facts: Facts, slug: Any) -> dict[str, Any]:
    """Tables with their columns; edges are `[from table, column, to table, column, how, direct]`, by number."""
    nodes: dict[str, dict[str, int]] = {}
    about: dict[str, list[Any]] = {}
    for name in facts.project.order():
        table = facts.tables[name].table
        about[name] = [name, table.layer, slug(name)]
        nodes[name] = {column: number for number, column in enumerate(table.contract.column_names)}
    edges, hows = list(_edges(facts, nodes, about)), dict[str, int]()
    numbers = {name: number for number, name in enumerate(nodes)}
    drawn = [
        [numbers[a], nodes[a][x], numbers[b], nodes[b][y], hows.setdefault(how, len(hows)), int(direct)]
        for a, x, b, y, how, direct in edges
    ]
    tables = [[*about[name], list(columns)] for name, columns in nodes.items()]
    unknown = [numbers[name] for name in facts.tables if not facts.lineage.of(name).is_known]
    return {"tables": tables, "edges": drawn, "hows": list(hows), "unknown": unknown}


def _edges(
    facts: Facts, nodes: dict[str, dict[str, int]], about: dict[str, list[Any]]
) -> Iterator[tuple[str, str, str, str, str, bool]]:
    for name, found in facts.tables.items():
        for column, derived in facts.lineage.of(name).columns.items():
            for (owner, origin), via in sorted(derived, key=str):
                where = source_name(found.table) if owner == SOURCE else owner
                about.setdefault(where, [where, "source", ""])
                known = nodes.setdefault(where, {})
                known.setdefault(origin, len(known))
                yield where, origin, name, column, said(via), via.direct
