"""Which checks measure a value of somebody, and not how many rows there are: of these the outcome alone is kept.

What checks give is stored and told as it is, without a mask, whatever the layer of their table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tidemark.compile.soda import check_names, custom_checks, freshness_name, placed

if TYPE_CHECKING:
    from tidemark.config.contract.model import Check
    from tidemark.config.project import Table
    from tidemark.lint.privacy.personal import Sight

_COUNTS = frozenset((
    "row_count", "missing_count", "missing_percent", "invalid_count", "invalid_percent", "valid_count", "valid_percent",
    "duplicate_count", "duplicate_percent", "distinct_count",
))  # fmt: skip
_CALL, _WORD = re.compile(r"(\w+)\s*\("), re.compile(r"\w+")
_OF_ROWS = ("fail", "values in")


def hidden(sight: Sight, table: Table) -> frozenset[str]:
    """The checks of a table, by the names that the gate gives them, in whose values personal data may be seen."""
    return frozenset(_hidden(sight, table))


def _hidden(sight: Sight, table: Table) -> Iterator[str]:
    contract = table.contract
    for check in contract.checks:
        if check.kind == "sql" and sight.tells(placed(check.query or "", table.name, check.column)):
            yield check.name
        elif check.kind == "custom":
            yield from _custom(sight, table, check)
    if contract.freshness is not None and sight.given(table.name).seen(contract.freshness.column):
        yield freshness_name(contract.freshness)


def _custom(sight: Sight, table: Table, check: Check) -> Iterator[str]:
    items = custom_checks(check, table.name)
    for name, (text, given) in zip(check_names(check, len(items)), items, strict=True):
        if _is_of_values(sight, table, text) or any(_computes(sight, table, *each) for each in given.items()):
            yield name


def _is_of_values(sight: Sight, table: Table, text: str) -> bool:
    """Whether a line of SodaCL measures a personal column, and does more than count its rows."""
    if text.lower().startswith(_OF_ROWS) or not {*map(str.lower, _CALL.findall(text))} - _COUNTS:
        return False
    columns = sight.given(table.name)
    return any(columns.known(word) for word in map(str.lower, _WORD.findall(text)))


def _computes(sight: Sight, table: Table, key: str, value: Any) -> bool:
    """Whether a setting of a check is a metric of its own in SQL, and personal data is seen in that."""
    if not isinstance(value, str) or key.startswith("fail"):
        return False
    if key.endswith("query"):
        return sight.tells(value)
    return key.endswith("expression") and sight.tells(f"SELECT {value} FROM {table.name}")
