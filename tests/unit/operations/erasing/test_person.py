"""By what a person is found in texts: what is nobody else's, as a whole, however it is written there."""

from __future__ import annotations

import json

import pytest

from tidemark.control.erasures import Receipt
from tidemark.lint.privacy.subjects import Trail
from tidemark.operations.erasing.person import Person, is_telling


def person(value: str, *known: str) -> Person:
    receipt = Receipt("0" * 64, "k1", "silver.people.id", False, "dpo", "2025-03-01T00:00:00", ())
    return Person(Trail(("silver.people", "id"), {}, ()), value, receipt, known)


ANN = person("CUST-000007", "ann@example.org", "+49 170 1234567", 'Am "Markt" 7', "Müllerstraße 12", "Anna", "10115")


@pytest.mark.parametrize(
    "text",
    [
        "CUST-000007",
        '{"customer_id":"CUST-000007","qty":1}',
        "id=CUST-000007&x",
        "write to ANN@example.org.",
        "<ann@example.org>",
        "+49 170 1234567",
        json.dumps({"street": 'Am "Markt" 7'}),
        json.dumps({"payload": json.dumps({"street": 'Am "Markt" 7'})}),
        json.dumps({"street": "Müllerstraße 12"}),
        "/people/Am%20%22Markt%22%207",
        "mail=ann%40example.org",
    ],
)
def test_the_person_is_found(text: str) -> None:
    pattern = ANN.searched()
    assert pattern is not None
    assert pattern.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "CUST-0000071",
        "XCUST-000007",
        "CUST-000007-2",
        "joann@example.org",
        "mary.ann@example.org",
        "ann@example.org.uk",
        "ann@example.orga",
        "Anna",
        "10115",
        "Müllerstraße 120",
    ],
)
def test_others_are_not_taken_for_the_person(text: str) -> None:
    pattern = ANN.searched()
    assert pattern is not None
    assert not pattern.search(text)


def test_a_person_of_whom_nothing_is_telling_is_looked_for_in_columns_alone() -> None:
    assert person("42", "Anna", "Ulm").pattern() is None


@pytest.mark.parametrize(
    ("value", "telling"),
    [
        ("CUST-7", True),
        ("a@b.de", True),
        ("Am Hof 1", True),
        ("+49170123", True),
        ("123456789", True),
        ("12345678", False),
        ("10115", False),
        ("Annalena", False),
        ("P7", False),
        ("", False),
    ],
)
def test_what_is_telling(value: str, telling: bool) -> None:
    assert is_telling(value) is telling
