"""Which columns of a sample hold personal data: by what they are called, and by what their values look like."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidemark.config.contract.patterns import ACCOUNT, ADDRESS, CARD, LOCAL_PHONE, PHONE, in_python
from tidemark.sketch.sample import SeenColumn

_BY_NAME = tuple(
    (re.compile(rf"(?:^|_)(?:{words})(?:_|$)"), mask)
    for words, mask in (
        ("e_?mail|email_?address|mail", "email"),
        ("phone|telephone|mobile|cell|fax|tel|phone_?number", "phone"),
        ("first_?name|last_?name|full_?name|sur_?name|given_?name|family_?name|middle_?name|maiden_?name", "name"),
        ("(?:contact|customer|person|employee|owner|user|patient|driver|guest|holder|recipient)_?name", "name"),
        ("contact|contact_?person", "name"),
        ("zip|zip_?code|post_?code|postal_?code|plz", "postcode"),
        ("birth_?date|date_?of_?birth|birth_?day|dob|born", "year"),
        ("street|address|house_?number|iban|bic|account_?holder|card_?number|credit_?card|cvc|cvv", "redact"),
        ("ssn|social_?security|passport|tax_?id|national_?id|driving_?licen[cs]e|ip|ip_?address|latlong", "redact"),
    )
)
_BY_VALUE = (
    (in_python(ADDRESS), "email", 0.0),
    (in_python(PHONE), "phone", 0.0),
    (in_python(LOCAL_PHONE), "phone", 0.2),
    (in_python(ACCOUNT), "redact", 0.5),
    (in_python(CARD), "redact", 0.5),
)
_CARD_LETTERS = 19


def mask_of(column: SeenColumn, name: str) -> str | None:
    """How gold should show a column, called `name` in the contract; None where nothing about it looks personal."""
    mask = next((mask for words, mask in _BY_NAME if words.search(name)), None) or _by_value(column)
    return None if mask is None else fitting(mask, column.type)


def fitting(mask: str, column_type: str) -> str:
    """The mask, or what does as much for a column of another type than text."""
    if mask == "year":
        return mask if column_type in ("date", "timestamp") else "redact"
    return mask if column_type == "string" else "redact"


def _by_value(column: SeenColumn) -> str | None:
    if column.type not in ("string", "bigint") and not column.type.startswith("decimal(38,0"):
        return None
    values = {value for value in column.values if value}
    for pattern, mask, share in _BY_VALUE:
        found = sum(1 for value in values if pattern.search(value) and _is_one(mask, value))
        if found and found > share * len(values):
            return mask
    return None


def _is_one(mask: str, value: str) -> bool:
    """Whether the check digits are right of what looks like an account or a card."""
    if mask != "redact":
        return True
    bare = re.sub(r"[ -]", "", value)
    return _luhn(bare) if bare.isdigit() and len(bare) <= _CARD_LETTERS else _is_account(bare)


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def _is_account(bare: str) -> bool:
    return bare.isalnum() and bare.isascii() and int("".join(_digits(bare[4:] + bare[:4]))) % 97 == 1


def _digits(text: str) -> Iterable[str]:
    return (str(int(letter, 36)) for letter in text)
