"""Which rows of an input a row of a relation depends on, told by columns of the relation.

A place is a column of a relation as text: `alias.column` inside a query, `column` of what it gives. A full join has
the value of either side: `coalesce(a.x,b.x)` is a place too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.errors import TidemarkError
from tidemark.sql.queries import DIALECT

Places = frozenset[str]
Relation = tuple[str, exp.Table | Scope]
"""A relation that a query reads, and the alias that it has there."""
SAME_TYPE = "same_type"
"""Noted with a cast of a column to the type that it has."""
_COMPUTED = "="
_LONGEST = 60  # characters of a clause that a message shows


@dataclass(frozen=True)
class Tracked:
    """An input whose changes reach a table through the values of `on`; `required`: its columns without nulls.

    `is_grain`: the table's rows are computed for whole values of these columns.
    """

    table: str
    on: tuple[str, ...]
    is_grain: bool
    columns: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Trouble:
    """A clause by which a row depends on rows of `table` that a change of its key does not name; `advice` mends it."""

    table: str
    message: str
    advice: str | None
    line: int


class LostError(TidemarkError):
    """A query has a form that cannot be followed: nothing is said of it."""


@dataclass(frozen=True)
class Reach:
    """A row of a relation depends on the rows of `table` whose `on` columns have the values of its `carriers`.

    Each column has all the places that hold its value; a place of a query around the relation is the same for all of
    its rows. `through`: tables of the grain whose rows lead from a value of `on` to the grain, if they have the same
    `columns`. `set_of`: the relation whose values, once each, these are. `outer`: rows are there without a partner in
    `table` too. `seen`: places whose values come from `table`; `filtered`: which rows there are depends on one.
    `doubt`: there are rows of which the places say nothing; they are null there, so that who goes on by them is right.
    """

    table: str
    on: tuple[str, ...]
    carriers: Mapping[str, Places]
    is_grain: bool
    through: frozenset[str] = frozenset()
    set_of: Relation | None = field(default=None, compare=False)
    outer: bool = False
    filtered: bool = False
    doubt: Trouble | None = field(default=None, compare=False)
    seen: Places = frozenset()

    def has_all(self) -> bool:
        """Whether every column of `on` has a place."""
        return all(self.carriers.get(name) for name in self.on)

    def missing(self) -> list[str]:
        """The columns of `on` that have no place."""
        return [name for name in self.on if not self.carriers.get(name)]

    def placed(self, change: Callable[[Places], Places]) -> Reach:
        """The same with other places of its columns."""
        return replace(self, carriers={name: change(places) for name, places in self.carriers.items()})

    def uncovered(self, keys: Collection[str], own: Collection[str]) -> list[str]:
        """The columns of `on` whose value may differ among rows that are equal in the places `keys`.

        `own` are the aliases of the relation: what stands outside is the same for all rows.
        """
        return [
            name
            for name in self.on
            if not any(place in keys or is_outside(place, own) for place in self.carriers.get(name, ()))
        ]


Reaches = list[Reach]
# Aggregates of Spark that the parser knows as some function.
_AGGREGATES = frozenset(
    (
        "any",
        "count_min_sketch",
        "every",
        "histogram_numeric",
        "hll_sketch_agg",
        "hll_union_agg",
        "kll_sketch_agg_bigint",
        "kll_sketch_agg_double",
        "kll_sketch_agg_float",
        "mean",
        "schema_of_variant_agg",
        "some",
        "std",
        "theta_intersection_agg",
        "theta_sketch_agg",
        "theta_union_agg",
        "try_avg",
        "try_sum",
    )
)


def aliases_of(place: str) -> set[str]:
    """The aliases that a place names."""
    if place.startswith(_COMPUTED):
        return set(place.removeprefix(_COMPUTED).partition("|")[0].split(","))
    text = place.removeprefix("coalesce(").removesuffix(")")
    return {part.rpartition(".")[0] for part in text.split(",")}


def is_outside(place: str, own: Collection[str]) -> bool:
    """Whether a place is of a query around the one whose aliases are `own`."""
    return is_inside(place) and not aliases_of(place) & set(own)


def is_inside(place: str) -> bool:
    """Whether a place is of a relation that a query reads, and not a column that it gives."""
    return "." in place


def computed_place(node: exp.Expr | None) -> str | None:
    """The place of an expression of columns, which has one value for a row: equal expressions are the same place."""
    if node is None or any(isinstance(part, exp.Query | exp.Window) or is_aggregate(part) for part in node.walk()):
        return None
    aliases = sorted({column.table.lower() for column in node.find_all(exp.Column)})
    text = node.unalias().sql(DIALECT, comments=False).lower()
    return f"{_COMPUTED}{','.join(aliases)}|{text}" if aliases else None


def place_of(node: exp.Expr | None) -> str | None:
    """The place that an expression is; None where it computes something."""
    while isinstance(node, exp.Paren | exp.Alias) or (isinstance(node, exp.Cast) and node.meta.get(SAME_TYPE)):
        node = node.this
    if isinstance(node, exp.Column):
        return f"{node.table}.{node.name}".lower()
    if isinstance(node, exp.Coalesce):
        parts = list(_flat(node))
        if all(isinstance(part, exp.Column) for part in parts):
            return either(f"{part.table}.{part.name}".lower() for part in parts)
    return None


def either(places: Iterable[str]) -> str:
    """The place that holds the first value there is of some places."""
    parts = {part for place in places for part in place.removeprefix("coalesce(").removesuffix(")").split(",")}
    return f"coalesce({','.join(sorted(parts))})" if len(parts) > 1 else next(iter(parts))


def _flat(node: exp.Coalesce) -> Iterator[exp.Column]:
    for part in (node.this, *node.expressions):
        if isinstance(part, exp.Coalesce):
            yield from _flat(part)
        else:
            yield part


def conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The parts of a condition that must all be true."""
    left = [condition] if condition is not None else []
    while left:
        part = left.pop()
        if isinstance(part, exp.Paren | exp.And):
            left += reversed(list(part.iter_expressions()))
        else:
            yield part


