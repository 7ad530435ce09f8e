"""What became of rejected rows: open until they are replayed into their table, or discarded by a person. No Spark.

The ledger lies in the table's error lane, under a name that Spark passes over when it reads the lane: JSON lines of
`error_id`, `status`, `run_id` and `at`. An error that stands in no file of it is open.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

FOLDER = "_ledger"
SCHEMA = "error_id string, status string, run_id string, at string"

Status = Literal["open", "replayed", "discarded"]
REPLAYED: Status = "replayed"
DISCARDED: Status = "discarded"


def replayed_folder(batch_id: str) -> str:
    """Where, in a table's lane, the errors stand that a batch has closed."""
    return f"{FOLDER}/replayed-{batch_id}"


def discard(lanes: Folder, error_ids: Mapping[str, Iterable[str]], who: str) -> int:
    """Closes errors, by table, as not wanted; returns how many. Nothing is removed from the lane."""
    count = 0
    for table, ids in error_ids.items():
        lines = [json.dumps({"error_id": each, "status": DISCARDED, "run_id": who, "at": now()}) for each in ids]
        layer, _, name = table.partition(".")
        lanes.write_text(f"{layer}/{name}/{FOLDER}/discarded-{uuid.uuid4()}.json", "\n".join(lines) + "\n")
        count += len(lines)
    return count


def closed(lanes: Folder, below: str = "") -> dict[str, Status]:
    """The status of every error that is not open any more, read without Spark."""
    found: dict[str, Status] = {}
    for name in lanes.names(below):
        if f"/{FOLDER}/" in f"/{name}" and name.endswith(".json"):
            for line in lanes.lines(name):
                if line.strip():
                    noted = json.loads(line)
                    found[noted["error_id"]] = noted["status"]
    return found


def now() -> str:
    """The time that goes into the ledger: UTC, to the second."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
