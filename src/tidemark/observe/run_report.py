"""A run summary for people: aligned columns for a terminal, Markdown for Prefect's page."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tidemark.advice import addressed, in_environment
from tidemark.control.runs import SHORT_ID, Publication, RunSummary, TableResult, Warned
from tidemark.observe.fitting import NOT_COUNTED, THIN_SPACE, Cell, Columns, count, table, together, wrapped
from tidemark.observe.pages import deployment_command, markdown_row, markdown_table, megabytes, page_of_tables
from tidemark.shown import code, code_block, line
from tidemark.shown import markdown as plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

__all__ = ["THIN_SPACE", "WIDTH", "count", "duration", "errors_command", "markdown", "markdown_row", "render"]

WIDTH = 120
LAYERS = ("bronze", "silver", "gold")
TROUBLE, DOUBT = "bold red", "yellow"
_DATED = ("daily", "ingest", "build-layer", "quality-gate")
_FILES = ("table", "files before", "files now", "freed", "")
_HEADERS = (
    "layer", "table", "in", "accepted", "quarantined", "superseded",
    "+new", "~changed", "-deleted", "=same", "gate", "s",
)  # fmt: skip
_COUNTED = _HEADERS[2:10]
_COLUMNS = Columns(
    _HEADERS,
    words=("layer", "table", "gate"),
    needless=("s", "accepted", "superseded", "=same", "layer", "quarantined", "~changed", "-deleted", "+new"),
)
_HANGING = 2  # blanks before the second line of a sentence
_RULES = 5  # of a table whose rows were rejected, the largest


def duration(seconds: float) -> str:
    """Elapsed time as people say it: `3.1 s`, `1 m 48 s`, `2 h 05 m`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


@dataclass(frozen=True)
class _Report:
    """A summary as it is drawn on a console, which says how wide it is."""

    summary: RunSummary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        width = min(options.max_width, WIDTH)
        yield from (Text(line, style="bold") for line in together(_title(self.summary), width))
        if self.summary.tables:
            yield Text()
            yield table(_COLUMNS, [_cells(result) for result in _ordered(self.summary.tables)], width)
        yield from _footer(self.summary, width)


def render(summary: RunSummary) -> RenderableType:
    """The summary as a rich renderable that fits its console; colour only where there is trouble."""
    return _Report(summary)


def markdown(summary: RunSummary) -> str:
    """The summary as Markdown, for the artifact on the run's page in Prefect.

    What went wrong comes first, then the tables, those in trouble before the others, without columns that are zero for
    all of them; the command that goes on stands at the end.
    """
    lines = [f"### {' · '.join(map(plain, _title(summary)))}", ""]
    if summary.error:
        lines += [code_block(summary.error), ""]
    told = []
    where = in_environment(summary.environment)
    if summary.quarantined:
        told.append(f"- {_rejected(summary)}: {code(addressed(errors_command(summary.run_id), where))}")
        told += [f"  - {plain(rules)}" for rules in _rejected_by_table(summary)]
    for warned in summary.warnings:
        advised = f": {code(addressed(warned.next_step, where))}" if warned.next_step else ""
        told.append(f"- warning: {plain(_warning(warned))}{advised}")
    if summary.published:
        told.append(f"- {plain(_published(summary))}")
    told += [f"- {plain(each)}" for each in (*_snapshot(summary), *_lineage(summary))]
    lines += [*told, ""] if told else []
    if summary.tables:
        ordered = sorted(_ordered(summary.tables), key=lambda result: not result.in_trouble)
        lines += [*page_of_tables(_HEADERS, [_cells(result) for result in ordered], numbers=(*_COUNTED, "s")), ""]
    lines += _files(summary)
    commands = _next_commands(summary)
    if commands:
        lines.append(code_block("\n".join(commands), "sh"))
    return "\n".join(lines).rstrip("\n") + "\n"


