"""Which personal columns can be seen in the columns that a query gives.

Values are followed as Spark resolves names. Where that cannot be done, everything that could be meant is taken to be
seen: what nobody can tell counts as personal. What only chooses rows (`WHERE`, `ON`, `GROUP BY`, the order and the
partition of a window) is not seen, nor is how many there are (`count`) or whether there is something (`IS NULL`). What
is computed from a value is seen, whatever the function: a digest, a comparison, a length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sqlglot import exp

from tidemark.sql.queries import full_name
from tidemark.sql.tracing.reach import conjuncts
from tidemark.sql.tracing.scope import MADE, NOTHING, Given, Scope, Seen, union

_HOW_MANY = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RegrCount, exp.Grouping, exp.GroupingId)
_HOW_MANY_NAMES = frozenset(("count_if", "approx_count_distinct", "regr_count", "grouping_id"))
_NULL_TESTS = frozenset(("isnull", "isnotnull"))
# What is null where what it is made of is null, and nowhere else: that says nothing more of a value.
_KEEPS_NULLS = (exp.Column, exp.Identifier, exp.Dot, exp.Paren, exp.Lower, exp.Upper, exp.Trim, exp.Coalesce)
# An order that is told in numbers is a pseudonym of the value; the number of a row is not.
_PLACES = (exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Count, exp.CountIf)
# Parts of an expression that choose a value without being in it.
_CHOOSES: Mapping[type[exp.Expr], tuple[str, ...]] = {
    exp.Window: ("partition_by", "order", "spec"),
    exp.Filter: ("expression",),
    exp.ArgMax: ("expression",),
    exp.ArgMin: ("expression",),
    exp.Nvl2: ("this",),
    exp.Collate: ("expression",),
}
_MADE_NAMES = ("col", "pos", "key", "value", "id")  # of columns that generators make, where a query does not name them
_MOST_ROUNDS = 100  # of a recursive query, whose columns see more with each; there are fewer columns than that


class Eye:
    """Looks through queries over `tables`, which it knows by `layer.table`."""

    def __init__(self, tables: Mapping[str, Given]) -> None:
        self.tables = tables

    def given(self, query: exp.Expr) -> Given:
        """The columns that a parsed query gives."""
        found = self._query(query, Scope({}))
        rest = None if found.rest is None else found.rest - MADE
        return Given(tuple((name, seen - MADE) for name, seen in found.columns), rest)

    def _query(self, node: exp.Expr, around: Scope) -> Given:
        scope = Scope(self._with(node, around), around)
        if isinstance(node, exp.Subquery | exp.Paren):
            is_query = isinstance(node.this, exp.Select | exp.SetOperation | exp.Values)
            given = self._query(node.this, scope) if is_query else self._joined(node, scope)
            return _renamed(given, node)
        if isinstance(node, exp.SetOperation):
            return _united(node, self._query(node.this, scope), self._query(node.expression, scope))
        if isinstance(node, exp.Select):
            return self._select(node, scope)
        if isinstance(node, exp.Values):
            return self._values(node, scope)
        return Given(rest=self._anything(node))

    def _with(self, node: exp.Expr, around: Scope) -> Mapping[str, Given]:
        ctes = dict(around.ctes)
        clause = node.args.get("with_")
        is_recursive = clause is not None and bool(clause.args.get("recursive"))
        for cte in clause.expressions if clause is not None else ():
            name, before = cte.alias.lower(), Given()
            if is_recursive and isinstance(cte.this, exp.SetOperation):
                before = _renamed(self._query(cte.this.this, Scope(ctes, around)), cte)
            for _ in range(_MOST_ROUNDS if is_recursive else 1):
                inner = ctes | {name: before} if is_recursive else ctes
                found = _renamed(self._query(cte.this, Scope(inner, around)), cte)
                if found == before:
                    break
                before = found
            ctes[name] = before
        return ctes

    def _anything(self, node: exp.Expr) -> Seen:
        """What there is in the tables that a part of a query names, or in all where it names one that is not known."""
        named = [table for table in node.find_all(exp.Table) if table.db]
        known = [self.tables[full_name(table)] for table in named if full_name(table) in self.tables]
        if not named or len(known) < len(named):
            known = list(self.tables.values())
        return union(given.all for given in known)

    # Where rows come from

    def _joined(self, node: exp.Expr, scope: Scope) -> Given:
        """A join in parentheses, without a SELECT."""
        inner = Scope(scope.ctes, scope)
        self._source(node.this, inner)
        self._compare(node.this, inner)
        return _star(inner)

    def _select(self, node: exp.Select, scope: Scope) -> Given:
        self._enter(node, scope)
        columns: list[tuple[str, Seen]] = []
        rest: Seen | None = None
        for selected in node.expressions:
            given = self._selected(selected, scope)
            columns += given.columns
            if given.rest is not None:
                rest = given.rest | (rest or NOTHING)
            scope.aliases.update(given.columns)
        if node.args.get("kind") or node.args.get("operation_modifiers"):
            return Given(tuple(columns), self._anything(node))
        return Given(tuple(columns), rest)

    def _enter(self, select: exp.Select, scope: Scope) -> None:
        """Lets names mean what the FROM and the joins of a SELECT give."""
        first = select.args.get("from_")
        if first is not None:
            self._source(first.this, scope)
        self._joins(select, scope)
        self._compare(select, scope)

    def _joins(self, node: exp.Expr, scope: Scope) -> None:
        for join in node.args.get("joins") or ():
            is_hidden = str(join.kind or "").upper() in ("SEMI", "ANTI")
            self._source(join.this, scope, is_hidden=is_hidden)
        for lateral in node.args.get("laterals") or ():
            self._source(lateral, scope)

    def _compare(self, node: exp.Expr, scope: Scope) -> None:
        """Looks which values the conditions of a query hold against what the query says itself."""
        for condition in _conditions(node):
            scope.compare([_parts(each) for each in _columns(condition)])
        for join in node.args.get("joins") or ():
            shared = [each.name.lower() for each in join.args.get("using") or ()]
            is_natural = str(join.method or "").upper() == "NATURAL"
            for name in {name for _, given in scope.relations for name in given.names} if is_natural else shared:
                scope.share(name)

    def _source(self, node: exp.Expr, scope: Scope, *, is_hidden: bool = False) -> None:
        """Adds what a FROM or JOIN names to what names can mean."""
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table) and not node.alias:
            self._source(node.this, scope, is_hidden=is_hidden)  # a join in parentheses: its names are seen outside
            self._joins(node, scope)
            return
        given, names = self._relation(node, scope), {node.alias_or_name.lower()}
        if isinstance(node, exp.Table) and node.db and not node.alias:
            names.add(full_name(node))
        for pivot in node.args.get("pivots") or ():
            given = self._pivoted(given, pivot, scope)
            names |= {pivot.alias.lower()} if pivot.alias else set()
        (scope.hidden if is_hidden else scope.relations).append((frozenset(names), given))
        self._joins(node, scope)

    def _relation(self, node: exp.Expr, scope: Scope) -> Given:
        if isinstance(node, exp.Lateral):
            if isinstance(node.this, exp.Query):
                return _renamed(self._query(node.this, scope), node)
            return _made(self._expression(node.this, scope), node)
        if isinstance(node, exp.Table):
            if not isinstance(node.this, exp.Identifier):
                return _made(self._expression(node.this, scope), node)
            table = self.tables.get(full_name(node)) if node.db else scope.ctes.get(node.name.lower())
            return _renamed(table if table is not None else Given(rest=self._anything(node)), node)
        if isinstance(node, exp.Query | exp.Values | exp.Paren):
            return self._query(node, scope)
        if isinstance(node, exp.UDTF):
            return _made(self._expression(node, scope), node)
        return Given(rest=self._anything(node) | self._expression(node, scope))

    def _values(self, node: exp.Values, scope: Scope) -> Given:
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        width = min(map(len, rows), default=0)
        seen = [union(self._expression(row[at], scope) for row in rows) for at in range(width)]
        return _renamed(Given(tuple((f"col{at}", each) for at, each in enumerate(seen, start=1))), node)

    def _pivoted(self, given: Given, pivot: exp.Pivot, scope: Scope) -> Given:
        inner = Scope(scope.ctes, scope, [(frozenset(), given)])
        spent = {column.name.lower() for column in pivot.find_all(exp.Column)}
        read = union(inner.column(_parts(column)) for column in pivot.find_all(exp.Column))
        made = [each for each in pivot.find_all(exp.Identifier) if each.find_ancestor(exp.Column) is None]
        named = made if pivot.args.get("unpivot") else pivot.args.get("columns") or ()
        columns = (*given.without(spent).columns, *((each.name.lower(), read) for each in named))
        return _renamed(Given(columns, read | (given.rest or NOTHING)), pivot)

    # What is selected

    def _selected(self, node: exp.Expr, scope: Scope) -> Given:
        if isinstance(node, exp.Star):
            return self._star_changed(_star(scope), node, scope)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            return self._star_changed(self._star_of(node, scope), node.this, scope)
        seen = self._expression(node, scope)
        if isinstance(node, exp.Aliases):
            return Given(tuple((name.name.lower(), seen) for name in node.expressions))
        if isinstance(node, exp.Alias | exp.Column):
            name = node.alias_or_name.lower()
            is_many = isinstance(node.unalias(), exp.UDTF | exp.Explode | exp.Inline | exp.Stack)
            return Given(((name, seen),), seen if is_many else None)
        return Given(((node.alias_or_name.lower(), seen),) if node.alias_or_name else (), seen)

    def _star_of(self, node: exp.Column, scope: Scope) -> Given:
        parts = _parts(node)[:-1]
        for each in scope.around():
            found = [given for names, given in (*each.relations, *each.hidden) if ".".join(parts) in names]
            if found:
                columns = tuple(column for given in found for column in given.columns)
                rests = [given.rest for given in found if given.rest is not None]
                return Given(columns, union(rests) if rests else None)
        return Given(rest=scope.column(parts))

    def _star_changed(self, given: Given, star: exp.Expr, scope: Scope) -> Given:
        gone = [each.name.lower() for each in star.args.get("except_") or ()]
        put = star.args.get("replace") or ()
        columns = given.without([*gone, *(each.alias.lower() for each in put)]).columns
        changed = ((each.alias.lower(), self._expression(each, scope)) for each in put)
        if star.args.get("rename"):
            return Given((*columns, *changed), given.all)
        return Given((*columns, *changed), given.rest)

    def _expression(self, node: exp.Expr | None, scope: Scope) -> Seen:
        """What is seen in the value of an expression."""
        if node is None or isinstance(node, exp.DataType):
            return NOTHING
        if isinstance(node, exp.Literal | exp.Boolean):
            return MADE
        if isinstance(node, exp.Column | exp.Star | exp.Identifier | exp.Var):
            return self._name(node, scope)
        if _is_how_many(node) or _is_null_test(node):
            return NOTHING
        if isinstance(node, exp.Anonymous) and node.name.lower() == "identifier":
            return scope.everything()  # a name that only Spark can read
        if isinstance(node, exp.Exists) and isinstance(node.this, exp.Query):
            return self._asked(node.this, scope)
        if isinstance(node, exp.Query):
            return self._query(node, scope).all | self._asked(node, scope)
        if isinstance(node, exp.Lambda):
            names = {each.name.lower() for each in node.expressions}
            return self._expression(node.this, replace(scope, parameters=scope.parameters | names))
        if isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Func):
            return self._expression(node.this, scope)
        skipped = _only_chosen_by(node)
        parts = [each for each in node.iter_expressions() if not _is_among(each, skipped)]
        return union(self._expression(each, scope) for each in parts if not _is_label(node, each))

    def _name(self, node: exp.Expr, scope: Scope) -> Seen:
        if isinstance(node, exp.Star):
            return self._star_changed(_star(scope), node, scope).all
        if isinstance(node, exp.Column):
            if isinstance(node.this, exp.Star):
                return self._star_changed(self._star_of(node, scope), node.this, scope).all
            parts = _parts(node)
            return NOTHING if parts[0] in scope.parameters else scope.column(parts)
        name = node.name.lower()
        if name in scope.parameters:
            return NOTHING  # what it stands for is an argument of the function, and seen there
        if isinstance(node, exp.Var):
            return scope.column([name]) if scope.is_column(name) else NOTHING
        return scope.everything()

    def _asked(self, query: exp.Expr, scope: Scope) -> Seen:
        """What a subquery's answer says of a value that its conditions hold against what is no column of a table."""
        select = query.unnest() if isinstance(query, exp.Subquery) else query
        if not isinstance(select, exp.Select):
            return NOTHING
        inner = Scope(self._with(select, scope), scope)
        self._enter(select, inner)
        columns = (each for condition in _conditions(select) for each in condition.find_all(exp.Column))
        return union(self._name(each, inner) for each in columns if not self._is_joined(each, inner))

    def _is_joined(self, column: exp.Column, scope: Scope) -> bool:
        """Whether a column of a condition is only held against tables' columns, or asked whether it is there."""
        comparison = column.find_ancestor(exp.Predicate)
        if comparison is None:
            return False
        if _is_null_test(comparison):
            return True
        sides = [side for name in ("this", "expression") if (side := comparison.args.get(name)) is not None]
        has_columns = all(side.find(exp.Column) is not None for side in sides)
        is_equal = isinstance(comparison, exp.EQ | exp.NullSafeEQ) and has_columns
        return is_equal and not any(self._expression(side, scope) >= MADE for side in sides)


