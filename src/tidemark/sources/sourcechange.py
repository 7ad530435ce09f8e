"""A change in the shape of a source, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChangeKind = Literal["added", "removed", "retyped", "recased"]
_TOLD = {
    "evolve": "added to the table",
    "freeze": "the batch is refused",
    "discard_row": "rows that have a value in it are rejected",
    "discard_value": "left out",
    "cast": "cast to the contract's type",
    "known": "the contract knows it",
}


@dataclass(frozen=True)
class Change:
    """One column of a source that is not what it was; `before` and `after` are types, or names if `recased`."""

    column: str
    change: ChangeKind
    before: str | None
    after: str | None
    action: str

    def __str__(self) -> str:
        if self.change == "added":
            return f"source column {self.column} ({self.after}) is new: {_TOLD[self.action]}"
        if self.change == "removed":
            return f"source column {self.column} ({self.before}) is gone: null from now on"
        what = "type" if self.change == "retyped" else "name"
        return (
            f"source column {self.column} changed its {what} from {self.before} to {self.after}: {_TOLD[self.action]}"
        )
