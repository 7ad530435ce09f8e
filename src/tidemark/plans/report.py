"""A plan for people: aligned columns for a terminal, Markdown for Prefect's page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tidemark.advice import addressed, in_environment
from tidemark.control.runs import SHORT_ID
from tidemark.observe.fitting import NOT_COUNTED, Cell, Columns, count, table, wrapped
from tidemark.observe.pages import deployment_command, page_of_tables
from tidemark.observe.run_report import DOUBT, TROUBLE, WIDTH
from tidemark.plans.document import PlanDocument, Publishing, TablePlan
from tidemark.shown import code, code_block, line
from tidemark.shown import markdown as plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

_HEADERS = (
    "layer", "table", "in", "+new", "~changed", "-deleted", "=same", "rejected", "superseded", "gate", "computed from",
)  # fmt: skip
_RIGHT = _HEADERS[2:9]
_COLUMNS = Columns(
    _HEADERS,
    words=("layer", "table", "gate", "computed from"),
    needless=("superseded", "=same", "layer", "computed from", "in", "rejected"),
    folded=("computed from",),
)
_HANGING = 4  # blanks before the second line of an entry
_PROBLEMS = ("checks that fail", "failures", "warnings", "rows rejected")
_USUAL = ("what changed", "nothing")
_SIGNS = {"insert": "+", "update": "~", "delete": "-"}


@dataclass(frozen=True)
class _Report:
    """A plan as it is drawn on a console, which says how wide it is."""

    document: PlanDocument

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        document, width = self.document, min(options.max_width, WIDTH)
        yield Text(line(_title(document)), style="bold")
        yield Text()
        rows = [[replace(cell, style=_style(document, each)) for cell in _cells(each)] for each in document.tables]
        yield table(_COLUMNS, rows, width)
        for heading, lines in _sections(document):
            yield from (Text(), Text(heading))
            yield from (Text(part) for each in lines for part in wrapped(f"  {line(each)}", width, _HANGING))
        yield Text()
        yield from (Text(part, style="bold") for part in wrapped(_last_word(document), width))


def render(document: PlanDocument) -> RenderableType:
    """The plan as a rich renderable that fits its console; colour only where there is trouble."""
    return _Report(document)


def _style(document: PlanDocument, each: TablePlan) -> str:
    return TROUBLE if each in document.failed else (DOUBT if each.gate and each.gate.warnings else "")


def markdown(document: PlanDocument) -> str:
    """The plan as Markdown, for the artifact on the run's page in Prefect: what is wrong, the tables, all the rest.

    Columns that are zero for all tables are left out. It ends in what applies the plan.
    """
    sections = dict(_sections(document))
    problems = {heading: sections.pop(heading) for heading in _PROBLEMS if heading in sections}
    lines = [f"### {plain(_title(document))}", *_listed(problems), ""]
    ordered = sorted(document.tables, key=lambda each: each not in document.failed)
    lines += page_of_tables(_HEADERS, [_cells(each) for each in ordered], numbers=_RIGHT)
    lines += [*_listed(sections), "", f"**{plain(_last_word(document))}**"]
    if document.changes and not document.failed and not document.backfill:
        command = deployment_command("apply", "apply", document.environment, plan=document.plan[:SHORT_ID])
        lines += ["", code_block(command, "sh")]
    return "\n".join(lines) + "\n"


def _listed(sections: Mapping[str, list[str]]) -> list[str]:
    lines = []
    for heading, entries in sections.items():
        lines += ["", f"#### {heading}", "", *(f"- {code(each)}" for each in entries)]
    return lines


def _title(document: PlanDocument) -> str:
    return f"plan {document.date} · {document.environment} · {document.plan[:SHORT_ID]}"


def _last_word(document: PlanDocument) -> str:
    if document.failed:
        return f"it cannot be applied: {', '.join(table.table for table in document.failed)} did not pass"
    if document.backfill:
        return "nothing was committed; the same backfill with --yes (in Prefect: confirmed) does this, chunk by chunk"
    if not document.changes:
        return "nothing changes"
    until = f"{document.expires_at:%Y-%m-%d %H:%M} UTC"
    command = addressed(f"tidemark apply {document.plan[:SHORT_ID]}", in_environment(document.environment))
    return f"{command} commits just this, until {until}, if nothing moves"


def _cells(each: TablePlan) -> list[Cell]:
    books = each.books
    numbers = [Cell(NOT_COUNTED)] * len(_RIGHT)
    if books is not None:
        gone = books.deleted + books.vanished
        written = (books.inserted, books.updated, gone, books.unchanged)
        numbers = [Cell(number=number) for number in (books.extracted, *written, books.quarantined, books.superseded)]
    return [Cell(each.layer), Cell(each.name), *numbers, Cell(_gate(each)), Cell(each.computed or _reads(each))]


def _gate(table: TablePlan) -> str:
    if table.status not in ("prepared", "unchanged", "gate failed"):
        return table.status
    if table.gate is None:
        return NOT_COUNTED
    word = "failed" if table.gate.failed else ("warn" if table.gate.warnings else "ok")
    return f"{word} {table.gate.passed}/{table.gate.total}"


def _reads(table: TablePlan) -> str:
    """What is read of a source: a window, some files, or all there is."""
    reads = table.reads.get("again", table.reads)
    if reads.get("high"):
        begins = "(" if reads["low"] is None else "["
        return f"{reads['column']} {begins}{_instant(reads['low'])}, {_instant(reads['high'])}]"
    if "files" in reads:
        return f"{reads['files']} files"
    return "the whole source" if reads.get("full") else NOT_COUNTED


def _instant(text: Any) -> str:
    return "…" if text is None else str(text).removesuffix(".000000").replace("T", " ")


def _sections(document: PlanDocument) -> Iterator[tuple[str, list[str]]]:
    """Everything there is to say besides the counts: only what there is."""
    sections = {
        "backfill": document.backfill.lines() if document.backfill else [],
        "checks that fail": [
            f"{each.table}: {text}" for each in document.tables if each.gate for text in each.gate.failed
        ],
        "failures": [f"{each.error}".splitlines()[0] for each in document.failed if each.error and not each.gate],
        "warnings": [f"{each.table or 'run'}: {each.message}" for each in document.warnings],
        "rows rejected": [f"{each.table}: {told}" for each in document.tables if (told := _rejects(each))],
        "keys, for instance": [f"{each.table}: {_samples(each)}" for each in document.tables if each.predicted.samples],
        "partitions": [f"{each.table}: {_partitions(each)}" for each in document.tables if each.predicted.partitions],
        "built anew": [f"{each.table}: {each.computed}" for each in document.tables if _is_rebuilt(each)],
        "input versions": [
            f"{each.table}: {_inputs(each)}" for each in document.tables if each.commits and each.inputs
        ],
        "DDL": [_head(statement) for each in document.tables for statement in each.ddl],
        "warehouses get": list(_published(document.publishing)),
    }
    return ((heading, lines) for heading, lines in sections.items() if lines)


def _head(statement: str) -> str:
    """The first line of a statement; the document holds all of it."""
    first, more, _ = statement.partition("\n")
    return f"{first}…)" if more else first


def _rejects(table: TablePlan) -> str:
    """The rules that new rows of the error lane break, and how many rows that is where it has others already."""
    rules = ", ".join(f"{count(number)} {rule}" for rule, number in table.rejected.items())
    rows, new = table.books.quarantined if table.books else 0, table.newly_rejected
    if new is None or new >= rows:
        return rules
    told = f"{count(rows)} {'row' if rows == 1 else 'rows'}, {count(new) if new else 'none'} new in the error lane"
    return f"{told}: {rules}" if rules else told


def _samples(table: TablePlan) -> str:
    kinds = table.predicted.samples.items()
    return "  ".join(f"{_SIGNS[kind]} {', '.join(_key(row.values()) for row in rows)}" for kind, rows in kinds)


def _key(values: Iterable[Any]) -> str:
    return "/".join("null" if value is None else str(value) for value in values)


def _partitions(table: TablePlan) -> str:
    shown = ", ".join(table.predicted.partitions)
    return f"{shown}, and more" if table.predicted.more_partitions else shown


def _is_rebuilt(table: TablePlan) -> bool:
    return table.commits and table.computed is not None and table.computed not in _USUAL


def _inputs(table: TablePlan) -> str:
    versions = table.inputs.items()
    return ", ".join(f"{name} {'new' if version is None else version}" for name, version in versions)


def _published(publishing: Iterable[Publishing]) -> Iterator[str]:
    for each in publishing:
        rows = f"{count(each.upserts)} rows written, {count(each.deletes)} removed"
        yield f"{each.target} {each.table}: {rows}{f' ({each.why})' if each.why else ''}"
