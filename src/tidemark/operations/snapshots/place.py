"""Where snapshots lie: documents that make them exist, lists of files, and the files, which snapshots share.

_environment.json       whose snapshots they are
snapshots/<name>.json   a snapshot; it exists as soon as this does, which is written last and never changed
lists/                  names, sizes and SHA-256 of files, and control records; named by their own content
files/<part>/<stamp>/   a file under its own name; the stamp tells the versions of a name apart
erased/                 receipts of erasures, which no snapshot of before survives
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemark.aws.folder import make_private
from tidemark.aws.objects import Listed, Objects, S3Objects, open_objects, whole
from tidemark.errors import ConfigError, TidemarkError, choose
from tidemark.operations.snapshots.document import Item, Part, Snapshot, digest, packed, unpacked

if TYPE_CHECKING:
    from tidemark.config.environment import Environment
    from tidemark.control.erasures import Receipt

LEASE = "snapshots"
"""What a run holds that adds snapshots or removes some, as it holds the lease of a table."""
_OWNER = "_environment.json"
FILES = "files"
_SNAPSHOTS, _LISTS, _ERASED = "snapshots", "lists", "erased"
_JSON = ".json"
_STAMP = 16


@dataclass(frozen=True)
class Place:
    """The snapshots below one root."""

    objects: Objects

    @property
    def root(self) -> str:
        return self.objects.root

    def claim(self, environment: str) -> None:
        """Makes the place this environment's; raises `ConfigError` where it is another's, or cannot hold snapshots."""
        if isinstance(self.objects, S3Objects):
            self.objects.refuse_deaf()
        else:  # raw rows are their owner's alone
            make_private(self.root)
        mine = json.dumps({"environment": environment}).encode()
        if self.objects.put_new(_OWNER, mine):
            return
        owner = json.loads(whole(self.objects, _OWNER) or b"{}").get("environment")
        raise ConfigError(
            f"the snapshots at {self.root} belong to the environment {owner}, not to {environment}; nothing was "
            "written there",
            next_step=f"correct roots.snapshots in env/{environment}.yaml",
        )

    def is_used(self) -> bool:
        """Whether anything was ever exported here."""
        return whole(self.objects, _OWNER) is not None

    def names(self) -> list[str]:
        """What the snapshots are called, oldest release first."""
        names = [each.name.rpartition("/")[2].removesuffix(_JSON) for each in self.objects.listed(_SNAPSHOTS)]
        return sorted(names, key=lambda name: (_number(name), name))

    def every(self) -> tuple[tuple[Snapshot, ...], tuple[str, ...]]:
        """The snapshots, oldest first, and the names of those that cannot be read any more."""
        found, broken = list[Snapshot](), list[str]()
        for name in self.names():
            try:
                snapshot = self.find(name)
            except TidemarkError:
                broken.append(name)
                continue
            found += [snapshot] if snapshot else []
        return tuple(sorted(found, key=lambda each: each.age)), tuple(broken)

    def find(self, name: str) -> Snapshot | None:
        """The snapshot of this name, or None."""
        data = whole(self.objects, f"{_SNAPSHOTS}/{name}{_JSON}")
        return None if data is None else Snapshot.from_bytes(data, f"{self.root}/{_SNAPSHOTS}/{name}{_JSON}")

    def wanted(self, name: str | None) -> Snapshot:
        """The snapshot of this name, or of this release (`r31`), or the newest; raises `ConfigError` without one."""
        names = self.names()
        chosen = [each for each in names if name in (each, each.partition("-")[0])]
        if name is None:
            chosen = [each.name for each in self.every()[0][-1:]] or names[-1:]
        found = self.find(chosen[0]) if len(chosen) == 1 else None
        if found is not None:
            return found
        if not names:
            raise ConfigError(
                f"there is no snapshot at {self.root}",
                next_step="tidemark snapshot export makes one; --from names another place",
            )
        what = "no snapshot is" if not chosen else f"{len(chosen)} snapshots are"
        raise ConfigError(f"{what} called {name} at {self.root}", next_step=choose(str(name), chosen or names))

    def add(self, snapshot: Snapshot) -> bool:
        """Makes the snapshot exist; False where it did already."""
        name = f"{_SNAPSHOTS}/{snapshot.name}{_JSON}"
        if self.find(snapshot.name) is not None:
            return False
        if not self.objects.put_new(name, snapshot.to_bytes()):
            raise TidemarkError(
                f"another snapshot {snapshot.name} was made at the same time",
                step="snapshot",
                evidence=f"{self.root}/{name}",
                next_step="nothing has to be done: tidemark snapshot verify looks at it",
            )
        return True

    def keep_list(self, part: str, items: Collection[Item]) -> Part:
        """Writes the list of a part's files."""
        return self.keep(part, packed(items), len(items), sum(item.size for item in items))

    def keep(self, part: str, data: bytes, files: int = 1, size: int | None = None) -> Part:
        """Writes data under a name that its content gives it."""
        sha256 = digest(data)
        name = f"{_LISTS}/{part}-{sha256[:32]}.gz"
        self.objects.put(name, data)
        return Part(name, sha256, files, len(data) if size is None else size)

    def kept(self, part: Part) -> bytes | None:
        """What was written; None where it is gone, or is not that."""
        data = whole(self.objects, part.listed)
        return data if data is not None and digest(data) == part.sha256 else None

    def items(self, part: Part) -> tuple[Item, ...]:
        """The files of a part; raises `TidemarkError` where their list is not the one that was written."""
        return unpacked(self.content(part))

    def content(self, part: Part) -> bytes:
        """What was written; raises `TidemarkError` where it is gone, or is not that."""
        data = self.kept(part)
        if data is None:
            raise TidemarkError(
                "a list of the snapshot is gone, or is another",
                step="snapshot",
                evidence=f"{self.root}/{part.listed}",
                next_step="take another snapshot: tidemark snapshot list",
            )
        return data

    def lying(self, part: str) -> dict[str, Listed]:
        """The files of a part that are there, of whichever snapshots."""
        return {file.name: file for file in self.objects.listed(f"{FILES}/{part}")}

    def remove(self, snapshots: Collection[Snapshot]) -> None:
        """Removes snapshots, and then the lists and files that no other one has. To be called with the lease."""
        self.objects.delete([f"{_SNAPSHOTS}/{each.name}{_JSON}" for each in snapshots])
        gone = {each.name for each in snapshots}
        self.sweep([each for each in self.every()[0] if each.name not in gone])

    def forget(self, names: Collection[str]) -> None:
        """Removes documents of snapshots that cannot be read, and so not restored. To be called with the lease."""
        self.objects.delete([f"{_SNAPSHOTS}/{name}{_JSON}" for name in names])

    def sweep(self, kept: Collection[Snapshot]) -> None:
        """Removes the lists and files that none of these snapshots has; part by part, as there may be many."""
        lists = {part.listed for each in kept for part in (*each.parts.values(), each.records)}
        self.objects.delete([file.name for file in self.objects.listed(_LISTS) if file.name not in lists])
        there: dict[str, set[str]] = {}
        for file in self.objects.listed(FILES):
            there.setdefault(file.name.split("/", 2)[1], set()).add(file.name)
        for part, names in there.items():
            used = {item.stored for each in kept if part in each.parts for item in self.items(each.parts[part])}
            self.objects.delete(sorted(names - used))

    def note_erased(self, receipt: Receipt) -> None:
        """Leaves word of an erasure: no snapshot of a release of before may be restored."""
        told = {"receipt": receipt.receipt_id, "until": receipt.until, "began_at": receipt.began_at}
        self.objects.put(f"{_ERASED}/{receipt.receipt_id}{_JSON}", json.dumps(told).encode())

    def erasures(self) -> Iterator[dict[str, Any]]:
        """The erasures that the place knows of."""
        for file in self.objects.listed(_ERASED):
            yield json.loads(whole(self.objects, file.name) or b"{}")


def place_of(environment: Environment, root: str | None = None) -> Place:
    """Where an environment has its snapshots, or another place."""
    return Place(open_objects(root or environment.roots.snapshots, environment.aws_of_snapshots))


def stored_as(part: str, root: str, file: Listed) -> str:
    """Where a file lies among the files of snapshots: another version of it lies elsewhere."""
    stamp = hashlib.sha256(json.dumps([root, file.name, file.size, file.tag]).encode()).hexdigest()
    return f"{FILES}/{part}/{stamp[:_STAMP]}/{file.name}"


def _number(name: str) -> int:
    number = name.partition("-")[0].removeprefix("r")
    return int(number) if number.isdigit() else 0
