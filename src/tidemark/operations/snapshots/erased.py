"""Snapshots of before an erasure go with it: what was copied of a person is no better than what lies in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.operations.snapshots.place import LEASE, place_of

if TYPE_CHECKING:
    from tidemark.control.erasures import Receipt
    from tidemark.engine import Engine


def remove_before(engine: Engine, receipt: Receipt) -> tuple[str, ...]:
    """Removes the snapshots of releases that nobody can go back to any more, and every file that only they have; gives
    which. To be called when the receipt says which releases those are.

    The place keeps the receipt, so that a snapshot which comes back there is not restored. An export that is on its way
    is waited for.
    """
    place = place_of(engine.environment)
    if not place.is_used():
        return ()
    engine.leases.acquire(LEASE)
    place.note_erased(receipt)
    faults.reach("erase: the snapshots know of it, and are there")
    known, broken = place.every()
    gone = [each for each in known if each.number <= receipt.until]
    place.remove(gone)
    place.forget(broken)
    engine.leases.release(LEASE)
    return (*(each.name for each in gone), *broken)
