"""Relationships of contracts: the columns that they lead to are there, and hold values of the same type."""

from __future__ import annotations

from collections.abc import Iterator

from tidemark.errors import Finding, choose
from tidemark.lint.inspection import Inspection


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about the foreign keys of every contract that could be read."""
    tables = inspection.read.tables
    for table in tables.values():
        path, types = table.contract.path, {column.name: column.type for column in table.contract.columns}
        for reference in table.contract.references:
            if reference.table not in tables:
                seen = f"a relationship leads to {reference.table}, which is not there"
                yield Finding(path, reference.line, seen, choose(reference.table, tables))
                continue
            there = {column.name: column.type for column in tables[reference.table].contract.columns}
            for own, other in zip(reference.columns, reference.to, strict=True):
                if other not in there:
                    seen = f"a relationship leads to `{other}` of {reference.table}, which is not there"
                    yield Finding(path, reference.line, seen, choose(other, there))
                elif there[other] != types[own]:
                    seen = f"`{own}` is a {types[own]}, and `{other}` of {reference.table} a {there[other]}"
                    yield Finding(path, reference.line, seen, "give both the same physicalType")
