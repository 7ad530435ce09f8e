"""Errors a person can act on: which table, which step, what was seen, where the evidence lies, what to do next.

The next step often is the name that was meant: the close match of one that was mistyped.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidemark.advice import addressed
from tidemark.shown import line as on_one_line

_LISTED = 40  # names that a sentence may list


@dataclass(frozen=True)
class Finding:
    """One thing wrong (or doubtful) in a configuration file."""

    file: Path
    line: int
    message: str
    fix: str
    severity: str = "error"

    def __str__(self) -> str:
        return f"{on_one_line(self.file)}:{self.line}: {on_one_line(self.message)}\n    fix: {on_one_line(self.fix)}"


class TidemarkError(Exception):
    """A failure with everything its reader needs; `exit_code` is what the command line returns for it."""

    exit_code = 1

    def __init__(
        self,
        summary: str,
        *,
        table: str | None = None,
        step: str | None = None,
        seen: Sequence[str] = (),
        evidence: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.table = table
        self.step = step
        self.seen = tuple(seen)
        self.evidence = evidence
        self.next_step = next_step

    def __str__(self) -> str:
        subject = f"{self.table}: " if self.table and self.table not in self.summary else ""
        step = f" ({self.step})" if self.step else ""
        lines = [f"{subject}{self.summary}{step}", *(f"  {_no_advice(each)}" for each in self.seen)]
        if self.evidence:
            lines.append(f"  evidence  {self.evidence}")
        if self.next_step:
            lines.append(f"  next      {addressed(self.next_step)}")
        return "\n".join(map(on_one_line, lines))  # what was seen gives no advice of its own


_ADVICE = re.compile(r"\s*(next|evidence)\s")


class ToldLine(str):
    """A line of an error that another one repeats, in which what was seen is told from its advice already."""

    __slots__ = ()


def told_lines(error: TidemarkError) -> tuple[str, ...]:
    """The lines of an error, for another one to repeat."""
    first, *others = str(error).splitlines() or [""]
    return (first, *map(ToldLine, others))


def _no_advice(seen: str) -> str:
    """What was seen, which is told from what follows it even where it begins as that does."""
    is_like_advice = not isinstance(seen, ToldLine) and _ADVICE.match(seen)
    return f"· {seen}" if is_like_advice else seen


class ConfigError(TidemarkError):
    """The configuration, or what was typed, is wrong; nothing was run."""

    exit_code = 2

    def __init__(
        self,
        summary: str,
        *,
        findings: Sequence[Finding] = (),
        seen: Sequence[str] = (),
        next_step: str | None = None,
    ) -> None:
        told = [part.removeprefix("  ") for each in findings for part in str(each).split("\n")]
        super().__init__(summary, seen=[*told, *seen], next_step=next_step)
        self.findings = tuple(findings)


class GateError(TidemarkError):
    """A table's checks failed on the candidate; nothing of it was committed."""

    exit_code = 3


class SourceError(TidemarkError):
    """A source could not be read."""


class SourceDownError(SourceError):
    """A source that was asked again for as long as the environment says, and did not come back."""


class TargetError(TidemarkError):
    """A warehouse could not be written."""


class CommitError(TidemarkError):
    """A batch could not be prepared or committed; the table is as it was."""


class UnfinishedError(CommitError):
    """A commit of several tables was begun, by this run or another, and cannot be brought to its end."""


class PlanError(TidemarkError):
    """A plan cannot be applied: something that it was made from has moved, or it is too old. Nothing was written."""


class StateError(TidemarkError):
    """The control store could not be read or written."""


def close_match(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when nothing comes near; case does not count."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def choose(name: str, candidates: Iterable[str], *, what: str = "use") -> str:
    """A sentence that tells what to write instead of `name`: the close match, else everything there is."""
    known = sorted(set(candidates))
    match = close_match(name, known)
    if match is not None:
        return f"did you mean `{match}`?"
    if not known:
        return f"there is nothing to {what} yet"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"{what} one of: {', '.join(known[:_LISTED])}{more}"
