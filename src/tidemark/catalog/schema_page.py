"""All tables and their columns as one page of Markdown, from the contracts alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from tidemark.catalog import words
from tidemark.config.contract import LAYERS
from tidemark.shown import code, code_in_cell, markdown, prose

if TYPE_CHECKING:
    from tidemark.config.contract import Column, Contract
    from tidemark.config.project import Table

_HEADERS = ("column", "type", "key", "meaning", "rules", "personal data")
_HEAD = """\
# Schema catalog

What every table is, by its contract. This page is made of the contracts:
`tidemark catalog schema > docs/schema-catalog.md`. [The catalog](catalog.md) tells more: rows, runs, checks, and where
each column comes from.
"""


def schema_page(tables: Mapping[str, Table]) -> str:
    """The page, what readers ask for first standing first."""
    parts = [_HEAD]
    for layer in reversed(LAYERS):
        found = [tables[name].contract for name in sorted(tables) if tables[name].layer == layer]
        if found:
            parts += [f"## {layer.capitalize()}\n", *(_table(contract) for contract in found)]
    return "\n".join(parts)


def _table(contract: Contract) -> str:
    lines = [f"### {markdown(contract.table)}", ""]
    told = [markdown(prose(each)) for each in (contract.description, contract.about.usage) if each]
    lines += [" ".join(told), ""] if told else []
    lines += [", ".join(_facts(contract)) + ".", ""]
    lines += [_row(_HEADERS), _row("---" for _ in _HEADERS)]
    lines += [_row(_cells(column, contract.layer)) for column in contract.columns]
    lines += ["", *(f"- checked: {markdown(prose(check.name))} ({check.severity})" for check in contract.checks)]
    return "\n".join(lines).rstrip() + "\n"


def _facts(contract: Contract) -> Iterator[str]:
    yield f"Version {markdown(contract.version)}"
    if contract.about.status:
        yield markdown(contract.about.status)
    if contract.owner:
        yield f"owner {markdown(contract.owner)}"
    if contract.freshness:
        yield f"{code(contract.freshness.column)} at most {words.decimal(contract.freshness.hours)} h old"
    yield from (
        f"{code(', '.join(each.columns))} joins {markdown(each.table)} ({code(', '.join(each.to))})"
        for each in contract.references
    )


def _cells(column: Column, layer: str) -> Iterator[str]:
    yield code_in_cell(column.name)
    yield code_in_cell(column.type)
    yield "" if column.key_position is None else str(column.key_position)
    yield markdown(prose(column.description or ""))
    yield "; ".join(map(markdown, words.rules(column)))
    yield "; ".join(map(markdown, words.privacy(column, layer)))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
