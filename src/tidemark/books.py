"""Row accounting: where every row of a batch went. Books that do not balance fail the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from tidemark.errors import CommitError


@dataclass(frozen=True)
class Books:
    """Counts of rows of one batch.

    `extracted = accepted + quarantined + superseded` and `accepted = inserted + updated + deleted + unchanged`.
    Outside both stand rows of the target that a complete batch no longer holds: `vanished` ones go, `kept` ones stay
    as they were, because what was computed for their key was rejected. `adapted` counts values,
    not rows: those of good rows that lost digits or the time of a day, as the load file lets them.
    """

    extracted: int = 0
    accepted: int = 0
    quarantined: int = 0
    superseded: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    vanished: int = 0
    kept: int = 0
    adapted: int = 0

    @property
    def changes(self) -> int:
        """Rows of the target that the commit adds, changes or removes."""
        return self.inserted + self.updated + self.deleted + self.vanished

    @property
    def balance(self) -> bool:
        """Whether every row is accounted for."""
        negative = any(getattr(self, field.name) < 0 for field in fields(self))
        return self.extracted == self._received and self.accepted == self._written and not negative

    @property
    def _received(self) -> int:
        return self.accepted + self.quarantined + self.superseded

    @property
    def _written(self) -> int:
        return self.inserted + self.updated + self.deleted + self.unchanged

    @property
    def gone(self) -> int:
        """Rows of the target that the commit takes away."""
        return self.deleted + self.vanished

    def check(self, table: str) -> Books:
        """Returns itself; raises `CommitError` when a row is not accounted for."""
        if self.balance:
            return self
        raise CommitError(
            "the books of the batch do not balance; nothing was committed",
            table=table,
            step="prepare",
            seen=[
                f"extracted {self.extracted} = accepted {self.accepted} + quarantined {self.quarantined}"
                f" + superseded {self.superseded} (= {self._received})",
                f"accepted {self.accepted} = inserted {self.inserted} + updated {self.updated} + deleted {self.deleted}"
                f" + unchanged {self.unchanged} (= {self._written})",
            ],
            next_step="run again; if it comes back, the source changed while it was read: report it with this output",
        )

    def __add__(self, other: Books) -> Books:
        """The books of two batches as one."""
        return Books(**{name: count + getattr(other, name) for name, count in asdict(self).items()})

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, int]) -> Books:
        return cls(**{field.name: int(stored.get(field.name, 0)) for field in fields(cls)})