def _star(scope: Scope) -> Given:
    rests = [given.rest for _, given in scope.relations if given.rest is not None]
    columns = tuple(each for _, given in scope.relations for each in given.columns)
    return Given(columns, union(rests) if rests else None)


def _renamed(given: Given, node: exp.Expr) -> Given:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") or () if isinstance(alias, exp.TableAlias) else ()
    return given.called([each.name.lower() for each in columns])


def _made(seen: Seen, node: exp.Expr) -> Given:
    """The columns of a function that makes rows: in each of them any of its arguments may be seen."""
    return _renamed(Given(tuple((name, seen) for name in _MADE_NAMES), seen), node)


def _united(node: exp.SetOperation, left: Given, right: Given) -> Given:
    if node.args.get("by_name"):
        names = dict.fromkeys((*left.names, *right.names))
        columns = tuple((name, (left.known(name) or NOTHING) | (right.known(name) or NOTHING)) for name in names)
        rests = [each.rest for each in (left, right) if each.rest is not None]
        return Given(columns, union(rests) if rests else None)
    if isinstance(node, exp.Except):
        return left
    if left.rest is None and right.rest is None and len(left.columns) == len(right.columns):
        pairs = zip(left.columns, right.columns, strict=True)
        return Given(tuple((name, one | other) for (name, one), (_, other) in pairs))
    return Given(tuple((name, left.all | right.all) for name in left.names), left.all | right.all)


