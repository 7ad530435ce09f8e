"""Brings the files of a part to where snapshots lie, or from there to a lake, many at once.

Threads of this process ask for copies: from S3 to S3 it is S3 that copies, and of everything else only bytes go through
here. No file is decoded, and no Spark task is needed, whose executors could do no more than ask as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tidemark.aws.objects import ChangedError, Listed, VanishedError
from tidemark.errors import TidemarkError
from tidemark.operations.snapshots.document import Item
from tidemark.operations.snapshots.place import stored_as

if TYPE_CHECKING:
    from tidemark.operations.snapshots.contents import Content
    from tidemark.operations.snapshots.place import Place

_THREADS = 16
_AT_ONCE = 1_000  # files whose outcome is waited for together

Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Copied:
    """The files of a part, and what of them was copied just now."""

    items: tuple[Item, ...]
    files: int
    size: int


def bring(place: Place, content: Content, known: Mapping[str, Item]) -> Copied:
    """Copies what is not there yet. `known` are files of an earlier snapshot, by where they lie.

    Raises `VanishedError` or `ChangedError` where a file is not there as it was listed.
    """
    lying = place.lying(content.part)

    def one(file: Listed) -> tuple[Item, bool]:
        stored = stored_as(content.part, content.source.root, file)
        there, before = lying.get(stored), known.get(stored)
        if there is not None and before is not None and (there.size, there.tag) == (before.size, before.tag):
            return before, False
        if there is not None and before is None and there.size == file.size:
            # A run that died has copied it; S3 has kept the checksum that it computed as it did.
            sha256 = place.objects.told(stored)[1]
            if sha256 is not None:
                return Item(file.name, stored, file.size, sha256, there.tag), False
        taken = place.objects.take(content.source, file, stored)
        return Item(file.name, stored, taken.size, taken.sha256, taken.tag), True

    found = side_by_side(one, content.files)
    new = [item for item, is_new in found if is_new]
    return Copied(tuple(item for item, _ in found), len(new), sum(item.size for item in new))


def side_by_side(work: Callable[[Given], Result], items: Sequence[Given]) -> list[Result]:
    """What `work` gives for each, in their order; the first failure is raised."""
    found: list[Result] = []
    with ThreadPoolExecutor(_THREADS, "tidemark-copy") as pool:
        for start in range(0, len(items), _AT_ONCE):
            found += pool.map(work, items[start : start + _AT_ONCE])
    return found


def vanished(part: str, root: str, failure: VanishedError | ChangedError) -> TidemarkError:
    """What is told where a file went away, or became another, while it was copied."""
    what = "vanished" if isinstance(failure, VanishedError) else "changed"
    return TidemarkError(
        f"a file {what} while it was copied; there is no snapshot of this release",
        table=part,
        step="snapshot",
        seen=[str(failure)],
        evidence=root,
        next_step="tidemark snapshot export copies only what is missing; maintenance leaves the files of the newest "
        "release alone, so look who else removes or writes files there if it happens again",
    )
