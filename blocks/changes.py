"""What setting something up in Prefect changes, as data: shown before it is done, and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class FieldChange:
    """A field that gets another value."""

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Change:
    """What becomes, or became, of one thing in Prefect; `fields` are those that get another value."""

    kind: str
    name: str
    outcome: Outcome
    fields: tuple[FieldChange, ...] = ()


def compared(kind: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Change:
    """How `after` differs from what is there; `before` is None where nothing is."""
    if before is None:
        return Change(kind, name, "created")
    fields = tuple(
        FieldChange(field, before.get(field), value) for field, value in after.items() if before.get(field) != value
    )
    return Change(kind, name, "updated" if fields else "unchanged", fields)
