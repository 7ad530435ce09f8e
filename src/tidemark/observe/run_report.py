"""A run summary for people: aligned columns for a terminal of 120, Markdown for Prefect's page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tidemark.control.runs import SHORT_ID, Publication, RunSummary, TableResult, Warned

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

THIN_SPACE = "\u202f"  # narrow and not broken at the end of a line
WIDTH = 120
LAYERS = ("bronze", "silver", "gold")
TROUBLE, DOUBT = "bold red", "yellow"
_NOT_COUNTED = "–"
_HEADERS = (
    "layer", "table", "in", "accepted", "quarantined", "superseded",
    "+new", "~changed", "-deleted", "=same", "gate", "s",
)  # fmt: skip


@dataclass(frozen=True)
class _Cell:
    text: str
    style: str = ""


def count(number: int, exact: bool = True) -> str:
    """A count with thin spaces between thousands (`95 210`); not `exact`: short from a million on (`1.23 M`)."""
    if exact or number < 1_000_000:
        return f"{number:,}".replace(",", THIN_SPACE)
    unit, size = ("G", 10**9) if number >= 10**9 else ("M", 10**6)
    return f"{number / size:.2f}{THIN_SPACE}{unit}"


def duration(seconds: float) -> str:
    """Elapsed time as people say it: `3.1 s`, `1 m 48 s`, `2 h 05 m`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def render(summary: RunSummary) -> RenderableType:
    """The summary as a rich renderable that fits 120 columns; colour only where there is trouble."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(" · ".join(_title(summary)), style="bold")]
    if summary.tables:
        parts += [Text(), _table(summary.tables)]
    parts += _footer(summary)
    return Group(*parts)


def markdown(summary: RunSummary) -> str:
    """The summary as Markdown, for the artifact on the run's page in Prefect."""
    lines = [f"### {' · '.join(_title(summary))}", ""]
    if summary.error:
        lines += ["```text", summary.error, "```", ""]
    if summary.tables:
        lines += [markdown_row(_HEADERS), markdown_row(["---"] * 2 + ["---:"] * 8 + ["---", "---:"])]
        lines += [markdown_row(cell.text for cell in _cells(result)) for result in _ordered(summary.tables)]
        lines.append("")
    if summary.quarantined:
        lines.append(f"- {_rejected(summary)}: `{errors_command(summary.run_id)}`")
    lines += [f"- warning: {_warning(warned)}{_code(warned.next_step)}" for warned in summary.warnings]
    if summary.published:
        lines.append(f"- {_published(summary)}")
    lines += [f"- {told}" for told in _lineage(summary)]
    return "\n".join(lines) + "\n"


def _title(summary: RunSummary) -> list[str]:
    parts = [f"run {summary.date}", summary.environment, summary.short_id, duration(summary.seconds)]
    if summary.allowed:
        parts.append(f"allowed: {', '.join(summary.allowed)}")
    if summary.status != "done":
        parts.append(summary.status)
    if summary.released:
        parts.append(f"released as {summary.release}")
    elif summary.release:
        parts.append(f"release stays {summary.release}")
    return parts


def _ordered(results: Iterable[TableResult]) -> list[TableResult]:
    """By layer, and inside a layer in the order in which the run took the tables."""
    return sorted(results, key=lambda result: LAYERS.index(result.layer) if result.layer in LAYERS else len(LAYERS))


def _table(results: tuple[TableResult, ...]) -> RichTable:
    from rich.table import Table
    from rich.text import Text

    rows = [_cells(result) for result in _ordered(results)]
    if _width(rows, gap=1) > WIDTH:
        rows = [_cells(result, exact=False) for result in _ordered(results)]
    gap = 2 if _width(rows, gap=2) <= WIDTH else 1
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0), header_style="")
    for header in _HEADERS:
        table.add_column(header, justify="left" if header in ("layer", "table", "gate") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.style) for cell in row))
    return table


def _width(rows: list[list[_Cell]], gap: int) -> int:
    columns = zip(_HEADERS, *([cell.text for cell in row] for row in rows), strict=True)
    return sum(max(len(text) for text in column) for column in columns) + gap * (len(_HEADERS) - 1)


def _cells(result: TableResult, exact: bool = True) -> list[_Cell]:
    books = result.books
    numbers = [_Cell(_NOT_COUNTED)] * 8
    if books is not None and result.status != "taken back":
        counted = (books.extracted, books.accepted, books.quarantined, books.superseded)
        written = (books.inserted, books.updated, books.deleted + books.vanished, books.unchanged)
        numbers = [_Cell(count(number, exact)) for number in counted + written]
        if books.quarantined:
            numbers[2] = _Cell(numbers[2].text, DOUBT)
    named = [_Cell(result.layer), _Cell(result.name, TROUBLE if result.in_trouble else "")]
    return [*named, *numbers, _gate(result), _Cell(f"{result.seconds:.1f}")]


