"""What changed between two versions of a contract, and whether it breaks anybody.

A change breaks when something that was right before no longer is: a query of a reader fails, or finds other values
under the same name; a row that was good is rejected. It loosens when the contract promises less than it did: readers
may meet what they have not met so far. All others are compatible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tidemark.revisions.columns import column_changes
from tidemark.revisions.promises import promise_changes

if TYPE_CHECKING:
    from tidemark.config.contract import Contract

Effect = Literal["breaking", "loosened", "compatible"]
EFFECTS: tuple[Effect, ...] = ("breaking", "loosened", "compatible")


@dataclass(frozen=True)
class Change:
    """One thing that is otherwise; `column` is None for what is of the table. `why`: whom it touches, and how."""

    table: str
    effect: Effect
    what: str
    why: str
    column: str | None = None

    @property
    def subject(self) -> str:
        return f"{self.table}.{self.column}" if self.column else self.table


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Everything that is otherwise in the newer version of a table's contract, what breaks first."""
    found = [Change(new.table, *change) for change in promise_changes(old, new)]
    before, after = ({column.name: column for column in each.columns} for each in (old, new))
    for name in dict.fromkeys((*before, *after)):
        found += [
            Change(new.table, *change, column=name) for change in column_changes(before.get(name), after.get(name))
        ]
    return by_effect(found)


def all_changes(old: Mapping[str, Contract], new: Mapping[str, Contract]) -> tuple[Change, ...]:
    """The changes of all tables of a configuration; those too that came or went."""
    return by_effect([change for name in sorted({*old, *new}) for change in _of_table(old.get(name), new.get(name))])


def by_effect(found: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(sorted(found, key=lambda change: EFFECTS.index(change.effect)))


def _of_table(old: Contract | None, new: Contract | None) -> Iterator[Change]:
    if new is None and old is not None:
        yield Change(old.table, "breaking", "the table was removed", "whoever reads it finds nothing")
    elif old is None and new is not None:
        yield Change(new.table, "compatible", "the table is new", "nobody knows it yet")
    elif old is not None and new is not None:
        yield from changes(old, new)