def _files(summary: RunSummary) -> list[str]:
    """What maintenance did to files, the largest gain first; nothing where none was done."""
    tidied = [(result.table, result.files) for result in summary.tables if result.files]
    rows = [
        [
            name,
            count(files.before),
            count(files.after),
            megabytes(files.freed),
            f"not put together: plan {files.plan} is open" if files.plan else "",
        ]
        for name, files in sorted(tidied, key=lambda each: (-each[1].freed, each[0]))
    ]
    return [*markdown_table(_FILES, rows, numbers=(1, 2, 3)), ""] if rows else []


def _next_commands(summary: RunSummary) -> list[str]:
    """What a person would run next in Prefect; nothing where nothing is left to do."""
    commands = []
    if summary.quarantined:
        commands.append(f"{deployment_command('replay', 'replay', summary.environment)}   # once they are put right")
    if summary.status in ("failed", "interrupted", "killed", "gate failed") and summary.job:
        day = {"date": summary.date.isoformat()} if summary.flow in _DATED else {}
        commands.append(deployment_command(summary.flow, summary.job, summary.environment, **day))
    return commands


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


def _cells(result: TableResult) -> list[Cell]:
    books = result.books
    numbers = [Cell(NOT_COUNTED)] * 8
    if books is not None and result.status != "taken back":
        counted = (books.extracted, books.accepted, books.quarantined, books.superseded)
        written = (books.inserted, books.updated, books.deleted + books.vanished, books.unchanged)
        numbers = [Cell(number=number) for number in counted + written]
        if books.quarantined:
            numbers[2] = Cell(style=DOUBT, number=books.quarantined)
    named = [Cell(result.layer), Cell(result.name, TROUBLE if result.in_trouble else "")]
    return [*named, *numbers, _gate(result), Cell(f"{result.seconds:.1f}")]


def _gate(result: TableResult) -> Cell:
    gate = result.gate
    if result.status in ("failed", "stopped", "unfinished"):
        return Cell(result.status, TROUBLE)
    if result.status == "taken back":
        return Cell(result.status, DOUBT)
    if gate is None:
        return Cell(NOT_COUNTED)
    score = f"{gate.passed}/{gate.total}"
    if gate.failed:
        return Cell(f"failed {score}", TROUBLE)
    return Cell(f"warn {score}", DOUBT) if gate.warnings else Cell(f"ok {score}")


def _footer(summary: RunSummary, width: int) -> Iterator[Text]:
    from rich.text import Text

    notes: list[tuple[str, str | None, str]] = []
    if summary.quarantined:
        notes.append((_rejected(summary), errors_command(summary.run_id), DOUBT))
        notes += [(f"  {told}", None, DOUBT) for told in _rejected_by_table(summary, width - 2)]
    notes += _warning_notes(summary.warnings)
    lineage, snapshot = _lineage(summary), _snapshot(summary)
    if notes or summary.published or lineage or snapshot:
        yield Text()
    where = in_environment(summary.environment)
    yield from _notes(
        [(text, command and line(addressed(command, where)), style) for text, command, style in notes], width
    )
    if summary.published:
        style = TROUBLE if _unpublished(summary.published) else ""
        yield from (Text(line, style=style) for line in wrapped(_published(summary), width, _HANGING))
    yield from (Text(line) for told in snapshot for line in wrapped(told, width, _HANGING))
    doubtful = summary.lineage is not None and summary.lineage.why is not None
    yield from (Text(told, style=DOUBT if doubtful else "") for told in lineage)


def _notes(notes: Sequence[tuple[str, str | None, str]], width: int) -> Iterator[Text]:
    """Texts with the commands that go on beside them, or below where there is no room."""
    from rich.text import Text

    column = max((len(text) for text, command, _ in notes if command), default=0)
    fits = all(column + len(command) + 4 <= width for _, command, _ in notes if command)
    for text, command, style in notes:
        indent = len(text) - len(text.lstrip())
        lines = [Text(line, style=style) for line in wrapped(text, width, indent + _HANGING)]
        if command and fits:
            lines[-1].append(f"{' ' * (column - len(text))}  → {command}", style="")
        yield from lines
        if command and not fits:
            yield Text(f"{' ' * indent}  → {command}")


