"""Which columns of its inputs a resolved plan hands on as values, column by column of what it gives.

Columns are followed by the numbers that Spark has given them, and by their places where it gives new ones. Filters,
conditions of joins, groups and orders hand on nothing. Of an operator that is not known here every column may be any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidemark.spark.resolved.nodes import Expression, Operator, is_tree, kind, number, operator
from tidemark.spark.resolved.values import NOTHING, Carried, Names, union, value

Rows = tuple[tuple[int | None, Carried], ...]
"""The columns of an operator: the number by which those above name each, and what it carries."""
_PASSING = frozenset((
    "Distinct", "Deduplicate", "Sort", "Filter", "SubqueryAlias", "View", "GlobalLimit", "LocalLimit", "Offset", "Tail",
    "Sample", "Repartition", "RepartitionByExpression", "RebalancePartitions", "ResolvedHint", "CTERelationDef",
))  # fmt: skip
_WITHOUT_INPUT = frozenset(("LocalRelation", "Range", "OneRowRelation"))
_LEFT_ALONE = frozenset(("LeftSemi", "LeftAnti"))


@dataclass
class Flow:
    """Follows one plan. `ctes`: what named relations carry, by number, those of the inputs too."""

    unknown: Carried
    ctes: dict[int, list[Carried]]
    loops: dict[int, list[Carried]] = field(default_factory=dict)

    def given(self, plan: Expression, width: int) -> list[Carried]:
        """What each of the `width` columns of a plan carries."""
        try:
            found = [carried for _, carried in self.rows(operator(plan), None)]
        except (LookupError, TypeError, ValueError, RecursionError):
            found = []  # a plan of another form than Spark 4.1 gives them, or too deep: nobody can tell
        return found if len(found) == width else [self.unknown] * width

    def rows(self, node: Operator, outer: Names | None) -> Rows:
        """The columns of an operator, in a query that stands in others (`outer`)."""
        name = node.kind
        if name in _PASSING and len(node.children) == 1:
            return self.rows(node.children[0], outer)
        if name in _WITHOUT_INPUT:
            output = [] if name == "OneRowRelation" else node.expressions("output")
            return tuple((number(each), NOTHING) for each in output)
        known = _RULES.get(name)
        return known(self, node, outer) if known is not None else self._unknown(node, outer)

    def _unknown(self, node: Operator, outer: Names | None) -> Rows:
        below = [each for child in node.children for each in self.rows(child, outer)]
        return tuple((told, self.unknown) for told, _ in below) or ((None, self.unknown),)

    def _names(self, rows: Rows, outer: Names | None) -> Names:
        here: dict[int, Carried] = {}
        for told, carried in rows:
            if told is not None:
                here[told] = here.get(told, NOTHING) | carried
        return Names(self.unknown, here, outer)

    def _values(self, expressions: Iterable[Expression], names: Names) -> Rows:
        return tuple((number(each), value(each, names, self._subquery)) for each in expressions)

    def _subquery(self, plan: Expression, names: Names) -> Carried:
        return union(carried for _, carried in self.rows(operator(plan), names))

    def _numbered(self, node: Operator, carried: Sequence[Carried] | None) -> Rows:
        """The columns that an operator says it gives, with what is carried in their places."""
        output = node.expressions("output")
        if carried is None or len(carried) != len(output):
            carried = [self.unknown] * len(output)
        return tuple((number(each), one) for each, one in zip(output, carried, strict=True))

    # By operator

    def project(self, node: Operator, outer: Names | None) -> Rows:
        """A SELECT list, or a list of aggregates."""
        names = self._names(self.rows(node.children[0], outer), outer)
        return self._values(
            node.expressions("projectList" if node.kind == "Project" else "aggregateExpressions"), names
        )

    def window(self, node: Operator, outer: Names | None) -> Rows:
        """Windows stand behind the columns that they are computed over."""
        below = self.rows(node.children[0], outer)
        return (*below, *self._values(node.expressions("windowExpressions"), self._names(below, outer)))

    def generate(self, node: Operator, outer: Names | None) -> Rows:
        """A generator's columns stand behind those of the rows that it is asked for."""
        below = self.rows(node.children[0], outer)
        if node.node.get("unrequiredChildIndex") or not is_tree(node.node.get("generator")):
            return self._unknown(node, outer)
        generator = node.node["generator"]
        made = value(generator, self._names(below, outer), self._subquery)
        columns = [(number(each), made) for each in node.expressions("generatorOutput")]
        if kind(generator[0]) == "PosExplode" and columns:
            columns[0] = (columns[0][0], NOTHING)  # the place in a list
        return (*below, *columns)

    def expand(self, node: Operator, outer: Names | None) -> Rows:
        """Each row becomes several, by as many lists of expressions."""
        names = self._names(self.rows(node.children[0], outer), outer)
        lists = [self._values(each, names) for each in node.node["projections"]]
        return self._numbered(node, _by_place([[carried for _, carried in each] for each in lists]))

    def union(self, node: Operator, outer: Names | None) -> Rows:
        """The columns of the first are those of all, by their places."""
        found = [self.rows(each, outer) for each in node.children]
        carried = _by_place([[one for _, one in each] for each in found]) or [self.unknown] * len(found[0])
        return tuple((told, one) for (told, _), one in zip(found[0], carried, strict=True))

    def first(self, node: Operator, outer: Names | None) -> Rows:
        """What EXCEPT and INTERSECT leave of the first."""
        return self.rows(node.children[0], outer)

    def join(self, node: Operator, outer: Names | None) -> Rows:
        """Both sides, or the left one alone."""
        left, right = (self.rows(each, outer) for each in node.children)
        joined = node.node.get("joinType") or {}
        name = str(joined.get("object") or joined.get("product-class")).removesuffix("$").rpartition(".")[2]
        if name == "ExistenceJoin":
            return self._unknown(node, outer)
        return left if name in _LEFT_ALONE else (*left, *right)

    def lateral(self, node: Operator, outer: Names | None) -> Rows:
        """The left side, and a query that is asked for each of its rows."""
        left, lateral = self.rows(node.children[0], outer), node.node["right"][0]
        return (*left, *self.rows(operator(lateral["plan"]), self._names(left, outer)))

    def with_ctes(self, node: Operator, outer: Names | None) -> Rows:
        """The query behind its WITH; each entry knows those before it."""
        *entries, query = node.children
        for each in entries:
            self.ctes[each.node["id"]] = [carried for _, carried in self.rows(each, outer)]
        return self.rows(query, outer)

    def cte(self, node: Operator, outer: Names | None) -> Rows:
        """A name of a WITH, or of an input."""
        return self._numbered(node, self.ctes.get(node.node["cteId"]))

    def loop(self, node: Operator, outer: Names | None) -> Rows:
        """A recursive query, asked until it carries no more."""
        anchor, recursion = node.children
        told, name = node.node.get("outputAttrIds") or (), node.node["id"]
        carried, before = [one for _, one in self.rows(anchor, outer)], None
        while carried != before:  # each round adds to a column, or is the last
            self.loops[name] = before = carried
            again = [one for _, one in self.rows(recursion, outer)]
            carried = _by_place([before, again]) or [self.unknown] * len(before)
        if len(told) != len(carried):
            return tuple((None, self.unknown) for _ in carried)
        return tuple((each["id"], one) for each, one in zip(told, carried, strict=True))

    def loop_again(self, node: Operator, outer: Names | None) -> Rows:
        """A recursive query where it names itself."""
        return self._numbered(node, self.loops.get(node.node["loopId"]))


_RULES: Mapping[str, Callable[[Flow, Operator, Names | None], Rows]] = {
    "Project": Flow.project, "Aggregate": Flow.project, "Window": Flow.window, "Generate": Flow.generate,
    "Expand": Flow.expand, "Union": Flow.union, "Except": Flow.first, "Intersect": Flow.first, "Join": Flow.join,
    "LateralJoin": Flow.lateral, "WithCTE": Flow.with_ctes, "CTERelationRef": Flow.cte, "UnionLoop": Flow.loop,
    "UnionLoopRef": Flow.loop_again,
}  # fmt: skip


def _by_place(lists: Sequence[Sequence[Carried]]) -> list[Carried] | None:
    """What the places of several lists carry; None where they are not of one length."""
    if len({len(each) for each in lists}) != 1:
        return None
    return [union(each) for each in zip(*lists, strict=True)]