def _parts(column: exp.Column) -> list[str]:
    return [part.name.lower() for part in column.parts]


def _only_chosen_by(node: exp.Expr) -> list[object]:
    """The parts of an expression that choose its value and are not in it."""
    if isinstance(node, exp.Window) and _is_place(node.this):
        return [node.args.get("partition_by")]
    if isinstance(node, exp.Order):
        return [node.expressions] if isinstance(node.parent, exp.GroupConcat) else []
    if isinstance(node, exp.WithinGroup):
        return [node.expression] if isinstance(node.this, exp.GroupConcat) else []  # any other gives what it orders by
    if isinstance(node, exp.Nvl2) and not _keeps_nulls(node.this):
        return []
    return [node.args.get(name) for name in _CHOOSES.get(type(node), ())]


def _is_place(function: exp.Expr) -> bool:
    """Whether a function over a window says where in its order a row is: also by counting those before it."""
    if isinstance(function, exp.Filter):
        return _is_place(function.this)
    reads = function.find(exp.Column) is not None
    return isinstance(function, _PLACES) or not (reads or isinstance(function, exp.RowNumber))


def _is_how_many(node: exp.Expr) -> bool:
    return isinstance(node, _HOW_MANY) or (isinstance(node, exp.Anonymous) and node.name.lower() in _HOW_MANY_NAMES)


