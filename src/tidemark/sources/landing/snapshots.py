"""Which of the files that are due are read, and what counts of them, where files are versions of each other.

A snapshot can be several files, and several snapshots can be due at once: where one replaces the table, or what it
lacks is deleted, the newest counts. What `source: {snapshot: …}` says is one, is one; without that word only what
cannot be mistaken is taken for granted. And a file that is older than others which were received is read with these:
what the table knew already of a later file it did not write again, and what came in between would stand last.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING

from tidemark.errors import SourceError
from tidemark.sources.landing.listing import folder_day, source_order

if TYPE_CHECKING:
    from tidemark.config.load import SnapshotWord
    from tidemark.config.project import Table
    from tidemark.sources.watermark import SourceFile

Files = tuple["SourceFile", ...]

_PART = re.compile(r"(?:^|/)part-(\d+)(?=[^/]*$)")
_NAMED = 3


@dataclass(frozen=True)
class Picked:
    """The files to read: `by_age` in their snapshots, the newest first, where the rows must tell of which they are.

    `is_sure`: what a snapshot is was said, or is evident. `again`: those of the files that were received before.
    """

    files: Files
    by_age: tuple[Files, ...] = ()
    is_sure: bool = True
    again: Files = ()
    notices: tuple[str, ...] = ()


def pick(table: Table, due: Sequence[SourceFile], chosen: Sequence[SourceFile]) -> Picked:
    """What to read when `chosen` are wanted, of all that are `due`; empty files are not.

    Raises `SourceError` where it matters what a snapshot is, and that cannot be told.
    """
    wanted, present = (tuple(file for file in files if file.size) for files in (chosen, due))
    write, source = table.load.write, table.load.source
    word = source.snapshot if source else None
    missing = write.deletes is not None and write.deletes.missing is not None
    if not wanted:
        return Picked(())
    if write.mode == "replace" and write.partition_by:
        return _by_partition(present, wanted, word)
    if write.mode == "replace" or (missing and write.mode != "append"):
        return _newest(present, wanted, word, table.name)
    if missing and table.load.logs_snapshots:
        return _in_turn(present, wanted, word, table.name)
    if missing:
        groups = _snapshots(wanted, word, table.name)
        return Picked(wanted, by_age=groups if len(groups) > 1 else ())
    return _with_later(present, wanted) if write.keys else Picked(wanted)


def parts_left_out(picked: Picked, unread: Sequence[SourceFile], table: Table) -> list[str]:
    """Those of the files that are there and not read that are parts of the picked snapshots."""
    word = table.load.source.snapshot if table.load.source else None
    read = {_snapshot_of(file, word) for file in picked.files}
    return [file.path for file in unread if _snapshot_of(file, word) in read]


def taken_at(files: Sequence[SourceFile], word: SnapshotWord | None) -> datetime:
    """When the snapshot that the files are was taken (naive UTC): on the day of their `dt=…` folder, else when the last
    of them was written; so, too, where each file is a snapshot, of which a day can have several.
    """
    days = [day for file in files if (day := folder_day(file))]
    if word != "file" and len(days) == len(files):
        return datetime.combine(max(days), time.min)
    return max(file.written or file.modified for file in files)


def _in_turn(present: Files, wanted: Files, word: SnapshotWord | None, table: str) -> Picked:
    """The snapshots that have a wanted file, whole, and those after them: what was the same in these as in the ones
    before was not written, and need not be the same as in one that comes late.
    """
    _snapshots(wanted, word, table)
    groups = _grouped(present, word)
    oldest = max(number for number, group in enumerate(groups) if set(group) & set(wanted))
    chosen = groups[: oldest + 1]
    if len({taken_at(group, word) for group in chosen}) < len(chosen):
        raise _unclear(wanted, table, "two of the snapshots were taken at one time, as their folders or files say")
    files = tuple(file for group in chosen for file in group)
    return Picked(files, by_age=chosen, again=tuple(file for file in files if file not in wanted))


def _newest(present: Files, wanted: Files, word: SnapshotWord | None, table: str) -> Picked:
    """The newest snapshot, whole: files of it that were received before are read again."""
    known = word is not None or all(map(folder_day, present))
    newest = _snapshots(present if known else wanted, word, table)[0]
    if not known and any(source_order(file) > source_order(newest[-1]) for file in present if file not in wanted):
        raise _unclear(wanted, table, f"{wanted[0].path} is older than files that were received before")
    passed = [file.path for file in wanted if file not in newest]
    told = (
        f"{len(passed)} files are of older snapshots than {newest[-1].path}, which counts: {', '.join(passed[:_NAMED])}"
    )
    notices = (told,) if passed else ()
    if not set(newest) & set(wanted):
        return Picked((), notices=notices)
    return Picked(newest, again=tuple(file for file in newest if file not in wanted), notices=notices)


def _by_partition(present: Files, wanted: Files, word: SnapshotWord | None) -> Picked:
    """The snapshots from the oldest with a wanted file on, whole; the rows will tell which partitions they have.

    One that comes late is read with those after it, whose partitions are to stay.
    """
    groups = _grouped(present, word)
    oldest = max(number for number, group in enumerate(groups) if set(group) & set(wanted))
    groups = groups[: oldest + 1]
    files = tuple(file for group in groups for file in group)
    is_sure = word is not None or all(map(folder_day, files)) or (len(groups) == 1 and _is_evident(groups[0]))
    again = tuple(file for file in files if file not in wanted)
    return Picked(files, by_age=groups if len(groups) > 1 else (), is_sure=is_sure, again=again)


def _with_later(present: Files, wanted: Files) -> Picked:
    first = min(map(source_order, wanted))
    again = tuple(file for file in present if file not in wanted and source_order(file) > first)
    return Picked((*wanted, *again), again=again)


def _snapshots(files: Files, word: SnapshotWord | None, table: str) -> tuple[Files, ...]:
    """The snapshots that the files make, the newest first; raises `SourceError` where that cannot be told."""
    groups = _grouped(files, word)
    if word is None and not all(map(folder_day, files)) and not (len(groups) == 1 and _is_evident(groups[0])):
        raise _unclear(files, table, f"{len(files)} files are due at once: {', '.join(_names(files))}")
    return groups


def _grouped(files: Files, word: SnapshotWord | None) -> tuple[Files, ...]:
    groups: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        groups[_snapshot_of(file, word)].append(file)
    made = [tuple(sorted(group, key=source_order)) for group in groups.values()]
    return tuple(sorted(made, key=lambda group: source_order(group[-1]), reverse=True))


def _snapshot_of(file: SourceFile, word: SnapshotWord | None) -> str:
    """The snapshot's name. Without a word: the day of a `dt=…` folder, the writer's name for the parts of one job
    (`part-00000-<id>…`), else the file.
    """
    match word:
        case "file":
            return file.path
        case "folder":
            return file.path.rpartition("/")[0]
        case "day":
            return source_order(file)[0]
    day = folder_day(file)
    return day.isoformat() if day else _PART.sub("/part", file.path)


def _is_evident(group: Files) -> bool:
    """Whether the files are one snapshot beyond doubt: a single one, those of a day's folder, the parts of one job."""
    numbers = {match[1] for file in group if (match := _PART.search(file.path))}
    return len(group) == 1 or all(map(folder_day, group)) or len(numbers) == len(group)


def _names(files: Files) -> list[str]:
    more = [f"and {len(files) - _NAMED} more"] if len(files) > _NAMED else []
    return [*(file.path.rpartition("/")[2] for file in files[:_NAMED]), *more]


def _unclear(files: Files, table: str, seen: str) -> SourceError:
    return SourceError(
        "nothing says which files make a snapshot, and the newest one is to be the table; nothing was read",
        table=table,
        step="extract",
        seen=[seen],
        evidence=files[0].path.rpartition("/")[0],
        next_step="say in the load file what a snapshot is: `source: {snapshot: file}` (each file is a whole one), "
        "`folder` (the files of a folder are one) or `day` (the files of a day are one); or put each one into a folder "
        "dt=YYYY-MM-DD",
    )