def is_condition(node: exp.Expr) -> bool:
    """Whether an expression only decides, together with others, whether something is so: unknown is as good as no."""
    at = node
    while isinstance(at.parent, exp.And | exp.Or | exp.Paren):
        at = at.parent
    decides = isinstance(at.parent, exp.Where | exp.Having | exp.Qualify)
    return decides or (isinstance(at.parent, exp.Join) and at.arg_key == "on") or _is_case(at)


def _is_case(node: exp.Expr) -> bool:
    """Whether a node is the condition of a branch of CASE (without a value that is compared) or of IF."""
    branch = node.parent
    if not isinstance(branch, exp.If) or node.arg_key != "this":
        return False
    return not (isinstance(branch.parent, exp.Case) and branch.parent.this is not None)


def equalities(condition: exp.Expr | None) -> list[tuple[str, str]]:
    """The pairs of places that a condition demands to be equal."""
    found = []
    for part in conjuncts(condition):
        if isinstance(part, exp.EQ | exp.NullSafeEQ):
            pairs = zip(_members(part.left), _members(part.right), strict=False)
            sides = [(_side(left), _side(right)) for left, right in pairs]
            found += [(one, other) for one, other in sides if one and other]
    return found


def _side(node: exp.Expr) -> str | None:
    return place_of(node) or computed_place(node)


def _members(node: exp.Expr) -> list[exp.Expr]:
    return list(node.expressions) if isinstance(node, exp.Tuple) else [node]


def closed(places: Places, leads: Mapping[str, Collection[str]]) -> Places:
    """The places, and those that hold the same value by `leads`: from one place to others."""
    found, waiting = set(places), list(places)
    while waiting:
        new = set(leads.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return frozenset(found)


def places_read(node: exp.Expr | None) -> set[str]:
    """The places of all columns in an expression."""
    return set() if node is None else {f"{each.table}.{each.name}".lower() for each in node.find_all(exp.Column)}


def outside(places: Places, own: Collection[str]) -> Places:
    """Those of the places that are of a query around the one whose aliases are `own`."""
    return frozenset(place for place in places if is_outside(place, own))


def renamed(reach: Reach, names: Mapping[str, str]) -> Reach:
    """The reach of a relation by other names of its columns; places of queries around it stay."""

    def changed(places: Places) -> Places:
        return frozenset(names.get(place, place) for place in places if place in names or is_inside(place))

    return replace(reach.placed(changed), seen=frozenset(names[name] for name in reach.seen if name in names))


def group_keys(group: exp.Group | None, select: exp.Select) -> set[str]:
    """The places whose values all rows of a group share: not those that a set of ROLLUP or GROUPING SETS lacks."""
    if group is None or group.args.get("rollup") or group.args.get("cube"):
        return set()
    if group.args.get("all"):
        return _places(each for each in select.selects if not any(map(is_aggregate, each.walk())))
    keys: set[str] = set()
    for part in (*group.expressions, *(group.args.get("grouping_sets") or [])):
        if isinstance(part, exp.GroupingSets):
            keys |= set.intersection(*(_places(_members(each.unnest())) for each in part.expressions))
        elif not isinstance(part, exp.Rollup | exp.Cube):
            keys |= _places([part])
    return keys


def _places(nodes: Iterable[exp.Expr]) -> set[str]:
    return {place for node in nodes if (place := place_of(node))}


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a function makes one value of those of many rows."""
    return isinstance(node, exp.AggFunc) or (isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES)


def in_window(node: exp.Expr) -> bool:
    """Whether a function is what a window computes, and not an aggregate of its own."""
    at, parent = node, node.parent
    while isinstance(parent, exp.IgnoreNulls | exp.RespectNulls | exp.Filter | exp.WithinGroup):
        at, parent = parent, parent.parent
    return isinstance(parent, exp.Window) and parent.this is at


def line_near(node: exp.Expr) -> int:
    """The line of a part of a query; where nothing in it was written with a name, of what it stands in."""
    at: exp.Expr | None = node
    while at is not None:
        for part in at.walk():
            if "line" in part.meta:
                return int(part.meta["line"])
        at = at.parent
    return 1


def shown(node: exp.Expr) -> str:
    """A clause as a message shows it."""
    text = " ".join(node.sql(DIALECT).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def listed(names: Iterable[str]) -> str:
    """Names as a message lists them."""
    return " and ".join(f"`{name}`" for name in names)
