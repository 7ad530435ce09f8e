"""Personal data on its way to gold: followed through every query, it must end behind a mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidemark.config.contract import Column
from tidemark.config.contract.model import NOT_PERSONAL
from tidemark.config.project import Table, topological
from tidemark.errors import ConfigError, Finding
from tidemark.lint.inspection import Inspection
from tidemark.sql.columns import Origin


def find(inspection: Inspection) -> Iterator[Finding]:
    """A finding for each gold column that shows personal data without a mask.

    A column is personal when its contract classifies it so, or when values of a personal column can be seen in it.
    `classification: public` in its own contract says that they cannot. A `transform` in Python is not looked into:
    there columns of equal names are taken to be the same.
    """
    tables = inspection.read.tables
    try:
        order = topological({name: table.inputs for name, table in tables.items()})
    except ConfigError:
        return  # a circle, which is reported on its own
    personal: dict[Origin, Origin] = {}
    for name in order:
        table = tables[name]
        for column in table.contract.columns:
            source = _source(inspection, table, column, personal)
            if source is None:
                continue
            if table.layer == "gold" and column.mask is None:
                yield _finding(inspection, table, column, source)
            elif table.layer != "gold":
                personal[name, column.name] = source


def _source(inspection: Inspection, table: Table, column: Column, personal: Mapping[Origin, Origin]) -> Origin | None:
    """The classified column whose values are in this one: itself, or one upstream; None where there is none."""
    if column.classification in NOT_PERSONAL:
        return None
    if column.classification is not None:
        return table.name, column.name
    query = inspection.queries.get(table.name)
    if query is not None:
        origins = query.origins(column.name)
    else:
        origins = frozenset((name, column.name) for name in table.inputs)
    return next((personal[origin] for origin in sorted(origins) if origin in personal), None)


def _finding(inspection: Inspection, table: Table, column: Column, source: Origin) -> Finding:
    owner, name = source
    classified = inspection.read.tables[owner].contract.column(name)
    came = "" if owner == table.name else f": it comes from {owner}.{name}"
    message = f"{table.name}.{column.name} shows {classified.classification} data unmasked{came}"
    mask = classified.mask or "redact"
    fix = f"add `customProperties: [{{property: mask, value: {mask}}}]`, or `classification: public` if it is none"
    return Finding(table.contract.path, column.line, message, fix)
