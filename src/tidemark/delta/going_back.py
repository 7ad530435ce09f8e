"""What going back in a table's history needs: whether a version can be had again, and what came after it.

Delta's RESTORE finds out on the way that a file is gone. Where several tables go back together, all of them are looked
at before the first one moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from tidemark.delta import deltalog, entries, held
from tidemark.spark import storage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_AT_ONCE = 16  # looks at files at the same time
_SHOWN = 3  # missing files that are named


def obstacles(spark: SparkSession, path: str, version: int, known_as: str | None = None) -> tuple[str, ...]:
    """Why the table cannot be taken back to this version; nothing where it can.

    `known_as` is the id that the table had then.
    """
    latest = deltalog.latest_version(spark, path)
    if latest is None:
        return ("there is no table any more",)
    if version > latest:
        return (f"it has no version {version}: its newest is {latest}, as of a table that was made anew",)
    try:
        then = deltalog.at_version(spark, path, version)
        found = deltalog.table_id(then)
        if known_as is not None and found != known_as:
            return (f"it was dropped and made anew: version {version} is of the table {found}, not of {known_as}",)
        missing = _missing(spark, _needed(spark, path, then, deltalog.snapshot(spark, path)))
    except Py4JJavaError as unknown:
        return (f"version {version} is no longer in its log: {_first_line(unknown)}",)
    if not missing:
        return ()
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return (f"{len(missing)} files of version {version} are gone: {', '.join(missing[:_SHOWN])}{more}",)


def changes_after(spark: SparkSession, path: str, version: int) -> tuple[str, ...]:
    """The later commits that changed rows, each as a person would name it."""
    latest = int(deltalog.snapshot(spark, path).version())
    try:
        return tuple(str(each) for each in entries.changes(spark, path, version, latest) if each.rows)
    except entries.GoneError as gone:
        return (f"what its log no longer has ({gone})",)


def lacking_for_feed(spark: SparkSession, path: str, since: int, until: int) -> str | None:
    """What is gone that the change feed after version `since` and up to `until` needs; None where all is there."""
    needed: set[str] = set()
    for version in range(since + 1, until + 1):
        entry = storage.read_text(spark, entries.entry_file(path, version))
        if entry is None:
            return f"its log has no entry {version} any more"
        needed.update(held.files_fed(entry.split("\n")))
    missing = _missing(spark, (_placed(path, file) for file in needed))
    return f"{len(missing)} files of what changed were removed, such as {missing[0]}" if missing else None


def _needed(spark: SparkSession, path: str, then: Any, now: Any) -> Iterator[str]:
    """The files of `then` that are not in use now."""
    before, after = (held.entries(spark, each) for each in (then, now))
    same = [before[name].eqNullSafe(after[name]) for name in before.columns]
    for row in before.join(after, same, "left_anti").collect():
        yield from (_placed(path, file) for file in held.files_of(row["path"], row["storage"], row["vector"]))


def _placed(path: str, file: str) -> str:
    return file if held.is_elsewhere(file) else f"{path}/{file}"


def _missing(spark: SparkSession, files: Iterable[str]) -> list[str]:
    with ThreadPoolExecutor(_AT_ONCE, "tidemark-look") as pool:
        wanted = sorted(set(files))
        there = pool.map(lambda file: storage.exists(spark, file), wanted)
        return [file for file, found in zip(wanted, there, strict=True) if not found]


def _first_line(failure: Py4JJavaError) -> str:
    return str(failure.java_exception.getMessage()).partition("\n")[0]
