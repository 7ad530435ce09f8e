"""Results of checks that are long over, packed: a file a day and table, of JSON lines, instead of one a run.

Who dies on the way leaves a result in both places; packed again it stands there once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

_PACKED = "packed"
_RESULT = ".json"


def pack_results(folder: Folder, before: datetime) -> int:
    """Packs those results of a table's checks that were written before an instant (UTC); gives how many."""
    days: dict[date, list[str]] = defaultdict(list)
    for name, written in folder.written().items():
        if "/" not in name and name.endswith(_RESULT) and written < before:
            days[written.date()].append(name)
    for day, names in days.items():
        _pack(folder, f"{_PACKED}/{day}.jsonl", names)
    return sum(map(len, days.values()))


def _pack(folder: Folder, pack: str, names: list[str]) -> None:
    lines = dict.fromkeys(line for line in (folder.read_text(pack) or "").split("\n") if line)
    for name in names:
        lines[json.dumps(json.loads(folder.read_text(name) or "{}"))] = None
    folder.write_text(pack, "".join(f"{line}\n" for line in lines))
    for name in names:
        folder.delete(name)
