"""Histories are a function of the versions, whatever their order."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sandbox.ledger.history import history, surrogate_key, unknown_member

START = datetime(2025, 3, 1)
VERSIONS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.sampled_from("xyz"), st.booleans()),
    unique_by=lambda version: version[:2],
    max_size=14,
)


def versions(*rows: tuple[str, int, str, bool]) -> list[dict]:
    return [
        {"key": key, "updated_at": START + timedelta(hours=hour), "tier": tier, "note": hour, "is_deleted": deleted}
        for key, hour, tier, deleted in rows
    ]


def periods(*rows: tuple[str, int, str, bool]) -> list[tuple]:
    def hour(moment: datetime | None) -> int | None:
        return None if moment is None else round((moment - START).total_seconds() / 3600)

    return [
        (row["tier"], row["note"], hour(row["valid_from"]), hour(row["valid_to"]), row["is_current"])
        for row in history(versions(*rows), "key", ["tier"])
    ]


def test_a_change_ends_a_period_and_begins_another() -> None:
    assert periods(("a", 1, "x", False), ("a", 3, "y", False)) == [("x", 1, 1, 3, False), ("y", 3, 3, None, True)]


def test_versions_without_a_tracked_change_collapse_into_the_first() -> None:
    assert periods(("a", 1, "x", False), ("a", 2, "x", False)) == [("x", 1, 1, None, True)]


def test_what_is_overwritten_follows_the_newest_version_of_a_period() -> None:
    rows = versions(("a", 1, "x", False), ("a", 2, "x", False), ("a", 3, "y", False), ("a", 4, "y", False))

    found = history(rows, "key", ["tier"], ["note"])

    assert [(row["tier"], row["note"], row["is_current"]) for row in found] == [("x", 2, False), ("y", 4, True)]


def test_a_delete_of_the_same_moment_is_the_later() -> None:
    rows = [("a", 1, "x", False), ("a", 2, "y", True), ("a", 2, "y", False)]

    assert periods(*rows) == periods(*reversed(rows)) == [("x", 1, 1, 2, False)]


def test_a_late_version_between_two_alike_splits_them() -> None:
    arrived_late = periods(("a", 1, "x", False), ("a", 3, "x", False), ("a", 2, "y", False))
    assert [(tier, begin, end) for tier, _, begin, end, _ in arrived_late] == [("x", 1, 2), ("y", 2, 3), ("x", 3, None)]


def test_a_delete_closes_and_a_reappearance_opens_even_without_a_change() -> None:
    found = periods(("a", 1, "x", False), ("a", 2, "x", True), ("a", 3, "x", True), ("a", 5, "x", False))
    assert found == [("x", 1, 1, 2, False), ("x", 5, 5, None, True)]


def test_a_key_that_was_only_ever_deleted_has_no_history() -> None:
    assert periods(("a", 1, "x", True)) == []


@given(VERSIONS, st.randoms())
def test_the_order_of_arrival_makes_no_difference(rows: list, chance: object) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    ordered = sorted(history(versions(*rows), "key", ["tier"]), key=lambda row: (row["key"], row["valid_from"]))
    again = sorted(history(versions(*shuffled), "key", ["tier"]), key=lambda row: (row["key"], row["valid_from"]))
    assert ordered == again


@given(VERSIONS)
def test_at_every_moment_the_newest_living_version_is_in_force(rows: list) -> None:
    found = history(versions(*rows), "key", ["tier"])
    for key in "ab":
        own = sorted((row for row in found if row["key"] == key), key=lambda row: row["valid_from"])
        assert all(before["valid_to"] <= after["valid_from"] for before, after in pairwise(own))
        for hour in range(32):
            moment = START + timedelta(hours=hour)
            in_force = [
                row["tier"]
                for row in own
                if row["valid_from"] <= moment and (row["valid_to"] is None or moment < row["valid_to"])
            ]
            known = sorted(version for version in rows if version[0] == key and version[1] <= hour)
            assert in_force == ([known[-1][2]] if known and not known[-1][3] else [])


def test_surrogate_keys_are_those_of_the_specification() -> None:
    # printf 'CUST-000001|2025-03-01 10:20:30.123000' | sha256sum | cut -c1-32
    moment = datetime(2025, 3, 1, 10, 20, 30, 123_000)
    assert surrogate_key("CUST-000001", moment) == "cc0840b7f4fe47ec0eb7bd2318aa829e"


def test_the_unknown_member_is_open_from_the_beginning_and_no_current_member() -> None:
    assert unknown_member(["sk", "key", "tier", "valid_from", "valid_to", "is_current"], "key", "sk") == {
        "sk": "0" * 32,
        "key": "unknown",
        "tier": None,
        "valid_from": datetime(1900, 1, 1),
        "valid_to": None,
        "is_current": False,
    }
