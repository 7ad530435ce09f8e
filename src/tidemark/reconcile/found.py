"""What a comparison of two systems has found, as data: outcome, counts, rows and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["equal", "differs", "not compared"]
HIDDEN = "***"


@dataclass(frozen=True)
class DifferentRow:
    """A row that is missing downstream, is only there (`extra`), or has other values there (`changed`).

    `key` has its values as texts, `columns` what stands upstream and downstream in each column that differs; `***`
    stands for what is personal.
    """

    what: str
    key: Mapping[str, str | None]
    columns: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The row in a line: `order_id=7, line=1`."""
        return ", ".join(f"{name}={'null' if value is None else value}" for name, value in self.key.items())


@dataclass(frozen=True)
class Reconciled:
    """A table and the system beside it. `upstream` and `downstream` name both, in the direction that rows go.

    `complete`: all rows that differ were found; else there are more. `columns`: in how many of the changed rows each
    differs. `left_out`: rows that need not be the same, by why. `read`: how many rows were read after the first pass,
    upstream and downstream. `version` is that of the lake's table.
    """

    table: str
    upstream: str
    downstream: str
    outcome: Outcome
    reason: str | None = None
    version: int | None = None
    rows: tuple[int, int] = (0, 0)
    missing: int = 0
    extra: int = 0
    changed: int = 0
    complete: bool = True
    columns: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[DifferentRow, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    read: tuple[int, int] = (0, 0)

    @property
    def differing(self) -> int:
        """How many rows differ, as far as they were found."""
        return self.missing + self.extra + self.changed

    @property
    def told(self) -> str:
        """What differs, in words."""
        least = "" if self.complete else "at least "
        counts = {"missing": self.missing, "that should not be there": self.extra, "changed": self.changed}
        rows = ", ".join(
            f"{least}{count} {'row' if count == 1 else 'rows'} {what}" for what, count in counts.items() if count
        )
        where = f" (in {', '.join(self.columns)})" if self.columns else ""
        return f"{self.downstream}: {rows or f'{self.rows[1]} rows, upstream {self.rows[0]}'}{where}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Reconciled:
        """What `to_json` gave, also by way of a file."""
        rows = tuple(
            DifferentRow(each["what"], each["key"], {name: tuple(both) for name, both in each["columns"].items()})
            for each in stored["differences"]
        )
        pairs = {name: tuple(stored[name]) for name in ("rows", "read", "notes")}
        return cls(**{**stored, **pairs, "differences": rows})
