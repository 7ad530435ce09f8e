"""Whose values an expression of a resolved plan carries: those of its parts, but for what only tells of them.

What compares, counts and numbers carries no value, and a condition chooses between values. An expression that is not
known here carries what its parts do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidemark.spark.resolved.nodes import Expression, Node, has_hidden, is_tree, kind

Origin = tuple[str, str]
Carried = frozenset[Origin]
NOTHING: Carried = frozenset()

_CONDITIONS = frozenset((
    "EqualTo", "EqualNullSafe", "LessThan", "LessThanOrEqual", "GreaterThan", "GreaterThanOrEqual", "Between", "And",
    "Or", "Not", "In", "InSet", "InSubquery", "ListQuery", "Exists", "IsNull", "IsNotNull", "IsNaN", "Like", "ILike",
    "RLike", "LikeAll", "LikeAny", "NotLikeAll", "NotLikeAny", "Contains", "StartsWith", "EndsWith", "ArrayContains",
    "ArraysOverlap", "ArrayExists", "ArrayForAll", "AtLeastNNonNulls", "MapContainsKey",
))  # fmt: skip
_COUNTS = frozenset((
    "Count", "HyperLogLogPlusPlus", "RegrCount", "Size", "ArraySize", "HllSketchEstimate", "ThetaSketchEstimate",
    "BitmapCount",
))  # fmt: skip
_PLACES = frozenset(("RowNumber", "Rank", "DenseRank", "PercentRank", "CumeDist", "NTile"))
_ORDERS = frozenset(("SortOrder", "WindowSpecDefinition", "TypeOf", "NamedLambdaVariable"))  # a lambda is given values
_WITHOUT_VALUE = _CONDITIONS | _COUNTS | _PLACES | _ORDERS
_PARTS: Mapping[str, Callable[[Sequence[Carried]], Sequence[Carried]]] = {
    "If": lambda parts: parts[1:],
    "CaseWhen": lambda parts: [*parts[1::2], *(parts[-1:] if len(parts) % 2 else ())],
    "WindowExpression": lambda parts: parts[:1],
    "AggregateExpression": lambda parts: parts[:1],  # behind it stands its FILTER
    "MaxBy": lambda parts: parts[:1],
    "MinBy": lambda parts: parts[:1],
    "PivotFirst": lambda parts: parts[1:],
}
_NAMED = frozenset(("Alias", *_PARTS))  # of which all that matters stands among the children


@dataclass(frozen=True)
class Names:
    """What the numbers of columns mean where an expression stands, and in the queries around it.

    A number without a meaning may be any column that there is: `unknown`.
    """

    unknown: Carried
    here: Mapping[int, Carried]
    outer: Names | None = None

    def column(self, number: int | None) -> Carried:
        """What a column of the operator below carries."""
        return self.here.get(number, self.unknown) if number is not None else self.unknown

    def around(self) -> Names:
        """What numbers mean in the queries around this one: in any of them."""
        here: dict[int, Carried] = {}
        names = self.outer
        while names is not None:
            for told, carried in names.here.items():
                here[told] = here.get(told, NOTHING) | carried
            names = names.outer
        return Names(self.unknown, here, self.outer)


def union(parts: Iterable[Carried]) -> Carried:
    """What any of these carries."""
    return NOTHING.union(*parts)


def value(expression: Expression, names: Names, subquery: Callable[[Expression, Names], Carried]) -> Carried:
    """What an expression carries; `subquery` says it of a plan in it, over the names that stand around that."""
    parts: list[Carried] = []
    for node in reversed(expression):
        children = [parts.pop() for _ in range(node["num-children"])]
        parts.append(_carried(node, children, names, subquery))
    return parts[0]


def _carried(
    node: Node, parts: Sequence[Carried], names: Names, subquery: Callable[[Expression, Names], Carried]
) -> Carried:
    name = kind(node)
    if name in _WITHOUT_VALUE:
        return NOTHING
    if name == "AttributeReference":
        told = node.get("exprId")
        return names.column(told["id"] if isinstance(told, dict) else None)
    if name == "OuterReference" and is_tree(node.get("e")):
        return value(node["e"], names.around(), subquery)
    if name == "ScalarSubquery" and is_tree(node.get("plan")):
        return subquery(node["plan"], names)
    if name in _PARTS:
        return union(_PARTS[name](parts))
    return names.unknown if name not in _NAMED and has_hidden(node) else union(parts)
