"""Whether a contract's version says that it breaks: by semantic versioning, the first number is raised.

Below 1.0.0, where nothing is promised yet, the second one will do. A table that goes is announced by its status
(`deprecated` or `retired`) in a version before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tidemark.revisions.difference import Change

if TYPE_CHECKING:
    from tidemark.config.contract import Contract

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?")


def unannounced(
    old: Mapping[str, Contract], new: Mapping[str, Contract], found: Sequence[Change]
) -> tuple[tuple[Change, str], ...]:
    """The breaking changes that no version announces, each with what would do so."""
    return tuple(_unannounced(old, new, found))


def _unannounced(
    old: Mapping[str, Contract], new: Mapping[str, Contract], found: Sequence[Change]
) -> Iterator[tuple[Change, str]]:
    for change in found:
        if change.effect != "breaking":
            continue
        before, after = old[change.table], new.get(change.table)
        if after is None:
            if not before.about.is_going:
                yield change, "write `status: deprecated` first, and remove it in a later change"
        elif not announces(before.version, after.version):
            yield change, f"raise its version from {before.version} to {_next(before.version)}"


def announces(old: str, new: str) -> bool:
    """Whether going from one version to the other says that something breaks."""
    before, after = _numbers(old), _numbers(new)
    if before is None or after is None:  # no semantic version: any other word is one
        return old != new
    if before[0] == 0 and after[0] == 0:
        return after[1] > before[1]
    return after[0] > before[0]


def _numbers(version: str) -> tuple[int, int, int] | None:
    match = _VERSION.fullmatch(version.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _next(version: str) -> str:
    numbers = _numbers(version)
    if numbers is None:
        return "another one"
    return f"0.{numbers[1] + 1}.0" if numbers[0] == 0 else f"{numbers[0] + 1}.0.0"
