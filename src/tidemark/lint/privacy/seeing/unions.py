"""What UNION, EXCEPT and INTERSECT give: both sides, and what tells of which of them a row is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp

from tidemark.lint.privacy.seeing.marks import EMPTY, KEY, MADE, MIXED, NOTHING, NULLS, Seen, personal, rows, union
from tidemark.lint.privacy.seeing.scope import Given, beside
from tidemark.sql.queries import full_name

_SOURCES = ("from_", "joins", "laterals", "with_", "group", "having", "windows", "qualify")


def united(node: exp.SetOperation, left: Given, right: Given) -> Given:
    """What both sides give; what a query says itself, or looks up, tells of which side a row is or was not."""
    there, times = left.there | right.there, left.times | right.times
    if isinstance(node, exp.Except):
        told = personal(right.all) if left.all >= MADE or _looks_up(left, right) else NOTHING
        return replace(left.with_more(told), there=there | told, times=times | personal(there))
    left, right = _labelled(left, right), _labelled(right, left)
    if node.args.get("distinct") is not False:
        times |= mixed(left, right)
    both = beside([left, right])
    if node.args.get("by_name"):
        names = dict.fromkeys((*left.names, *right.names))
        alike, chosen = _alike_by_name(node), _chosen(node, left, right)
        pairs = {name: (left.known(name) or MADE | EMPTY, right.known(name) or MADE | EMPTY) for name in names}
        seen = {name: one | other | _beside_others(one, other) for name, (one, other) in pairs.items()}
        columns = tuple((name, each if name in alike else each | chosen) for name, each in seen.items())
        given = Given(columns, both.rest)
    elif both.is_whole and len(left.columns) == len(right.columns):
        given = _paired(node, left, right)
    else:
        given = Given(tuple((name, both.all) for name in left.names), both.all)
    return replace(given, there=there, times=times | there)


def mixed(left: Given, right: Given) -> Seen:
    """What is personal on one side of a set, and is there held against what is none on the other."""
    if left.is_whole and right.is_whole and len(left.columns) == len(right.columns):
        pairs = zip(left.columns, right.columns, strict=True)
        return personal(union(one | other for (_, one), (_, other) in pairs if _beside_others(one, other)))
    return personal(left.all | right.all)


def _beside_others(one: Seen, other: Seen) -> Seen:
    """Seen in a column that has values of people from one side of a set, and others from the other one."""
    if bool(personal(one)) == bool(personal(other)):
        return NOTHING
    of_none = other if personal(one) else one
    return NOTHING if of_none - rows(of_none) == MADE | EMPTY else MIXED | MADE | NULLS


def _looks_up(left: Given, right: Given) -> bool:
    """Whether a side holds what is not personal against what is, in the same place of the other one."""
    if left.is_whole and right.is_whole and len(left.columns) == len(right.columns):
        pairs = zip(left.columns, right.columns, strict=True)
        return any(personal(other) and not personal(one) for (_, one), (_, other) in pairs)
    return bool(left.rest is not None or right.rest is not None or not personal(left.all))


def _paired(node: exp.SetOperation, left: Given, right: Given) -> Given:
    """The columns of both sides, place by place: where they are not alike, the condition of their rows is told."""
    chosen = _chosen(node, left, right)
    pairs = zip(left.columns, right.columns, _alike(node, len(left.columns)), strict=True)
    columns = tuple(
        (name, one | other | _beside_others(one, other) | (NOTHING if alike else chosen))
        for (name, one), (_, other), alike in pairs
    )
    rest = None if left.rest is None else union(seen for name, seen in columns if not name)
    return Given(columns, rest, is_placed=left.is_placed)


def _chosen(node: exp.SetOperation, left: Given, right: Given) -> Seen:
    """What tells on which side of a UNION a row is: values that both ask for, or one of people whom both sides name."""
    there = personal(left.there | right.there)
    if personal(left.there & right.there):
        return there
    pairs = zip(left.columns, right.columns, strict=False)
    name_people = any(one >= KEY or other >= KEY for (_, one), (_, other) in pairs)
    read = [{full_name(table) for table in _tables(side)} for side in (node.this, node.expression)]
    return there if name_people and (set.intersection(*read) or _names_the_same(node, left, right)) else NOTHING


def _names_the_same(node: exp.SetOperation, left: Given, right: Given) -> bool:
    """Whether both sides name people by a column of the same name, in the same place."""
    sides = (each.unnest() if isinstance(each, exp.Subquery) else each for each in (node.this, node.expression))
    named = [each.selects if isinstance(each, exp.Query) else [] for each in sides]
    places = zip(left.columns, right.columns, *named, strict=False)
    return any(
        one >= KEY and other >= KEY and first.unalias().name.lower() == second.unalias().name.lower()
        for (_, one), (_, other), first, second in places
    )


def _tables(node: exp.Expr) -> Iterator[exp.Table]:
    """The tables that a part of a query reads, also those behind the names of its own and of queries around it."""
    ctes = {cte.alias.lower(): cte for cte in node.root().find_all(exp.CTE)}
    for table in node.find_all(exp.Table):
        cte = None if table.db else ctes.get(table.name.lower())
        yield from cte.this.find_all(exp.Table) if cte is not None else (table,)


def _labelled(given: Given, other: Given) -> Given:
    """One side of a UNION: what the query itself says in it, or in the other, tells the condition of its rows."""
    opposite = [seen for _, seen in other.columns] if other.is_whole else [other.all] * len(given.columns)
    both = zip(given.columns, opposite, strict=False)
    told = given.there | (NULLS if personal(given.there) else NOTHING)
    return given.with_more(told, [name for (name, seen), beside_it in both if seen | beside_it >= MADE])


def _alike(node: exp.SetOperation, width: int) -> list[bool]:
    """Whether both sides of a UNION select the same, place by place, as far as their texts tell."""
    sides = _alike_sides(node)
    if sides is None:
        return [False] * width
    pairs = zip(*(side.expressions for side in sides), strict=False)
    found = [one.unalias() == other.unalias() for one, other in pairs]
    return found if len(found) == width else [False] * width


def _alike_by_name(node: exp.SetOperation) -> set[str]:
    """The names by which both sides of a UNION BY NAME select the same, as far as their texts tell."""
    sides = _alike_sides(node)
    if sides is None:
        return set()
    one, other = ({each.alias_or_name.lower(): each.unalias() for each in side.expressions} for side in sides)
    return {name for name, each in one.items() if other.get(name) == each}


def _alike_sides(node: exp.SetOperation) -> tuple[exp.Select, exp.Select] | None:
    """Both sides of a UNION where the same name means the same on both; None where it may not."""
    left, right = (side.unnest() if isinstance(side, exp.Subquery) else side for side in (node.this, node.expression))
    if not (isinstance(left, exp.Select) and isinstance(right, exp.Select)):
        return None
    if any(left.args.get(each) != right.args.get(each) for each in _SOURCES) or _reads_its_own(left, right):
        return None
    return left, right


def _reads_its_own(*selects: exp.Select) -> bool:
    """Whether a column of a SELECT may be made of another one that it makes itself."""
    for select in selects:
        made = {each.alias.lower() for each in select.expressions if isinstance(each, exp.Alias)}
        read = [column for each in select.expressions for column in each.unalias().find_all(exp.Column)]
        if any(len(column.parts) == 1 and column.name.lower() in made for column in read):
            return True
    return False
