"""How fast files go to where snapshots lie and back, on a disk: `python -m benchmarks.snapshot_copies [FILES] [KB]`.

No table is made: a snapshot copies files, whatever is in them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tidemark.aws.objects import open_objects
from tidemark.operations.snapshots.contents import Content
from tidemark.operations.snapshots.copying import bring
from tidemark.operations.snapshots.document import Snapshot
from tidemark.operations.snapshots.place import Place
from tidemark.operations.snapshots.restoring import bring_back
from tidemark.operations.snapshots.verification import verify

TABLE = "gold.copied"
Value = TypeVar("Value")


def timed(name: str, work: Callable[[], Value]) -> Value:
    """What `work` gives; prints how long it took."""
    began = time.monotonic()
    found = work()
    print(f"{name:<14} {time.monotonic() - began:7.1f} s")
    return found


def main(files: int, kilobytes: int) -> None:
    """Exports, exports again, verifies and restores so many files of that size."""
    with tempfile.TemporaryDirectory(prefix="tidemark-copies-") as folder:
        table = Path(folder, "lake")
        table.mkdir()
        content = os.urandom(kilobytes * 1024)
        for number in range(files):
            (table / f"part-{number:06}.parquet").write_bytes(number.to_bytes(8, "big") + content[8:])
        source, place = open_objects(str(table)), Place(open_objects(f"{folder}/snapshots"))

        def listed() -> Content:
            return Content(TABLE, source, tuple(source.listed()))

        copied = timed("export", lambda: bring(place, listed(), {}))
        known = {item.stored: item for item in copied.items}
        again = timed("export again", lambda: bring(place, listed(), known)).files
        part = place.keep_list(TABLE, copied.items)
        release = {"number": 1, "run_id": "benchmark", "tables": {TABLE: 0}, "created_at": ""}
        records = place.keep("_records", b"")
        snapshot = Snapshot(release, "benchmark", str(table), "", "", {TABLE: part}, records)
        faults = timed("verify", lambda: verify(place, snapshot))
        back = open_objects(f"{folder}/back")
        timed("restore", lambda: bring_back(place, back, TABLE, place.items(part)))
        print(f"{copied.files} files, {copied.size / 1e9:.2f} GB; again {again}, faults {len(faults)}")


if __name__ == "__main__":
    main(*[*map(int, sys.argv[1:]), *(2_000, 512)[len(sys.argv) - 1 :]])
