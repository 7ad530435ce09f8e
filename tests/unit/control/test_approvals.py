"""Two people for what cannot be taken back: their tokens are good for just what they signed, and for nobody else."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tidemark.config.environment import ApprovalSettings
from tidemark.control.approvals import KIND, Approved, Asked, needed, note, people, refuse_few, sign
from tidemark.control.state import SqliteState
from tidemark.errors import ConfigError

NOW = datetime(2026, 1, 31, 12)
SOON = NOW + timedelta(hours=2)
KEYS = {"ann": "a" * 40, "bob": "b" * 40}
ASKED = Asked("restore", "prod", {"run": "r31", "leave": ""})


def token(by: str = "ann", asked: Asked = ASKED, until: datetime = SOON, key: str | None = None) -> str:
    return sign(asked, by, key or KEYS.get(by, "x" * 40), until)


def test_two_people_are_two() -> None:
    found = people([token("bob"), token("ann")], ASKED, KEYS, NOW)
    assert found == ("ann", "bob")
    refuse_few(found, ASKED)


@pytest.mark.parametrize("tokens", [[], [token("ann")], [token("ann"), token("ann", until=NOW + timedelta(hours=3))]])
def test_nobody_approves_their_own(tokens: list[str]) -> None:
    with pytest.raises(
        ConfigError, match=r"(?s)restore run=r31 needs 2 people in prod.*tidemark approve restore run=r31"
    ):
        refuse_few(people(tokens, ASKED, KEYS, NOW), ASKED)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (token("eve"), "eve is none of those who may approve here"),
        (token("bob", key=KEYS["ann"]), "the approval in the name of bob is not signed by them"),
        (token(asked=Asked("restore", "prod", {"run": "r30"})), "the approval of ann is for something else"),
        (token(asked=Asked("restore", "prod", {"run": "r31", "leave": "gold.a"})), "is for something else"),
        (token(asked=Asked("restore", "dev", {"run": "r31"})), "is for something else"),
        (token(asked=Asked("erase", "prod", {"run": "r31"})), "is for something else"),
        (token(until=NOW), "was good until"),
        (token(until=NOW - timedelta(days=1)), "was good until"),
        (token(until=NOW + timedelta(days=300)), "or is for too long"),
        ("", "this is no approval"),
        ("abc", "this is no approval"),
        ("a.b.c", "this is no approval"),
        ("e30.e30", "this is no approval"),
        ("!!!.???", "this is no approval"),
        (token().partition(".")[0] + ".", "is not signed by them"),
    ],
)
def test_a_token_that_says_anything_else_is_refused(given: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        people([given], ASKED, KEYS, NOW)


def test_a_token_whose_text_was_changed_is_refused() -> None:
    text, signature = token(until=NOW - timedelta(hours=1)).split(".")
    told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    later = json.dumps(told | {"until": SOON.isoformat()}, sort_keys=True).encode()
    changed = base64.urlsafe_b64encode(later).decode().rstrip("=")
    with pytest.raises(ConfigError, match="is not signed by them"):
        people([f"{changed}.{signature}"], ASKED, KEYS, NOW)


def test_two_names_for_one_key_are_not_two_people() -> None:
    same = {"ann": "a" * 40, "ann2": "a" * 40}
    with pytest.raises(ConfigError, match="two people have the same key"):
        people([token("ann"), token("ann2", key="a" * 40)], ASKED, same, NOW)


def test_a_key_that_can_be_guessed_signs_nothing() -> None:
    with pytest.raises(ConfigError, match="shorter than 32"):
        token(key="short")
    with pytest.raises(ConfigError, match="shorter than 32"):
        people([token("ann")], ASKED, {"ann": "short"}, NOW)


def test_what_wants_two_people_the_file_says() -> None:
    settings = ApprovalSettings(restore=True, backfill_days=7, secret="s")
    assert [needed(settings, each) for each in ("restore", "erase", "apply", "bypass")] == [True, False, False, False]
    assert [needed(settings, "backfill", days) for days in (1, 7, 8)] == [False, False, True]
    assert not needed(ApprovalSettings(), "backfill", 10_000)
    assert needed(ApprovalSettings(backfill_days=0), "backfill", 1)


def test_a_bypass_cannot_be_approved_on_a_page() -> None:
    with pytest.raises(ValueError, match="`bypass` wants a `secret`"):
        ApprovalSettings(bypass=True)


def test_who_asked_and_who_approved_is_kept(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    note(state, ASKED, Approved("ann", ("ann", "bob")), NOW, "run-1")
    (record,) = state.list(KIND)
    assert record.value == {
        "action": "restore",
        "what": {"run": "r31", "leave": ""},
        "requested_by": "ann",
        "approved_by": ["ann", "bob"],
        "at": "2026-01-31T12:00:00",
        "run_id": "run-1",
    }
