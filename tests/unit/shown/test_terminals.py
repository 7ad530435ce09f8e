"""Everything that the command line prints shows hostile texts as text: whole reports, single lines, questions."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from unittest.mock import patch

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from cli.bypass import show_bypasses
from cli.console import output
from cli.console.display import Display, LiveDisplay
from cli.console.harmless import harmless
from cli.console.listing import Listing
from cli.lake.erase import show_outline
from cli.lake.errors import show_rejected
from cli.lake.recover import show_half_done
from cli.project.contract import show_changes
from cli.reports import show_list, show_release, show_summary
from cli.sla import show_judged
from tests.support import hostile_pages
from tests.support.hostile import FORGED, HOSTILE, unseen
from tidemark import shown
from tidemark.control.bypasses import Bypass
from tidemark.control.commits import Interrupted
from tidemark.control.release import Release
from tidemark.control.runs import Publication, TableResult
from tidemark.control.state import Record
from tidemark.errorlane.rejects import Reason, RejectedRow
from tidemark.errors import ConfigError, TidemarkError
from tidemark.operations.erasing.course import Outline
from tidemark.operations.recovery import HalfDone, TableLeft
from tidemark.plans.report import render as plan_report
from tidemark.reconcile.report import render as reconciliation_report
from tidemark.revisions.difference import Change

DAY, AT = date(2026, 1, 31), datetime(2026, 1, 31, 1)
WIDE = 4000


def rejected(text: str) -> None:
    reason = Reason(text, text, text, text)
    show_rejected([RejectedRow(text, text, text, text, (reason,), text, text, text)], Counter({text: 3}))


def half_done(text: str) -> None:
    begun = Interrupted(text, DAY, {text: text}, flow=text, began_at=text, cause=str(TidemarkError(text)))
    left = TableLeft(text, "not committed", 5, 5, against_finishing=(text,), against_undoing=(text,))
    show_half_done([HalfDone(begun, (left, TableLeft(text, "committed", 5, 4)), at_work=text)], as_json=False)


def bypasses(text: str) -> None:
    show_bypasses([Bypass(text, text, text, text, text, AT, AT, ended_at=AT, ended_by=text)], as_json=False)


def contracts(text: str) -> None:
    change = Change(text, "breaking", text, text, text)
    show_changes([change], [(change, text)])


def erasure(text: str) -> None:
    show_outline(Outline(rows={text: 1}, treated={text: text}, computed=(text,), rejected=1), (text,), as_json=False)


def standing(text: str) -> None:
    release = Release(31, text, DAY, AT, {text: 1})
    mark = {"column": text, "high": text}
    show_release(release, (Record(text, {"version": text, "watermark": mark, "run_id": text}, 1),))


REPORTS: dict[str, Callable[[str], None]] = {
    "run": lambda text: show_summary(hostile_pages.run(text)),
    "runs": lambda text: show_list([hostile_pages.run(text)]),
    "plan": lambda text: output.show(plan_report(hostile_pages.plan(text))),
    "reconciliation": lambda text: output.show(reconciliation_report(hostile_pages.reconciled(text))),
    "promises": lambda text: show_judged(hostile_pages.judged(text)),
    "errors": rejected,
    "half done": half_done,
    "bypasses": bypasses,
    "contracts": contracts,
    "erasure": erasure,
    "standing": standing,
    "a line": lambda text: output.show(f"{text} is in the catalog without its rows: {text}"),
    "lines": lambda text: output.show_lines([text, f"  {text}"]),
}


def printed(report: Callable[[], None], width: int) -> str:
    console = harmless(Console(file=io.StringIO(), width=width, color_system=None, highlight=False, markup=False))
    with patch.object(output, "stdout", lambda: console):
        report()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_has_the_lines_that_it_says_and_no_others(name: str) -> None:
    for text in HOSTILE:
        own = {text, f"  {text}"}  # of a text that is one line: where a report lists it, there is a line with it alone
        for width in (80, 120, WIDE):
            told = printed(lambda text=text: REPORTS[name](text), width)  # type: ignore[misc]
            assert not unseen(told, "\n"), text
            assert not (FORGED - own) & set(told.splitlines()), text
        if text.strip():
            assert " ".join(shown.line(text).split()) in " ".join(told.split()), text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_a_line(text: str) -> None:
    assert printed(lambda: output.show(text), 80) == f"{shown.line(text)}\n"
    table = Listing((text, "x"))
    table.add_row(text, text)
    assert len(printed(lambda: output.show(table), WIDE).splitlines()) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_a_question_is_a_line(text: str) -> None:
    app = typer.Typer()
    app.command()(lambda: output.confirm(f"take back {text}?"))
    answer = CliRunner().invoke(app, input="n\n")
    assert answer.exit_code == 1
    assert answer.stdout.splitlines()[0].startswith(f"take back {shown.line(text)}? [y/N]")
    assert not unseen(answer.stdout, "\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_progress_is_a_line_a_table(text: str) -> None:
    for kind in (Display, LiveDisplay):
        console = harmless(Console(file=io.StringIO(), width=WIDE, color_system=None, markup=False))
        seen = kind(console)
        seen.stage_began(text, [text])
        seen.step_began(text, text)
        seen.publication_began(text, text)
        if isinstance(seen, LiveDisplay):
            assert len(str(seen.drawing()).split("\n")) == 3
            console.print(seen.drawing())
        seen.table_ended(TableResult(text, "failed", chunk=text))
        seen.publication_ended(Publication(text, text, error=text))
        seen.waits(text)
        assert isinstance(console.file, io.StringIO)
        assert not unseen(console.file.getvalue(), "\n")
        assert not FORGED & set(console.file.getvalue().splitlines())


@pytest.mark.parametrize("text", HOSTILE)
def test_an_error_that_nobody_foresaw_is_two_lines(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = harmless(Console(file=io.StringIO(), width=WIDE, color_system=None, markup=False))
    errors = (ValueError(text), TidemarkError(text, next_step="look"), ConfigError(f"{text} is odd", next_step="look"))
    with patch.object(output, "stderr", lambda: console):
        for error in errors:
            output.show_error(error, debug=False)
            output.show_error(error, debug=True)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 4 * len(errors)
    assert all(line.startswith(("error: ", "  next ")) for line in lines)
    trace = capsys.readouterr().err
    assert not unseen(trace, "\n")
    assert [line for line in trace.splitlines() if not line.startswith("  ")] == []
