"""Markdown for pages in Prefect: tables without columns of zeros, and the command that goes on."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence

from tidemark.observe.fitting import NOT_COUNTED, THIN_SPACE, Cell
from tidemark.shown import Markdown, markdown

_NOT_IN_KEYS = re.compile("[^a-z0-9]+")


def markdown_row(cells: Iterable[str]) -> str:
    """One row of a Markdown table; cells are text, and mean nothing to Markdown unless they are `Markdown`."""
    return f"| {' | '.join(map(markdown, cells))} |"


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int]) -> list[str]:
    """A Markdown table, without those columns of `numbers` in which nothing is counted. Headers are our own words."""
    shown = [
        position
        for position in range(len(headers))
        if position not in numbers or any(row[position] not in ("0", NOT_COUNTED) for row in rows)
    ]
    borders = [Markdown("---:" if position in numbers else "---") for position in range(len(headers))]
    lines = [list(map(Markdown, headers)), borders, *rows]
    return [markdown_row(line[position] for position in shown) for line in lines]


def page_table(names: Sequence[str], rows: Iterable[Mapping[str, Cell]], numbers: Collection[str]) -> list[str]:
    """A terminal's table for a page: the columns `names`, of rows by column, in this order.

    A page scrolls what does not fit, so no column is left out but those of `numbers` in which nothing is counted.
    """
    written = [[row[name].written(0) for name in names] for row in rows]
    return markdown_table(names, written, [position for position, name in enumerate(names) if name in numbers])


def page_of_tables(headers: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: Collection[str]) -> list[str]:
    """A table of tables for a page, which is narrower: `layer` and `table` are one name, beside it stands `gate`."""
    by_column = (dict(zip(headers, row, strict=True)) for row in rows)
    named = [row | {"table": Cell(f"{row['layer'].text}.{row['table'].text}")} for row in by_column]
    rest = (name for name in headers if name not in ("layer", "table", "gate"))
    return page_table(("table", "gate", *rest), named, numbers)


def deployment_command(flow: str, deployment: str, environment: str, **parameters: str) -> str:
    """What runs a deployment of an environment, with parameters as JSON, so that digits stay a text."""
    given = "".join(f" --param {_shell(f'{name}={json.dumps(value)}')}" for name, value in parameters.items())
    return f"prefect deployment run {_shell(f'{flow}/{deployment}.{environment}')}{given}"


def _shell(word: str) -> str:
    """A word for a shell, in quotes whatever it holds."""
    quoted = shlex.quote(word)
    return quoted if quoted.startswith("'") else f"'{quoted}'"


def artifact_key(*words: str) -> str:
    """What an artifact is called in Prefect, which takes small letters, digits and dashes."""
    return _NOT_IN_KEYS.sub("-", "-".join(words).lower()).strip("-")


def megabytes(size: int) -> str:
    """Bytes as megabytes."""
    return f"{size / 1_000_000:,.1f}{THIN_SPACE}MB".replace(",", THIN_SPACE) if size else "0"
