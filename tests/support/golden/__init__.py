"""The texts that people read, kept as files of `tests/golden`: reports on terminals of three widths, and errors.

`python -m tests.support.golden` writes them anew; what changed is then looked at in the difference, like code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from cli.console import output
from tests.support.golden import errors, operations, plans, runs
from tidemark.observe.fitting import THIN_SPACE

FOLDER = Path(__file__).parents[2] / "golden"
WIDTHS = (60, 80, 120)
REPORTS: Mapping[str, Callable[[], None]] = {**runs.REPORTS, **plans.REPORTS, **operations.REPORTS}
"""What prints each report, by the functions that the commands print by."""
MESSAGES = "errors.txt"


def printed(report: Callable[[], None], width: int, *, colour: bool = False) -> str:
    """A report as a terminal of this width shows it; spaces between thousands are plain ones."""
    console = Console(
        width=width,
        color_system="standard" if colour else None,
        force_terminal=colour,
        highlight=False,
        markup=False,
    )
    with patch.object(output, "stdout", lambda: console), console.capture() as captured:
        report()
    lines = captured.get().replace(THIN_SPACE, " ").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def messages() -> str:
    """The errors one after another, as they are printed; a terminal breaks their lines, the command does not."""
    return "\n".join(f"{error}\n" for error in errors.every())


def texts() -> dict[str, str]:
    """Every file of the folder by its name."""
    reports = {f"{name}-{width}.txt": printed(report, width) for name, report in REPORTS.items() for width in WIDTHS}
    return {**reports, MESSAGES: messages()}
