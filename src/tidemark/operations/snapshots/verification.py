"""Looks whether a snapshot is as it was written: every file there, with the content that was copied.

S3 keeps the SHA-256 that it computed as it copied, and tells it without reading; what it does not tell, and what lies
on a disk, is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from tidemark.aws.objects import VanishedError, sha256_of
from tidemark.errors import TidemarkError
from tidemark.operations.snapshots.copying import side_by_side
from tidemark.operations.snapshots.document import Item, unpacked

if TYPE_CHECKING:
    from tidemark.operations.snapshots.document import Part, Snapshot
    from tidemark.operations.snapshots.place import Place

_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """A file that is not as it was written: of which part, its name there, and where it lies below the root."""

    kind: Literal["missing", "corrupted", "swapped"]
    part: str
    name: str
    stored: str
    seen: str = ""

    def __str__(self) -> str:
        seen = f" ({self.seen})" if self.seen else ""
        return f"{self.kind}: {self.part} {self.name}{seen}, at {self.stored}"


def verify(place: Place, snapshot: Snapshot, *, read: bool = False) -> tuple[Fault, ...]:
    """All that is wrong with a snapshot. With `read` every byte is read, whatever the store tells."""
    faults, contents = list[Fault](), dict[str, Item]()
    found: list[tuple[str, Item, Fault, str | None]] = []
    for part, listed in snapshot.parts.items():
        data = place.kept(listed)
        if data is None:
            faults.append(_of_list(part, listed, place))
            continue
        items = unpacked(data)
        contents |= {item.sha256: item for item in items}
        looked = side_by_side(partial(_look, place, part, read=read), items)
        found += [(part, item, *wrong) for item, wrong in zip(items, looked, strict=True) if wrong is not None]
    if place.kept(snapshot.records) is None:
        faults.append(_of_list("the control records", snapshot.records, place))
    for part, item, fault, sha256 in found:
        other = contents.get(sha256) if sha256 else None
        if other is not None:
            fault = Fault("swapped", part, item.name, item.stored, f"it has the content of {other.name}")
        faults.append(fault)
    return tuple(faults)


def refuse_faults(place: Place, snapshot: Snapshot, faults: Sequence[Fault]) -> None:
    """Raises `TidemarkError` that names what is wrong with a snapshot."""
    if faults:
        raise TidemarkError(
            f"the snapshot {snapshot.name} is not whole: {len(faults)} of its {snapshot.files} files",
            step="verify",
            seen=[*map(str, faults[:_SHOWN]), *_more(faults)],
            evidence=place.root,
            next_step="where the lake still is there: remove the files named above, then tidemark snapshot export "
            f"--release r{snapshot.number} copies them again; else take another one: tidemark snapshot list",
        )


def _more(faults: Sequence[Fault]) -> Iterator[str]:
    if len(faults) > _SHOWN:
        yield f"and {len(faults) - _SHOWN} more: tidemark snapshot verify --json names all"


def _look(place: Place, part: str, item: Item, read: bool) -> tuple[Fault, str | None] | None:
    """What is wrong with a file, and its SHA-256 as it is now; None where all is well."""
    try:
        size, sha256 = place.objects.told(item.stored)
        if read or sha256 is None:
            size, sha256 = sha256_of(place.objects, item.stored)
    except VanishedError:
        return Fault("missing", part, item.name, item.stored), None
    if (size, sha256) == (item.size, item.sha256):
        return None
    what = f"{size} bytes, and not {item.size}" if size != item.size else "other bytes than were written"
    return Fault("corrupted", part, item.name, item.stored, what), sha256


def _of_list(part: str, listed: Part, place: Place) -> Fault:
    try:
        place.objects.told(listed.listed)
    except VanishedError:
        return Fault("missing", part, "the list of its files", listed.listed)
    return Fault("corrupted", part, "the list of its files", listed.listed, "other bytes than were written")
