"""A bypass says who, why and until when; it ends by itself, and what was recorded stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tidemark.control import bypasses
from tidemark.control.state import SqliteState
from tidemark.errors import ConfigError

NOW = datetime(2025, 3, 1, 12)
TOLD: dict[str, Any] = {"who": "ann", "why": "the shop is closed", "until": NOW + timedelta(days=2), "now": NOW}


@pytest.fixture
def state(tmp_path: Path) -> SqliteState:
    return SqliteState(tmp_path / "state.db")


def test_it_holds_for_its_check_until_its_end(state: SqliteState) -> None:
    made = bypasses.add(state, "gold.sales", "row count > 0", **TOLD)
    assert bypasses.holding(state, "gold.sales", NOW) == {"row count > 0": made}
    assert bypasses.holding(state, "gold.other", NOW) == {}
    assert bypasses.holding(state, "gold.sales", NOW + timedelta(days=2)) == {}
    assert made.told == "let pass by ann until 2025-03-03 12:00 UTC: the shop is closed"
    assert bypasses.every(state) == (made,), "it is over, and not forgotten"


def test_it_can_be_ended_once_and_who_did_it_is_kept(state: SqliteState) -> None:
    made = bypasses.add(state, "gold.sales", "row count > 0", **TOLD)
    bypasses.end(state, made.id, who="bob", now=NOW + timedelta(hours=1))
    assert bypasses.holding(state, "gold.sales", NOW) == {}
    (kept,) = bypasses.every(state)
    assert (kept.who, kept.ended_by, kept.ended_at) == ("ann", "bob", NOW + timedelta(hours=1))
    with pytest.raises(ConfigError, match="has ended already"):
        bypasses.end(state, made.id, who="bob", now=NOW + timedelta(hours=2))
    with pytest.raises(ConfigError, match="there is no bypass"):
        bypasses.end(state, "0000", who="bob", now=NOW)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"who": " "}, "says who"),
        ({"why": ""}, "says why"),
        ({"why": "x" * 1001}, "says why"),
        ({"until": NOW}, "would end at"),
        ({"until": NOW - timedelta(days=1)}, "would end at"),
        ({"until": NOW + timedelta(days=32)}, "31 days at most"),
    ],
)
def test_one_that_nobody_could_answer_for_is_refused(state: SqliteState, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bypasses.add(state, "gold.sales", "row count > 0", **(TOLD | changed))
    assert bypasses.every(state) == ()
