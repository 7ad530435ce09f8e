"""What a snapshot is made of, as data: a document that names lists, and lists that name files with their SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tidemark.errors import TidemarkError

if TYPE_CHECKING:
    from tidemark.control.release import Release

FORMAT = 1
ERRORS, RUNS, CONFIG = "_errors", "_runs", "_config"
"""What is in a snapshot beside tables: rejected rows, reports of runs, the configuration."""
_SHORT = 8  # characters of a run's id


@dataclass(frozen=True)
class Item:
    """A file of a snapshot: its name where it came from, and below the snapshots' root where it lies.

    `tag` tells whether what lies there is still what was put there (`aws.objects.Listed`), without reading it.
    """

    name: str
    stored: str
    size: int
    sha256: str
    tag: str


@dataclass(frozen=True)
class Part:
    """A table, or what lies beside tables: the list of its files, and what that comes to."""

    listed: str
    sha256: str
    files: int
    size: int


@dataclass(frozen=True)
class Snapshot:
    """A release in another place. Instants are UTC.

    `lake` is where it came from. `records`: the control records, as a file. `reopen`: batches later than the release by
    which rejected rows were closed, by table. `told`: what is not in it that a run could have made use of.
    """

    release: Mapping[str, Any]
    environment: str
    lake: str
    made_at: str
    made_by: str
    parts: Mapping[str, Part]
    records: Part
    reopen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The release, and the run that made it: another lake may have made one of the same number."""
        return name_of(str(self.release["number"]), str(self.release["run_id"]))

    @property
    def number(self) -> int:
        return int(self.release["number"])

    @property
    def age(self) -> tuple[str, str]:
        """What orders snapshots: when the release was made, as a lake that was begun anew counts from 1 again."""
        return str(self.release["created_at"]), self.made_at

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(name for name in self.parts if name in self.release["tables"])

    @property
    def files(self) -> int:
        return sum(part.files for part in self.parts.values())

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(part.size for part in self.parts.values())

    def told_shortly(self) -> dict[str, Any]:
        """What a list says of it."""
        return {
            "snapshot": self.name,
            "release": f"r{self.number}",
            "environment": self.environment,
            "released_at": self.release["created_at"],
            "made_at": self.made_at,
            "lake": self.lake,
            "tables": len(self.tables),
            "files": self.files,
            "size": self.size,
            "told": list(self.told),
        }

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "name": self.name, **asdict(self)}

    def to_bytes(self) -> bytes:
        """The stored form, which says of itself whether it is whole."""
        value = json.loads(json.dumps(self.to_json()))
        return json.dumps({**value, "sha256": _digest(value)}, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Snapshot:
        """Raises `TidemarkError` for what is not as it was written."""
        wrong: str | None = None
        try:
            stored = dict(json.loads(data))
            told, known = stored.pop("sha256", None), stored["format"]
            wrong = "its content is not the one that was written" if told != _digest(stored) else wrong
            if known != FORMAT:
                wrong = f"it has the format {known}, which another version of Tidemark reads"
            del stored["format"], stored["name"]
            parts = {name: Part(**part) for name, part in stored.pop("parts").items()}
            reopen = {table: tuple(batches) for table, batches in stored.pop("reopen").items()}
            records, said = Part(**stored.pop("records")), tuple(stored.pop("told"))
            found = cls(parts=parts, records=records, reopen=reopen, told=said, **stored)
        except (ValueError, KeyError, TypeError, AttributeError) as broken:
            found, wrong = None, wrong or str(broken)
        if found is not None and wrong is None:
            return found
        raise TidemarkError(
            f"the snapshot cannot be read: {wrong}",
            step="snapshot",
            evidence=where,
            next_step="take another one: tidemark snapshot list",
        )


def name_of(number: str, run_id: str) -> str:
    """What the snapshot of a release is called: `r31-0198f3c2`."""
    return f"r{number}-{run_id[:_SHORT]}"


def snapshot_of(release: Release) -> str:
    """What the snapshot of this release is called."""
    return name_of(str(release.number), release.run_id)


def packed(items: Iterable[Item]) -> bytes:
    """A list of files; the same files are the same bytes."""
    rows = sorted(items, key=lambda item: item.name)
    text = "".join(json.dumps(asdict(item), sort_keys=True) + "\n" for item in rows)
    return gzip.compress(text.encode(), mtime=0)


def unpacked(data: bytes) -> tuple[Item, ...]:
    """The files of a list."""
    return tuple(Item(**json.loads(line)) for line in gzip.decompress(data).decode().split("\n") if line)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(value: Mapping[str, Any]) -> str:
    return digest(json.dumps(value, sort_keys=True).encode())
