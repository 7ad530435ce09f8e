"""Whether a query can be computed for single values of its inputs' `on`, and where it cannot.

A table is computed for the keys that changed: the query runs over just their rows. That is right where every row of the
result depends, in each input, on rows with its own values of `on` alone. Followed from the tables upwards: what a join
points at, what a clause that looks at many rows (GROUP BY, OVER, DISTINCT, LIMIT) divides them by, what comes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.sql.block import Block
from tidemark.sql.queries import DIALECT, full_name
from tidemark.sql.tracing.columns import ReadQuery
from tidemark.sql.tracing.origins import laid_beside, taken_from
from tidemark.sql.tracing.reach import (
    SAME_TYPE,
    LostError,
    Reach,
    Reaches,
    Tracked,
    Trouble,
    line_near,
    listed,
    renamed,
    shown,
)


def troubles(read: ReadQuery, tracked: Sequence[Tracked]) -> tuple[Trouble, ...]:
    """The clauses of a query with which the `on` of its inputs cannot be right, and inputs out of its sight."""
    if recursive := tuple(_recursive(read, tracked)):
        return recursive
    walk = Walk({each.table: each for each in tracked})
    _note_same_types(read)
    try:
        found = walk.relation(read.scope)
    except LostError:
        return tuple(_not_followed(read, walk))
    for reach in found:
        walk.arrives(read, reach)
    return tuple(dict.fromkeys((*walk.troubles, *_not_followed(read, walk))))


class Walk:
    """A query on the way from its tables to its result."""

    def __init__(self, tracked: Mapping[str, Tracked]) -> None:
        self.tracked = tracked
        self.troubles: list[Trouble] = []
        self.read: set[int] = set()
        self._known: dict[int, Reaches] = {}
        self._open: set[int] = set()

    def relation(self, scope: Scope) -> Reaches:
        """What a row of a scope's result depends on, by the names of its columns."""
        if id(scope) in self._open:
            raise LostError("a query that reads itself")
        if id(scope) not in self._known:
            self._open.add(id(scope))
            query = scope.expression
            if isinstance(query, exp.SetOperation):
                found = self._united(scope, query)
            elif isinstance(query, exp.Select):
                found = Block(self, scope, query).reaches()
            elif (inside := laid_beside(scope)) is not scope:
                found = self.relation(inside)
            elif isinstance(query, exp.Query):
                raise LostError(f"a {query.key}")
            else:
                found = []
            self._open.discard(id(scope))
            self._known[id(scope)] = found
        return self._known[id(scope)]

    def refuse(self, reach: Reach, node: exp.Expr, what: str, advice: str | None = None) -> None:
        """Notes that what `node` does cannot be right with the input's `on`; a doubt that there was before says why."""
        self.troubles.append(reach.doubt or self.trouble(reach, node, what, advice))

    def trouble(self, reach: Reach, node: exp.Expr, what: str, advice: str | None = None) -> Trouble:
        """What there is to say of a clause."""
        return Trouble(reach.table, f"{what}, but {_told(reach)}", advice, line_near(node))

    def arrives(self, read: ReadQuery, reach: Reach) -> None:
        """Holds what the whole query gives against the `on` of the table."""
        lost = [name for name in reach.on if name not in reach.carriers.get(name, ())]
        if reach.is_grain:
            for name in lost:
                selected = next((each for each in read.query.selects if each.alias_or_name.lower() == name), None)
                gives = f"`{shown(selected.unalias())}`" if selected is not None else "nothing"
                self.refuse(
                    reach,
                    read.query if selected is None else selected,
                    f"`{name}` of the result is {gives}, which need not be the `{name}` of the rows of {reach.table}"
                    " that it is computed from",
                    f"select the column itself as `{name}`",
                )
            return
        by_target = not lost and reach.outer and not reach.filtered
        if by_target and not reach.set_of and not reach.through:
            return
        columns = listed(reach.on)
        if reach.set_of is not None:
            what = f"which {columns} there are is asked of all rows of {reach.table}"
            self.refuse(replace(reach, on=self.tracked[reach.table].on), read.query, what)
        else:
            what = f"no input of the table's grain has {columns} as the join with {reach.table} compares it"
            self.refuse(reach, read.query, what, f"join by {columns} of the input that the rows come from")

    def _united(self, scope: Scope, query: exp.SetOperation) -> Reaches:
        if any(scope.expression is each.expression for each in scope.sources.values() if isinstance(each, Scope)):
            raise LostError("a query that reads itself")
        names = [name.lower() for name in query.named_selects]
        found: Reaches = []
        for branch in scope.set_operation_scopes:
            selects = branch.expression.named_selects if isinstance(branch.expression, exp.Query) else []
            places = {name.lower(): names[number] for number, name in enumerate(selects) if number < len(names)}
            found += [renamed(each, places) for each in self.relation(branch)]
        if not (isinstance(query, exp.Union) and not query.args.get("distinct")):
            found = [each for each in found if self.divides(each, query, names, (), query.key.upper())]
        for clause in ("limit", "offset"):
            if query.args.get(clause):
                found = [each for each in found if self.divides(each, query.args[clause], (), (), clause.upper())]
        return found

    def divides(self, reach: Reach, node: exp.Expr, keys: Collection[str], own: Collection[str], told: str) -> bool:
        """Whether what looks at many rows at once looks at those of one value of `on`; refuses it where not."""
        lacking = reach.uncovered(keys, own)
        if lacking:
            columns = listed(lacking)
            what = f"{told} takes rows of {reach.table} with different {columns} together"
            self.refuse(reach, node, what)
        return not lacking