def _snapshot(summary: RunSummary) -> list[str]:
    """What was exported, and which snapshots were removed for it."""
    taken = summary.snapshot
    if taken is None:
        return []
    known = "snapshot" if taken.new else "there already: snapshot"
    told = [
        f"{known} {taken.name} at {taken.where}: {count(taken.files)} files, {megabytes(taken.size)}; copied "
        f"{count(taken.copied)} files, {megabytes(taken.copied_size)}"
    ]
    return told + ([f"removed, as they are over: {', '.join(taken.retired)}"] if taken.retired else [])


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
    return [line("; ".join(parts) + (f" ({told.why})" if told.why else ""))]


def _warning_notes(warnings: tuple[Warned, ...]) -> list[tuple[str, str | None, str]]:
    if not warnings:
        return []
    first, *others = warnings
    words = "1 warning" if not others else f"{len(warnings)} warnings"
    notes = [(f"{words}: {_warning(first)}", _advice(first), DOUBT)]
    indent = " " * (len(words) + 2)
    return notes + [(indent + _warning(warned), _advice(warned), DOUBT) for warned in others]


def _advice(warned: Warned) -> str | None:
    return line(warned.next_step) if warned.next_step else None


def _warning(warned: Warned) -> str:
    return line(f"{warned.table} {warned.message}" if warned.table else warned.message)


def _rejected(summary: RunSummary) -> str:
    noun = "row" if summary.quarantined == 1 else "rows"
    told, new = f"{count(summary.quarantined)} {noun} rejected", newly_rejected(summary.tables)
    if new is None or new >= summary.quarantined:
        return told
    return f"{told}, {count(new)} new in the error lane" if new else f"{told}, all of them in an earlier run too"


def newly_rejected(results: Iterable[TableResult]) -> int | None:
    """How many rows are new in the error lane; None where nobody counted, or not those that one has rejected."""
    told = [each for each in results if each.newly_rejected is not None or (each.books and each.books.quarantined)]
    counted = [each.newly_rejected for each in told if each.newly_rejected is not None]
    return sum(counted) if counted and len(counted) == len(told) else None


def _rejected_by_table(summary: RunSummary, width: int = WIDTH) -> Iterator[str]:
    """Of each table the rules that most rows broke, as many as there is room for."""
    for result in _ordered(summary.tables):
        rules = sorted(((line(rule), number) for rule, number in result.rejected.items()), key=lambda item: -item[1])
        if rules:
            head = f"{result.table}: "
            yield head + _listed([f"{count(number)} {rule}" for rule, number in rules], width - len(head))


def _listed(items: list[str], room: int) -> str:
    """The first items, as many as there is room for, and how many more there are."""
    for shown in range(min(len(items), _RULES), 1, -1):
        more = [f"{len(items) - shown} more"] if shown < len(items) else []
        text = ", ".join([*items[:shown], *more])
        if len(text) <= room:
            return text
    return items[0] if len(items) == 1 else f"{items[0]}, {len(items) - 1} more"


def errors_command(run_id: str, table: str | None = None) -> str:
    """What lists the rows that a run rejected, of one table or of all."""
    of_table = f"--table {shlex.quote(table)} " if table else ""
    return f"tidemark errors list {of_table}--run {run_id[:SHORT_ID]}"


def _published(summary: RunSummary) -> str:
    by_target = sorted(summary.published, key=lambda item: item.target)
    targets = [_target(name, list(items)) for name, items in groupby(by_target, key=lambda item: item.target)]
    return f"published {summary.release or ''} to {', '.join(targets)}".replace("  ", " ")


def _target(name: str, items: list[Publication]) -> str:
    done = [item for item in items if item.error is None]
    rows, gone = sum(item.inserted for item in done), sum(item.deleted for item in done)
    text = f"{len(done)} {'table' if len(done) == 1 else 'tables'}, {count(rows)} rows"
    text += f", {count(gone)} removed" if gone else ""
    failed = _unpublished(items)
    return f"{name} ({text}{f', {len(failed)} failed: ' + ', '.join(failed) if failed else ''})"


def _unpublished(items: Iterable[Publication]) -> list[str]:
    return [item.table for item in items if item.error is not None]
