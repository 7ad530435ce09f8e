"""Erasures: who was erased, told by keyed hashes alone, and which releases nobody can go back to for their sake.

A receipt says of which column a person was erased, when, by whom, by which run, and how many rows of each table it
concerned. It has no value: who has the masking key, and the value, can tell whether this one was erased. Runs do that
with what sources give, so that nobody comes back unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tidemark.config.contract.model import Erasure
from tidemark.errors import TidemarkError
from tidemark.lint.privacy.subjects import Treatment

if TYPE_CHECKING:
    from tidemark.control.release import Release
    from tidemark.control.state import Record, StateStore

KIND = "erasure"
_SHORT_ID = 16


@dataclass(frozen=True)
class Receipt:
    """One person's erasure. `digest`: HMAC-SHA-256 of the value with the masking key `key`; instants are UTC.

    `column` is the one that was typed (`silver.customers.customer_id`). `rows`: how many named the person, by table.
    `treatments` say what was done in tables of their own. `until` is the number of the last release that nobody can
    go back to; 0 as long as the erasure has not come so far.
    """

    digest: str
    key: str
    column: str
    folded: bool
    by: str
    began_at: str
    treatments: tuple[Treatment, ...]
    status: Literal["begun", "done"] = "begun"
    rows: Mapping[str, int] = field(default_factory=dict)
    run_id: str = ""
    ended_at: str = ""
    until: int = 0
    approved_by: str = ""

    @property
    def receipt_id(self) -> str:
        return self.digest[:_SHORT_ID]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "receipt": self.receipt_id}


def every(state: StateStore) -> tuple[Receipt, ...]:
    """All receipts, oldest first."""
    return tuple(sorted(map(_receipt, state.list(KIND)), key=lambda each: each.began_at))


def find(state: StateStore, digest: str) -> Receipt | None:
    """The receipt of the person with this digest."""
    record = state.get(KIND, digest)
    return _receipt(record) if record else None


def note(state: StateStore, receipt: Receipt) -> None:
    """Writes the receipt, in place of what was known of this erasure."""
    state.put(KIND, receipt.digest, asdict(receipt))


def begin(state: StateStore, receipt: Receipt) -> Receipt:
    """Notes that the person is being erased; from now on no run takes what sources have of the person.

    Of an erasure that died, or of one that is done once more, what was counted before counts.
    """
    before = find(state, receipt.digest)
    if before is not None:
        rows = {name: max(count, before.rows.get(name, 0)) for name, count in {**before.rows, **receipt.rows}.items()}
        receipt = replace(receipt, rows=rows, began_at=before.began_at, by=before.by, until=before.until)
    note(state, receipt)
    return receipt


def noted_at() -> str:
    """The time that goes into a receipt: UTC, to the second."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def refuse_before(state: StateStore, release: Release, step: str) -> None:
    """Raises `TidemarkError` for a release of before an erasure: it has rows of a person who was erased."""
    later = [each for each in every(state) if release.number <= each.until]
    if later:
        last = max(later, key=lambda each: each.until)
        raise TidemarkError(
            f"{release.name} is of before the erasure of a person, and cannot be read or restored any more",
            step=step,
            seen=[f"receipt {last.receipt_id}, begun {last.began_at}; releases up to r{last.until} are gone with it"],
            next_step=f"take a later release: tidemark runs list names them, from r{last.until + 1} on",
        )


def _receipt(record: Record) -> Receipt:
    value = dict(record.value)
    treatments = tuple(
        Treatment(
            each["table"],
            tuple(each["columns"]),
            Erasure(**each["erasure"]) if each.get("erasure") else None,
            tuple(each.get("cleared", ())),
        )
        for each in value.pop("treatments")
    )
    return Receipt(**value, treatments=treatments)
