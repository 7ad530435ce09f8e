"""What the command line prints: reports on standard output, progress and errors beside it."""

from __future__ import annotations

import sys
from functools import cache
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from tidemark.errors import TidemarkError
from tidemark.redaction import redact
from tidemark.shown import json_text, line, traceback, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

    from cli.console.listing import Listing
    from tidemark.config.jobs import JobSpec

_WIDTH_OF_PIPES = 120


@cache
def stdout() -> Console:
    """The console of reports."""
    return _console(stderr=False)


@cache
def stderr() -> Console:
    """The console of progress and errors."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    from rich.console import Console

    from cli.console.harmless import harmless

    console = Console(stderr=stderr, highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, markup=False, width=_WIDTH_OF_PIPES)
    return harmless(console)


def show(report: RenderableType | Listing) -> None:
    """Prints a report; a plain text is one line, whatever is in it, and is not broken here, nor a word of a listing."""
    from cli.console.listing import Listing

    if isinstance(report, str):
        show_lines([report])
    elif isinstance(report, Listing):
        show_lines(report.lines(stdout().width))
    else:
        stdout().print(report)


def show_lines(texts: Iterable[str]) -> None:
    """Prints texts, each as a line of its own."""
    stdout().print("\n".join(map(line, texts)), soft_wrap=True)


def confirm(question: str) -> None:
    """Asks whether to go on, and ends the command where the answer is no."""
    import typer

    typer.confirm(line(question), abort=True)


def show_json(document: Any) -> None:
    """Prints a report as JSON."""
    write(f"{json_text(document)}\n")


def write(text: str) -> None:
    """Prints a document for files and other programs, as it is but for what a terminal would obey."""
    sys.stdout.write(visible(text))


def show_error(error: BaseException, *, debug: bool) -> int:
    """Prints an error for a person and gives the exit code it calls for; the stack trace only with `debug`."""
    from rich.text import Text

    if debug:
        sys.stderr.write(f"{traceback(redact(''.join(format_exception(error)))).rstrip()}\n")
    if isinstance(error, TidemarkError):
        text, code = str(error), error.exit_code
    else:
        told = line(f"unexpected {type(error).__name__}: {error}")
        text = f"{told}\n  next      run again with --debug for the whole trace"
        code = TidemarkError.exit_code
    stderr().print(Text.assemble(("error: ", "bold red"), redact(text)), soft_wrap=True)
    return code


def list_jobs(jobs: Mapping[str, JobSpec], *, as_json: bool) -> None:
    """Prints what jobs there are."""
    if as_json:
        show_json([{"name": name, **job.model_dump(exclude_defaults=True)} for name, job in jobs.items()])
        return
    listed = columns("job", "flow", "")
    for name, job in jobs.items():
        listed.add_row(name, job.flow, job.about)
    show(listed)


def columns(*headers: str, right: Collection[str] = (), needless: Sequence[str] = ()) -> Listing:
    """An empty table for a report, without lines, its columns named; its last one is prose."""
    from cli.console.listing import Listing

    return Listing(headers, right, needless)
