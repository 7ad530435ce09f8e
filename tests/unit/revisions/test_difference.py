"""Two versions of a contract: what is otherwise, whom it breaks, and what announces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tidemark.config.contract import Check, Column, Comparison, Contract, Freshness, Reference, Service
from tidemark.config.contract.model import About, PersonalException
from tidemark.revisions.announced import announces, unannounced
from tidemark.revisions.difference import all_changes, changes

ID = Column("id", "int", required=True, key_position=1)
Build = Callable[..., Contract]
EXCEPTION = PersonalException("asked for by the works council", "dpo", date(2027, 1, 1))


def effects(contract_of: Build, old: Column | None, new: Column | None) -> list[str]:
    before, after = (contract_of(ID, *([each] if each else [])) for each in (old, new))
    return [change.effect for change in changes(before, after)]


def text(**kept: object) -> Column:
    return replace(Column("name", "string"), **kept)


def number(**kept: object) -> Column:
    return replace(Column("name", "decimal(9,2)"), **kept)


BREAKING: list[tuple[Column | None, Column | None]] = [
    (text(), None),
    (None, text(required=True)),
    (text(), text(required=True)),
    (text(), text(unique=True)),
    (Column("name", "bigint"), Column("name", "int")),
    (Column("name", "decimal(9,2)"), Column("name", "decimal(9,4)")),
    (Column("name", "decimal(9,2)"), Column("name", "double")),
    (Column("name", "timestamp"), Column("name", "date")),
    (text(), text(nested="array")),
    (Column("name", "timestamp"), Column("name", "timestamp", zone="Europe/Berlin")),
    (text(), text(pattern="A.*")),
    (text(pattern="A.*"), text(pattern=".*")),
    (text(), text(format="email")),
    (text(), text(enum=("a", "b"))),
    (text(enum=("a", "b")), text(enum=("a", "c"))),
    (number(), number(minimum="0")),
    (number(minimum="0"), number(minimum="0.01")),
    (number(minimum="0"), number(exclusive_minimum="0")),
    (number(maximum="10"), number(maximum="9.5")),
    (number(maximum="10", exclusive_maximum="12"), number(maximum="12", exclusive_maximum="10")),
    (Column("name", "date", minimum="2020-01-01"), Column("name", "date", minimum="2020-01-02")),
    (text(max_length=10), text(max_length=9)),
    (text(min_length=1), text(min_length=2)),
    (text(mask="email"), text(mask="redact")),
    (text(mask="email"), text(mask="email", mask_people=5)),
    (text(mask="name"), text()),
    (text(), text(mask="hmac")),
    (text(), text(classification="personal")),
    (text(classification="restricted"), text(classification="public")),
    (text(), text(exception=EXCEPTION)),
    (text(exception=EXCEPTION), text()),
]
LOOSENED = [
    (text(required=True), text()),
    (text(unique=True), text()),
    (text(pattern="A.*"), text()),
    (text(format="email"), text()),
    (text(enum=("a",)), text()),
    (text(enum=("a",)), text(enum=("a", "b"))),
    (number(minimum="0"), number()),
    (number(minimum="0"), number(minimum="-1")),
    (number(exclusive_maximum="10"), number(maximum="10")),
    (text(max_length=9), text(max_length=10)),
]
COMPATIBLE = [
    (None, text()),
    (Column("name", "int"), Column("name", "bigint")),
    (Column("name", "decimal(9,2)"), Column("name", "decimal(12,2)")),
    (text(), text(description="What people call it.")),
    (text(classification="personal"), text(classification="confidential")),
    (text(), text(classification="internal")),
    (text(exception=EXCEPTION), text(exception=replace(EXCEPTION, until=date(2028, 1, 1)))),
]


class TestColumns:
    @pytest.mark.parametrize(("old", "new"), BREAKING)
    def test_it_breaks(self, contract_of: Build, old: Column | None, new: Column | None) -> None:
        assert effects(contract_of, old, new)[0] == "breaking"

    @pytest.mark.parametrize(("old", "new"), LOOSENED)
    def test_it_promises_less(self, contract_of: Build, old: Column | None, new: Column | None) -> None:
        assert effects(contract_of, old, new) == ["loosened"]

    @pytest.mark.parametrize(("old", "new"), COMPATIBLE)
    def test_it_harms_nobody(self, contract_of: Build, old: Column | None, new: Column | None) -> None:
        assert effects(contract_of, old, new) == ["compatible"]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (number(minimum="0"), number(minimum="0.00")),
            (
                Column("name", "timestamp", minimum="2020-01-01T00:00:00"),
                Column("name", "timestamp", minimum="2020-01-01T01:00:00+01:00"),
            ),
            (text(line=3), text(line=9)),
        ],
    )
    def test_the_same_in_other_words_is_no_change(self, contract_of: Build, old: Column, new: Column) -> None:
        assert effects(contract_of, old, new) == []

    def test_each_change_says_what_and_why(self, contract_of: Build) -> None:
        (change,) = changes(contract_of(ID, text(enum=("a", "b"))), contract_of(ID, text(enum=("b",))))
        assert (change.subject, change.what) == ("silver.things.name", "allowed values are gone: a")
        assert "rejected" in change.why


class TestTheTable:
    def test_another_key_breaks_and_another_order_of_it_does_not(self, contract_of: Build) -> None:
        two = replace(text(), required=True, key_position=2)
        (change,) = changes(contract_of(ID, replace(two, key_position=None)), contract_of(ID, two))
        assert (change.effect, change.what) == ("breaking", "the key was id, and is id, name")
        turned = contract_of(replace(ID, key_position=2), replace(two, key_position=1))
        assert [each.effect for each in changes(contract_of(ID, two), turned)] == ["compatible"]

    def test_columns_in_another_order_are_told(self, contract_of: Build) -> None:
        (change,) = changes(contract_of(ID, text()), contract_of(text(), ID))
        assert (change.effect, change.column) == ("compatible", None)

    def test_less_of_a_check_is_less_of_a_promise(self, contract_of: Build) -> None:
        zero = Comparison("=", (Decimal(0),))
        check = Check("metric", "no nulls", metric="nullValues", column="id", comparison=zero, line=9)
        bare, checked = contract_of(ID), contract_of(ID, checks=(check,))
        assert [each.effect for each in changes(bare, checked)] == ["compatible"]
        assert [each.effect for each in changes(checked, bare)] == ["loosened"]
        warns = contract_of(ID, checks=(replace(check, severity="warning", line=11),))
        assert [each.effect for each in changes(checked, warns)] == ["loosened"]
        assert [each.effect for each in changes(warns, checked)] == ["compatible"]
        other = contract_of(ID, checks=(replace(check, comparison=Comparison("=", (Decimal(1),))),))
        assert [each.effect for each in changes(checked, other)] == ["loosened"]

    @pytest.mark.parametrize(
        ("old", "new", "effect"),
        [
            (None, Freshness("at", Decimal(26)), "compatible"),
            (Freshness("at", Decimal(26)), None, "loosened"),
            (Freshness("at", Decimal(26)), Freshness("at", Decimal(30)), "loosened"),
            (Freshness("at", Decimal(26)), Freshness("at", Decimal(20)), "compatible"),
            (Freshness("at", Decimal(26), "error"), Freshness("at", Decimal(20)), "loosened"),
            (Freshness("at", Decimal(26)), Freshness("seen", Decimal(26)), "loosened"),
        ],
    )
    def test_freshness(self, contract_of: Build, old: Freshness | None, new: Freshness | None, effect: str) -> None:
        before, after = (contract_of(ID, freshness=each) for each in (old, new))
        assert [each.effect for each in changes(before, after)] == [effect]

    @pytest.mark.parametrize(
        ("old", "new", "effect"),
        [
            (None, Service(60.0), "compatible"),
            (Service(60.0, 100), None, "loosened"),
            (Service(60.0), Service(90.0), "loosened"),
            (Service(60.0, 100), Service(60.0, 50), "loosened"),
            (Service(60.0, 100), Service(30.0, 200), "compatible"),
            (Service(60.0, severity="error"), Service(60.0), "loosened"),
        ],
    )
    def test_other_promises(self, contract_of: Build, old: Service | None, new: Service | None, effect: str) -> None:
        before, after = (replace(contract_of(ID), service=each) for each in (old, new))
        assert [each.effect for each in changes(before, after)] == [effect]

    def test_relationships(self, contract_of: Build) -> None:
        bare = contract_of(ID)
        related = replace(bare, references=(Reference(("id",), "gold.dim", ("id",), line=4),))
        assert [each.effect for each in changes(bare, related)] == ["compatible"]
        assert [each.effect for each in changes(related, bare)] == ["loosened"]
        assert changes(related, replace(bare, references=(Reference(("id",), "gold.dim", ("id",), line=7),))) == ()

    def test_what_breaks_stands_first(self, contract_of: Build) -> None:
        found = changes(contract_of(ID, text()), contract_of(ID, Column("other", "string"), description="New words."))
        assert [each.effect for each in found] == ["breaking", "compatible", "compatible"]


class TestAnnounced:
    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("1.0.0", "2.0.0", True),
            ("1.0.0", "1.1.0", False),
            ("1.9.9", "1.9.9", False),
            ("9.0.0", "10.0.0", True),
            ("2.0.0", "1.0.0", False),
            ("0.1.0", "0.2.0", True),
            ("0.1.0", "0.1.9", False),
            ("0.9.0", "1.0.0", True),
            ("v1.0", "v2.0", True),
            ("2025-03", "2025-04", True),
            ("2025-03", "2025-03", False),
        ],
    )
    def test_by_the_version(self, old: str, new: str, says: bool) -> None:
        assert announces(old, new) is says

    def test_only_what_breaks_must_be_announced(self, contract_of: Build) -> None:
        old = {"silver.things": contract_of(ID, text())}
        new = {"silver.things": contract_of(ID, Column("other", "string"))}
        ((change, fix),) = unannounced(old, new, all_changes(old, new))
        assert (change.what, fix) == ("the column was removed", "raise its version from 1.0.0 to 2.0.0")
        raised = {"silver.things": replace(new["silver.things"], version="2.0.0")}
        assert unannounced(old, raised, all_changes(old, raised)) == ()

    def test_a_table_goes_after_it_was_deprecated(self, contract_of: Build) -> None:
        old = {"silver.things": contract_of(ID)}
        ((_, fix),) = unannounced(old, {}, all_changes(old, {}))
        assert "status: deprecated" in fix
        going = {"silver.things": replace(old["silver.things"], about=About(status="Deprecated"))}
        assert unannounced(going, {}, all_changes(going, {})) == ()
        assert [each.effect for each in all_changes({}, old)] == ["compatible"]