def _gate(result: TableResult) -> _Cell:
    gate = result.gate
    if result.status in ("failed", "stopped", "unfinished"):
        return _Cell(result.status, TROUBLE)
    if result.status == "taken back":
        return _Cell(result.status, DOUBT)
    if gate is None:
        return _Cell(_NOT_COUNTED)
    score = f"{gate.passed}/{gate.total}"
    if gate.failed:
        return _Cell(f"failed {score}", TROUBLE)
    return _Cell(f"warn {score}", DOUBT) if gate.warnings else _Cell(f"ok {score}")


def _footer(summary: RunSummary) -> list[Text]:
    from rich.text import Text

    notes: list[tuple[str, str | None, str]] = []
    if summary.quarantined:
        notes.append((_rejected(summary), errors_command(summary.run_id), DOUBT))
    notes += _warning_notes(summary.warnings)
    column = max((len(text) for text, command, _ in notes if command), default=0)
    lineage = _lineage(summary)
    lines = [Text()] if notes or summary.published or lineage else []
    for text, command, style in notes:
        line = Text(text, style=style)
        if command:
            line.append(f"{' ' * (column - len(text))}  → {command}", style="")
        lines.append(line)
    if summary.published:
        lines.append(Text(_published(summary), style=TROUBLE if _unpublished(summary.published) else ""))
    doubtful = summary.lineage is not None and summary.lineage.why is not None
    return lines + [Text(told, style=DOUBT if doubtful else "") for told in lineage]


def _lineage(summary: RunSummary) -> list[str]:
    """Where the run's lineage events are: one line, or none where nobody was told anything."""
    told = summary.lineage
    if told is None or not told.sent + told.waiting + told.lost:
        return []
    parts = [f"{count(told.sent)} lineage {'event' if told.sent == 1 else 'events'}: {told.where}"]
    if told.waiting:
        parts.append(f"{count(told.waiting)} wait for the next run")
    if told.lost:
        parts.append(f"{count(told.lost)} were not taken")
    return ["; ".join(parts) + (f" ({told.why})" if told.why else "")]


def _warning_notes(warnings: tuple[Warned, ...]) -> list[tuple[str, str | None, str]]:
    if not warnings:
        return []
    first, *others = warnings
    words = "1 warning" if not others else f"{len(warnings)} warnings"
    notes = [(f"{words}: {_warning(first)}", first.next_step, DOUBT)]
    indent = " " * (len(words) + 2)
    return notes + [(indent + _warning(warned), warned.next_step, DOUBT) for warned in others]


def _warning(warned: Warned) -> str:
    return f"{warned.table} {warned.message}" if warned.table else warned.message


def _rejected(summary: RunSummary) -> str:
    noun = "row" if summary.quarantined == 1 else "rows"
    by_rule = summary.rejected_by_rule
    if not by_rule:
        return f"{count(summary.quarantined)} {noun} rejected, all of them in an earlier run too"
    head, room = f"{count(summary.quarantined)} {noun} rejected: ", WIDTH - len(errors_command(summary.run_id)) - 4
    return head + _listed([f"{count(number)} {rule}" for rule, number in by_rule.items()], room - len(head))


def _listed(items: list[str], room: int) -> str:
    """As many items as there is room for, and how many more there are."""
    for shown in range(len(items), 1, -1):
        more = [f"{len(items) - shown} more"] if shown < len(items) else []
        text = ", ".join([*items[:shown], *more])
        if len(text) <= room:
            return text
    return items[0] if len(items) == 1 else f"{items[0]}, {len(items) - 1} more"


def errors_command(run_id: str, table: str | None = None) -> str:
    """What lists the rows that a run rejected, of one table or of all."""
    of_table = f"--table {table} " if table else ""
    return f"tidemark errors list {of_table}--run {run_id[:SHORT_ID]}"


def _published(summary: RunSummary) -> str:
    by_target = sorted(summary.published, key=lambda item: item.target)
    targets = [_target(name, list(items)) for name, items in groupby(by_target, key=lambda item: item.target)]
    return f"published {summary.release or ''} to {', '.join(targets)}".replace("  ", " ")


def _target(name: str, items: list[Publication]) -> str:
    done = [item for item in items if item.error is None]
    rows = sum(item.inserted for item in done)
    text = f"{len(done)} {'table' if len(done) == 1 else 'tables'}, {count(rows)} rows"
    failed = _unpublished(items)
    return f"{name} ({text}{f', {len(failed)} failed: ' + ', '.join(failed) if failed else ''})"


def _unpublished(items: Iterable[Publication]) -> list[str]:
    return [item.table for item in items if item.error is not None]


def markdown_row(cells: Iterable[str]) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(command: str | None) -> str:
    return f": `{command}`" if command else ""
