"""What contracts say of people who are erased: where it means something, and values that the column can have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidemark.config.contract import Column
from tidemark.config.contract.privacy import ERASURE
from tidemark.errors import Finding
from tidemark.lint.inspection import Inspection
from tidemark.lint.privacy.subjects import INTEGERS, is_own


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about the `erasure` of columns: a computed table follows its inputs, whatever its contract says."""
    for table in inspection.read.tables.values():
        for column in table.contract.columns:
            if column.erasure is None:
                continue
            if not is_own(table):
                message = f"`{ERASURE}` of {table.name}.{column.name} has no meaning: the table is computed"
                fix = "say it in the contract of the table that is received"
                yield Finding(table.contract.path, column.line, message, fix)
            elif why := _unfit(column):
                message = f"rows of an erased person would break a rule of their own: {why}"
                fix = "replace by a value that `validate` and the rules take, and that is nobody's"
                yield Finding(table.contract.path, column.line, message, fix)


def _unfit(column: Column) -> str | None:
    """Why the column cannot have the value that stands for an erased person; None where it can."""
    value = column.erasure.replace_by if column.erasure else None
    if value is None:
        return None
    told = f"`{value}` in `{column.name}`"
    if column.type in INTEGERS and re.fullmatch(r"-?\d+", value) is None:
        return f"{told}, a {column.type}"
    if column.type not in (*INTEGERS, "string"):
        return f"{told}, a {column.type}"
    if column.enum and value not in column.enum:
        return f"{told} is none of its values"
    if column.pattern is not None and not _matches(column.pattern, value):
        return f"{told} does not match {column.pattern}"
    if column.min_length is not None and len(value) < column.min_length:
        return f"{told} is too short"
    if column.max_length is not None and len(value) > column.max_length:
        return f"{told} is too long"
    return None


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True  # it is Java's, and the rules will say
