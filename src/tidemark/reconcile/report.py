"""What was reconciled, for people: a table that fits the terminal, and Markdown for Prefect's page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.advice import addressed
from tidemark.observe.fitting import NOT_COUNTED, Cell, Columns, count, table, wrapped
from tidemark.observe.pages import page_table
from tidemark.reconcile.found import DifferentRow, Reconciled
from tidemark.shown import code, line
from tidemark.shown import markdown as plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

WIDTH = 120
_STYLES = {"differs": "bold red", "not compared": "yellow"}
_HEADERS = ("upstream", "downstream", "outcome", "rows", "beside", "missing", "extra", "changed", "read again")
_COLUMNS = Columns(
    _HEADERS, words=("upstream", "downstream", "outcome"), needless=("read again", "beside", "rows", "upstream")
)
_ON_A_PAGE = ("outcome", "upstream", "downstream", "missing", "extra", "changed", "rows", "beside", "read again")
_NULL = "null"
_HANGING = 4  # blanks before the second line of an entry


@dataclass(frozen=True)
class _Report:
    found: Sequence[Reconciled]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        width = min(options.max_width, WIDTH)
        yield table(_COLUMNS, [_cells(each) for each in self.found], width)
        for each in self.found:
            lines = [f"  {line(told)}" for told in _details(each)]
            if lines:
                yield from (Text(), Text(line(f"{each.upstream} → {each.downstream}"), _STYLES.get(each.outcome, "")))
                yield from (Text(part) for told in lines for part in wrapped(told, width, _HANGING))


def render(found: Sequence[Reconciled]) -> RenderableType:
    """The pairs and what differs, as a rich renderable that fits its console."""
    return _Report(found)


def markdown(found: Sequence[Reconciled]) -> str:
    """The same as Markdown: what differs and what brings it back, the table, and what there is to say of the rest."""
    differing = [each for each in found if each.outcome == "differs"]
    rest = sorted((each for each in found if each.outcome != "differs"), key=lambda each: each.outcome == "equal")
    lines = _told_of(differing)
    if differing:
        lines += [f"next: {code(addressed(command(differing)))}", ""]
    rows = [dict(zip(_HEADERS, _cells(each), strict=True)) for each in differing + rest]
    lines += [*page_table(_ON_A_PAGE, rows, numbers=_ON_A_PAGE[3:]), "", *_told_of(rest)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _told_of(found: Sequence[Reconciled]) -> list[str]:
    lines = []
    for each in found:
        if told := list(_details(each)):
            lines += [f"**{plain(f'{each.upstream} → {each.downstream}')}**", ""]
            lines += [*(f"- {plain(detail)}" for detail in told), ""]
    return lines


def command(found: Sequence[Reconciled]) -> str:
    """What brings the downstream side to what the upstream one has."""
    steps = []
    bronze = sorted({each.table for each in found if each.downstream == each.table and each.missing + each.changed})
    if bronze:
        steps.append(f"tidemark run --full-refresh {' '.join(f'--select {shlex.quote(name)}' for name in bronze)}")
    if any(each.downstream == each.table and not each.missing + each.changed for each in found):
        steps.append("rows that are gone from a source stay in bronze: docs/reconciliation.md")
    for each in found:
        target, _, name = each.downstream.partition(" ")
        if each.downstream != each.table:
            releases = f"{name.rpartition('.')[0]}.tidemark_releases"
            named = each.table.replace("'", "''")
            steps.append(
                f"in {target}: DELETE FROM {releases} WHERE table_name = '{named}', "
                f"then tidemark job publish_gold_to_{target} publishes all of it"
            )
    return "; ".join(steps)


def _cells(found: Reconciled) -> list[Cell]:
    named = [
        Cell(line(found.upstream)),
        Cell(line(found.downstream)),
        Cell(found.outcome, _STYLES.get(found.outcome, "")),
    ]
    if found.outcome == "not compared" and not any(found.rows):
        return [*named, *[Cell(NOT_COUNTED)] * (len(_HEADERS) - len(named))]
    counts = (*found.rows, found.missing, found.extra, found.changed, sum(found.read))
    return [*named, *(Cell(number=each) for each in counts)]


def _details(found: Reconciled) -> Iterator[str]:
    if found.reason:
        yield found.reason
    for row in found.differences:
        yield _row(row)
    more = found.differing - len(found.differences)
    if found.differences and more > 0:
        yield f"and {count(more)} more"
    if not found.complete:
        yield "there are more: what was looked into is a part of what differs"
    if found.columns:
        yield "changed in " + ", ".join(
            f"{name} ({count(rows)} {'row' if rows == 1 else 'rows'})" for name, rows in found.columns.items()
        )
    if found.left_out:
        yield "left out: " + ", ".join(f"{count(rows)} {why}" for why, rows in found.left_out.items())
    yield from found.notes


def _row(row: DifferentRow) -> str:
    values = ", ".join(f"{name}: {_told(one)} → {_told(other)}" for name, (one, other) in row.columns.items())
    return f"{row.what} {row.told}" + (f": {values}" if values else "")


def _told(value: str | None) -> str:
    return _NULL if value is None else value
