"""What can be seen in a column: personal columns, and marks that say what else is known of its values.

A mark stands among them as a column of no table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidemark.sql.tracing.derivation import Origin

Seen = frozenset[Origin]
NOTHING: Seen = frozenset()
MADE: Seen = frozenset({("", "made")})
"""Seen in what a query says itself, a literal. Held against a value, it tells that value."""
NULLS: Seen = frozenset({("", "nulls")})
"""Seen where a null says more of the values beside it than that there is none."""
KEY: Seen = frozenset({("", "key")})
"""Seen in what names one row of a table with personal data: what is counted by it is counted of one person."""
MIXED: Seen = frozenset({("", "mixed")})
"""Seen in what is made of a personal value and of what is none: whoever chooses rows by it looks values up."""
COMPUTED: Seen = frozenset({("", "computed")})
"""Seen in what is computed of personal values, and is none that somebody has: it joins no people with people."""
EMPTY: Seen = frozenset({("", "empty")})
"""Seen, beside `MADE`, in what is null because the query says so: no value that others could be held against."""
THING, _ROW = "of ", "row "


def are_people(sides: Sequence[Seen]) -> bool:
    """Whether the sides of an equality are values that people have: of one table, those of the same column."""
    if not all(personal(each) and not each & (MADE | COMPUTED | MIXED) for each in sides):
        return False
    owners = [{owner for owner, _ in personal(each)} for each in sides]
    return len({personal(each) for each in sides}) == 1 or not set.intersection(*owners)


def thing(node: object) -> Seen:
    """Seen in the columns of a relation without personal data, by its node in the query: they belong together."""
    return frozenset({("", f"{THING}{id(node)}")})


def row(node: object) -> Seen:
    """Seen in all columns of a relation, by its node in the query: what has the same is of the same row."""
    return frozenset({("", f"{_ROW}{id(node)}")})


def rows(seen: Seen) -> Seen:
    """The rows that a value is of."""
    return frozenset(each for each in seen if not each[0] and each[1].startswith(_ROW))


def mixes(parts: Sequence[tuple[Seen, bool]]) -> bool:
    """Whether what is seen in some parts is personal, and others are columns of other rows, or of none that is known.

    Of each part: what is seen in it, and whether it has columns.
    """
    of_people = [seen for seen, _ in parts if personal(seen)]
    known = union(rows(seen) for seen in of_people)
    return bool(of_people) and any(
        has_columns and not personal(seen) and not (rows(seen) and rows(seen) <= known) for seen, has_columns in parts
    )


def union(parts: Iterable[Seen]) -> Seen:
    """All of what is seen in any of them."""
    return NOTHING.union(*parts)


def personal(seen: Seen) -> Seen:
    """The personal columns in it."""
    return frozenset(origin for origin in seen if origin[0])


def telling(seen: Seen) -> Seen:
    """What a condition tells in which this is seen: personal columns, and what was mixed with them or set beside."""
    marks = frozenset(each for each in seen if not each[0] and (each in MIXED or each[1].startswith((THING, _ROW))))
    return personal(seen) | marks if personal(seen) else NOTHING
