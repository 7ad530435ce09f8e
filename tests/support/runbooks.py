"""A runbook as a list of what it shows and tells to type: its fenced blocks, in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.documented import ROOT

FOLDER = ROOT / "docs" / "runbooks"
_BLOCK = re.compile(r"^```(sh|text|yaml)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"# .*exit code (\d+)")


@dataclass(frozen=True)
class Typed:
    """A line to type, and the exit code that the page says it has."""

    line: str
    code: int


@dataclass(frozen=True)
class Block:
    """A fenced block: commands, what is seen of them (`…` stands for anything), or lines of a file."""

    kind: str
    text: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def typed(self) -> list[Typed]:
        """The commands, without their comments."""
        return [Typed(_uncommented(line), _code(line)) for line in self.lines if _uncommented(line)]

    def unseen(self, answer: str) -> list[str]:
        """The lines that the answer does not have; blanks do not count, and `…` stands for anything."""
        had = [_plain(line) for line in answer.splitlines()]
        return [line for line in self.lines if not any(_pattern(line).search(each) for each in had)]


def blocks(page: Path) -> list[Block]:
    """The page's blocks of commands, of what is seen, and of files."""
    return [Block(kind, text) for kind, text in _BLOCK.findall(page.read_text("utf-8"))]


def pages() -> list[Path]:
    """Every runbook."""
    return sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")


def _uncommented(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line).strip()


def _code(line: str) -> int:
    found = _CODE.search(line)
    return int(found[1]) if found else 0


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part.strip()) for part in _plain(line).split("…")))


def _plain(line: str) -> str:
    return " ".join(line.split())
