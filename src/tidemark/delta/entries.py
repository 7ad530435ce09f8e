"""Single entries of a table's log, read by its public protocol: a file of JSON lines a version.

What they say of themselves (`commitInfo`), and what they changed: rows, columns, or nothing that anybody would see.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tidemark.spark import storage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RESTORE = "RESTORE"
_REPLACING = ("CREATE OR REPLACE TABLE", "REPLACE TABLE", "CLONE")
"""How operations begin that put another table in the place of one."""


@dataclass(frozen=True)
class Told:
    """What an entry says of itself; `by` is the engine that wrote it."""

    version: int
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""
    user_metadata: str | None = None

    @property
    def replaces(self) -> bool:
        """Whether it puts another table in the place of the one that was there."""
        return self.operation.startswith(_REPLACING)

    def __str__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        return f"version {self.version}: {self.operation}{by}"


@dataclass(frozen=True)
class Change:
    """What an entry changed: `rows`, and what the table is (`metadata`: its columns, properties or id)."""

    told: Told
    rows: bool
    metadata: bool

    def __str__(self) -> str:
        return str(self.told)


class GoneError(FileNotFoundError):
    """The log has dropped an entry that was asked for."""


class ReplacedError(Exception):
    """Another table was put in the place of the one whose changes were asked for."""


def entry_file(path: str, version: int) -> str:
    """Where the entry of a version lies."""
    return f"{path}/_delta_log/{version:020d}.json"


def told(spark: SparkSession, path: str, version: int) -> Told | None:
    """What the entry of this version says of itself; None when the log has dropped it."""
    text = storage.read_line(spark, entry_file(path, version), '{"commitInfo"')
    return None if text is None else _told(version, json.loads(text)["commitInfo"] if text else {})


def _told(version: int, info: Mapping[str, Any]) -> Told:
    metadata = info.get("userMetadata")
    return Told(
        version,
        str(info.get("operation") or "an entry without a word"),
        info.get("operationParameters") or {},
        str(info.get("engineInfo") or ""),
        None if metadata is None else str(metadata),
    )


def changes(spark: SparkSession, path: str, since: int, until: int) -> Iterator[Change]:
    """What the entries after `since` and up to `until` changed; raises `GoneError` where one is no longer there."""
    for version in range(since + 1, until + 1):
        actions = _actions(spark, path, version)
        info = _info(actions)
        moves_rows = any(
            "cdc" in action or (action.get("add") or action.get("remove") or {}).get("dataChange", False)
            for action in actions
        )
        is_other = any("metaData" in action or "protocol" in action for action in actions)
        yield Change(_told(version, info), moves_rows, is_other)


def changed_files(spark: SparkSession, path: str, since: int, until: int) -> tuple[str, ...] | None:
    """The files that hold every row, before and after, that the entries after `since` and up to `until` changed.

    None where only Delta can tell: a commit removed rows and kept no feed of them, or files need more than reading.
    Raises `GoneError` where the log no longer has one of the entries, and `ReplacedError` where one of them put
    another table in the place of this one.
    """
    changed: list[str] = []
    only_delta = False
    for version in range(since + 1, until + 1):
        actions = _actions(spark, path, version)
        info = _info(actions)
        if version > 0 and _told(version, info).replaces:
            raise ReplacedError(str(_told(version, info)))
        found = _changed_files(actions)
        only_delta = only_delta or found is None
        changed += [f"{path}/{unquote(file)}" for file in found or ()]
    return None if only_delta else tuple(changed)


def _info(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    return found


def _actions(spark: SparkSession, path: str, version: int) -> list[dict[str, Any]]:
    text = storage.read_text(spark, file := entry_file(path, version))
    if text is None:
        raise GoneError(file.rpartition("/")[2])
    # Bounds are texts of any characters, and `splitlines` takes some of them for the ends of lines.
    return [json.loads(line) for line in text.split("\n") if line]


def _changed_files(actions: Sequence[Mapping[str, Any]]) -> list[str] | None:
    """What one commit changed, by the protocol: its feed where it has one, else the files that it added."""
    fed = [action["cdc"] for action in actions if "cdc" in action]
    added = [action["add"] for action in actions if action.get("add", {}).get("dataChange")]
    removes = any(action.get("remove", {}).get("dataChange") for action in actions)
    if removes and not fed:
        return None
    changed = fed or added
    if any(file.get("partitionValues") or file.get("deletionVector") or ":/" in file["path"] for file in changed):
        return None
    return [str(file["path"]) for file in changed]


def restored_to(spark: SparkSession, path: str, restore: Told) -> int | None:
    """The version that a RESTORE has taken the table back to; None where the log does not tell.

    One by time says when in the zone of whoever wrote it, by clocks that may have gone back since: that is not asked.
    The version is the one that had the files which the table has after it. Of several that had them nothing but
    bookkeeping lies between, and the first counts, from which nothing is left out.
    """
    version = restore.parameters.get("version")
    if version is not None:
        return int(version)
    different: set[_File] = set()
    found = None
    for each in range(restore.version, -1, -1):
        if each < restore.version and not different:
            found = each
        try:
            files = [file for action in _actions(spark, path, each) if (file := _file(action))]
        except GoneError:
            return found
        if found is not None and files:
            return found
        different ^= _odd(files)
    return found


_File = tuple[str, str]


def _file(action: Mapping[str, Any]) -> _File | None:
    """The file that an action adds or removes, with the rows of it that are marked as deleted."""
    file = action.get("add") or action.get("remove")
    return (str(file["path"]), json.dumps(file.get("deletionVector"), sort_keys=True)) if file else None


def _odd(files: Sequence[_File]) -> set[_File]:
    """Those that are named once: what is removed and added in one entry stays as it is."""
    return {file for file, times in Counter(files).items() if times % 2}