def _not_followed(read: ReadQuery, walk: Walk) -> Iterator[Trouble]:
    """Inputs that a query reads where the walk does not come: in a form that it does not know, such as joins in
    parentheses.

    A CTE that nobody reads gives the result nothing.
    """
    names = {table.name.lower() for table in read.query.find_all(exp.Table) if not table.db}
    unread = {id(cte) for cte in read.query.find_all(exp.CTE) if cte.alias.lower() not in names}
    for table in read.query.find_all(exp.Table):
        tracked = walk.tracked.get(full_name(table))
        around: exp.Expr | None = table
        while around is not None and id(around) not in unread:
            around = around.parent
        if tracked is not None and id(table) not in walk.read and around is None:
            columns = listed(tracked.on)
            yield Trouble(
                tracked.table,
                f"{tracked.table} is read in a form that cannot be followed, so that nobody knows whether a row depends"
                f" on its own {columns} alone, as `on: [{', '.join(tracked.on)}]` says",
                "read it by FROM, JOIN, or a subquery, without parentheses of its own",
                line_near(table),
            )


def _told(reach: Reach) -> str:
    columns = ", ".join(reach.on)
    return f"`on: [{columns}]` of {reach.table} says that a row depends on its own {listed(reach.on)} alone"


def _note_same_types(read: ReadQuery) -> None:
    """Casts of a column to the type that it has are the column itself."""
    for scope in read.scope.traverse():
        for cast in scope.find_all(exp.Cast):
            if isinstance(cast.this, exp.Column):
                origins = taken_from(scope, f"{cast.this.table}.{cast.this.name}".lower())
                types = {read.schema.get(table, {}).get(column) for table, column in origins}
                same = types and all(each and exp.DataType.build(each, dialect=DIALECT) == cast.to for each in types)
                cast.meta[SAME_TYPE] = bool(same)


def _recursive(read: ReadQuery, tracked: Sequence[Tracked]) -> Iterator[Trouble]:
    """A recursive query goes on from row to row: nothing says that it stays with the rows of one key."""
    for cte in read.query.find_all(exp.CTE):
        tables = list(cte.this.find_all(exp.Table))
        if any(not table.db and table.name.lower() == cte.alias.lower() for table in tables):
            for each in tracked:
                if each.table in map(full_name, tables):
                    message = (
                        f"`{cte.alias}` reads itself, and can go on to rows of {each.table} with any {listed(each.on)}"
                    )
                    yield Trouble(each.table, message, None, line_near(cte))
