"""The commands of the README and of `docs/`, as a reader would type them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_SHELL = re.compile(r"^```sh\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


class Command(NamedTuple):
    """One line of a page's shell block, without its comment."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)


def commands(page: Path) -> list[Command]:
    """The lines of a page's shell blocks, in their order."""
    name = str(page.relative_to(ROOT))
    lines = (line for block in _SHELL.findall(page.read_text("utf-8")) for line in block.splitlines())
    return [Command(name, text) for line in lines if (text := re.sub(r"(^|\s)#.*", "", line).strip())]
