"""The limits of a table as checks of its batch: what it deletes and rejects, and whether its extract is empty.

A limit that was passed fails the gate, or warns where the run was told to let it pass. One that holds without being
written in the load file is told of only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidemark.compute.gate.scan import CheckResult

if TYPE_CHECKING:
    from collections.abc import Collection

    from tidemark.config.limits import Limit, LimitName, Limits
    from tidemark.config.project import Table
    from tidemark.write.manifest import Prepared


def limit_checks(table: Table, prepared: Prepared, allowed: Collection[str]) -> tuple[CheckResult, ...]:
    """The limits that the batch is held against; `allowed` names those that this run lets pass."""
    is_emptied = _is_emptied(table, prepared)
    return tuple(_checks(table.load.guards, prepared, allowed, is_emptied=is_emptied))


def _is_emptied(table: Table, prepared: Prepared) -> bool:
    """Whether a table that has rows would have none.

    A computed one is often computed in part, of which no row may be left: there the rows that it has are counted.
    """
    books = prepared.books
    gives = books.accepted if prepared.operation == "overwrite" else books.extracted
    is_whole = table.load.source is not None or prepared.operation == "overwrite" or books.vanished == prepared.at_stake
    return books.vanished > 0 and not gives and is_whole


def _checks(guards: Limits, prepared: Prepared, allowed: Collection[str], *, is_emptied: bool) -> Iterator[CheckResult]:
    books = prepared.books
    if is_emptied or "empty" in guards.told:
        told = (
            f"{books.extracted} rows came, {books.vanished} rows of the table would go"
            if is_emptied
            else f"{books.extracted} rows came"
        )
        is_over = is_emptied and not guards.may_be_empty
        if is_over or "empty" in guards.told:
            yield _check("empty", "the extract is not empty", told, is_over, allowed)
    if guards.deleted is not None and not is_emptied:
        gone = books.vanished - books.inserted if prepared.operation == "overwrite" else books.gone
        yield from _rows("deleted", guards, guards.deleted, max(gone, 0), prepared.at_stake, allowed)
    if guards.rejected is not None and "replay" not in prepared.identity:
        yield from _rows("rejected", guards, guards.rejected, books.quarantined, books.extracted, allowed)


def _rows(
    name: LimitName, guards: Limits, limit: Limit, count: int, total: int | None, allowed: Collection[str]
) -> Iterator[CheckResult]:
    is_over = limit.is_passed_by(count, total or 0)
    if is_over or name in guards.told:
        of_all = f" of {total} ({count / total:.1%})" if total else ""
        yield _check(name, f"{name} rows at most {limit}", f"{count}{of_all}", is_over, allowed)


def _check(name: LimitName, words: str, value: str, is_over: bool, allowed: Collection[str]) -> CheckResult:
    if not is_over:
        return CheckResult(words, "pass", value, name)
    if name in allowed:
        return CheckResult(words, "warn", f"{value}, let pass by --allow {name}", name)
    return CheckResult(words, "fail", value, name)
