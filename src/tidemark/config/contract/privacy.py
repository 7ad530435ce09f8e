"""What a property's `customProperties` say of personal data: its mask, and the exception that lets it be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from tidemark.config.contract.model import DATE_MASKS, MASKS, TEXT_MASKS, PersonalException
from tidemark.config.files.yamltext import Report, Where
from tidemark.errors import choose

MASK, MASK_PEOPLE, EXCEPTION = "mask", "maskPeople", "personalException"
ERASURE = "erasure"  # read by `people`
_WORDS = ("reason", "approvedBy", "until")
_EXAMPLE = "{reason: why it may be shown, approvedBy: who said so, until: 2027-06-30}"


@dataclass(frozen=True)
class Privacy:
    """The mask of a column, the people that must share what it leaves, and the exception."""

    mask: str | None = None
    people: int | None = None
    exception: PersonalException | None = None


def read_privacy(report: Report, found: SchemaProperty, where: Where, column_type: str) -> Privacy:
    """As the custom properties say; what is wrong with them goes to the report."""
    given = dict(_custom(report, found, where))
    mask = _mask(report, found, given, column_type)
    return Privacy(mask, _people(report, given, mask), _exception(report, found, given))


def _custom(report: Report, found: SchemaProperty, where: Where) -> Iterator[tuple[str, tuple[Any, Where]]]:
    seen: set[str] = set()
    for position, custom in enumerate(found.customProperties or []):
        here = (*where, "customProperties", position, "value")
        name = custom.property or ""
        if name in (MASK, MASK_PEOPLE, EXCEPTION):
            if name in seen:
                report.error(here, f"column `{found.name}` has `{name}` twice", "keep one of them")
            else:
                yield name, (custom.value, here)
            seen.add(name)
        elif name.lower().replace("_", "") in (each.lower() for each in (MASK, MASK_PEOPLE, EXCEPTION)):
            report.error(here, f"custom property `{name}` has no meaning", choose(name, (MASK, MASK_PEOPLE, EXCEPTION)))


def _mask(
    report: Report, found: SchemaProperty, given: Mapping[str, tuple[Any, Where]], column_type: str
) -> str | None:
    if MASK not in given:
        return None
    value, here = given[MASK]
    if value not in MASKS:
        report.error(here, f"mask `{value}` does not exist", choose(str(value), MASKS))
    elif value in TEXT_MASKS and column_type != "string":
        fix = "use redact, or month or year for a date"
        report.error(here, f"column `{found.name}` is a {column_type}: only strings are masked so", fix)
    elif value in DATE_MASKS and column_type not in ("date", "timestamp"):
        report.error(
            here, f"column `{found.name}` is a {column_type}: only dates and times are cut to a {value}", "use redact"
        )
    elif value == "redact" and column_type != "string" and found.required:
        message = f"column `{found.name}` is a {column_type} and required: redact leaves nothing of it"
        report.error(here, message, "take `required` away, or leave the column out")
    else:
        return str(value)
    return None


def _people(report: Report, given: Mapping[str, tuple[Any, Where]], mask: str | None) -> int | None:
    if MASK_PEOPLE not in given:
        return None
    value, here = given[MASK_PEOPLE]
    if mask != "email":
        report.error(here, f"`{MASK_PEOPLE}` belongs to the mask email", "remove it")
    elif not isinstance(value, int) or isinstance(value, bool) or value < 2:
        report.error(here, f"`{MASK_PEOPLE}` is `{value}`", "write a whole number from 2")
    else:
        return value
    return None


def _exception(
    report: Report, found: SchemaProperty, given: Mapping[str, tuple[Any, Where]]
) -> PersonalException | None:
    if EXCEPTION not in given:
        return None
    value, here = given[EXCEPTION]
    if not isinstance(value, Mapping):
        report.error(
            here, f"the {EXCEPTION} of `{found.name}` does not say why and by whom", f"write `value: {_EXAMPLE}`"
        )
        return None
    for word in value:
        if word not in _WORDS:
            report.error(here, f"{EXCEPTION} has no `{word}`", choose(str(word), _WORDS))
    reason, approver = (str(value.get(word) or "").strip() for word in ("reason", "approvedBy"))
    for word, text in (("reason", reason), ("approvedBy", approver)):
        if not text:
            report.error(here, f"the {EXCEPTION} of `{found.name}` has no `{word}`", f"write `value: {_EXAMPLE}`")
    until = _day(report, here, value.get("until"))
    is_whole = reason and approver and set(value) <= set(_WORDS) and (until is not None or value.get("until") is None)
    return PersonalException(reason, approver, until) if is_whole else None


def _day(report: Report, here: Where, value: object) -> date | None:
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        report.error(here, f"{EXCEPTION}: `until` is `{value}`", "write a date, as 2027-06-30")
        return None