def _is_null_test(node: exp.Expr) -> bool:
    """Whether an expression says no more than whether there is a value."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() in _NULL_TESTS and all(map(_keeps_nulls, node.expressions))
    return isinstance(node, exp.Is) and isinstance(node.expression, exp.Null) and _keeps_nulls(node.this)


def _keeps_nulls(node: exp.Expr) -> bool:
    return all(isinstance(part, _KEEPS_NULLS) for part in node.walk())


def _is_among(node: exp.Expr, parts: Iterable[object]) -> bool:
    return any(node is part or (isinstance(part, list) and any(node is each for each in part)) for part in parts)


def _is_label(parent: exp.Expr, node: exp.Expr) -> bool:
    """Whether an identifier names something that is made here (an alias, a field), and not a value."""
    makes = isinstance(parent, exp.Alias | exp.Aliases | exp.PropertyEQ | exp.Kwarg | exp.TableAlias)
    return isinstance(node, exp.Identifier) and (makes or node is parent.args.get("alias"))


def _conditions(select: exp.Expr) -> Iterator[exp.Expr]:
    """What rows of a query have to fulfil, each of it on its own."""
    joins = (join.args.get("on") for join in select.args.get("joins") or ())
    clauses = (select.args.get(name) for name in ("where", "having", "qualify"))
    for condition in (*joins, *(clause.this for clause in clauses if clause is not None)):
        yield from conjuncts(condition)


def _columns(condition: exp.Expr) -> Iterator[exp.Column]:
    """The columns of a condition, but for those in a subquery of it."""
    for node in condition.walk(prune=lambda each: isinstance(each, exp.Query)):
        if isinstance(node, exp.Column):
            yield node
