"""Reads `relationships`: which columns of other tables' contracts a table refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from open_data_contract_standard.model import Relationship, SchemaObject

from tidemark.config.contract.model import LAYERS, SUFFIX, Column, Reference
from tidemark.config.files.yamltext import Report, Where

_FULL = re.compile(r"(?P<file>[^#]*)#/?schema/(?P<table>[a-z_][a-z0-9_]*)/properties/(?P<column>[a-z_][a-z0-9_]*)")
_SHORT = re.compile(r"(?P<table>[a-z_][a-z0-9_]*)\.(?P<column>[a-z_][a-z0-9_]*)")
_FOREIGN_KEY = "foreignkey"
_FIX = "write `to: ../gold/dim_date.contract.yaml#schema/dim_date/properties/date_sk`"


def read_references(
    report: Report, schema: SchemaObject, columns: tuple[Column, ...], table: str, where: Where
) -> tuple[Reference, ...]:
    """The foreign keys of a schema: of single columns, and of several together; what is wrong goes to the report."""
    names = tuple(column.name for column in columns)
    found: list[Reference] = []
    for position, column in enumerate(schema.properties or []):
        here = (*where, "properties", position, "relationships")
        for number, each in enumerate(column.relationships or []):
            found += _read(report, each, [column.name or ""], names, table, (*here, number))
    for number, each in enumerate(schema.relationships or []):
        told = [each.from_] if isinstance(each.from_, str) else (each.from_ or [])
        own = [name.rpartition(".")[2].rpartition("/")[2] for name in told]
        found += _read(report, each, own, names, table, (*where, "relationships", number))
    return tuple(found)


def _read(
    report: Report, each: Relationship, own: Sequence[str], names: Sequence[str], table: str, where: Where
) -> Iterator[Reference]:
    if (each.type or _FOREIGN_KEY).lower() != _FOREIGN_KEY:
        return  # other relations are for people
    told = [each.to] if isinstance(each.to, str) else (each.to or [])
    unknown = [name for name in own if name not in names]
    if unknown or not own:
        report.error(
            where, f"a relationship is of `{', '.join(unknown)}`, which is no column", "name columns in `from:`"
        )
        return
    targets = [_target(text, table) for text in told]
    there = {target[0] for target in targets if target}
    if not targets or None in targets or len(there) != 1 or len(targets) != len(own):
        report.error(where, f"a relationship leads to `{', '.join(told)}`, which names no column of a contract", _FIX)
        return
    to = tuple(target[1] for target in targets if target)
    yield Reference(tuple(own), there.pop(), to, report.document.line(where))


def _target(text: str, table: str) -> tuple[str, str] | None:
    """Table and column that a text leads to, seen from the contract of `table`."""
    layer, name = table.split(".", 1)
    short = _SHORT.fullmatch(text)
    if short is not None:
        return (table, short["column"]) if short["table"] == name else None
    full = _FULL.fullmatch(text)
    if full is None:
        return None
    file = full["file"] or f"{name}{SUFFIX}"
    parts = PurePosixPath(layer, file).parts
    layers = [part for part in parts[:-1] if part != ".."]
    there = layers[-1] if layers else ""
    if there not in LAYERS or parts[-1] != f"{full['table']}{SUFFIX}":
        return None
    return f"{there}.{full['table']}", full["column"]
