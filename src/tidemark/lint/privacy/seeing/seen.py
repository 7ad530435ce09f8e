"""Which personal columns can be seen in the columns that a query gives.

Values are followed as Spark resolves names. Where that cannot be done, everything that could be meant is taken to be
seen: what nobody can tell counts as personal. What only chooses rows (`WHERE`, `ON`, `GROUP BY`, the order and the
partition of a window) is not seen in them, but in what asks whether there is such a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from tidemark.lint.privacy.seeing import forms, windows
from tidemark.lint.privacy.seeing.marks import (
    COMPUTED,
    KEY,
    MIXED,
    NOTHING,
    NULLS,
    Seen,
    personal,
    row,
    thing,
    union,
)
from tidemark.lint.privacy.seeing.scope import Given, Relation, Scope, beside, compare, lost
from tidemark.lint.privacy.seeing.unions import mixed, united
from tidemark.lint.privacy.seeing.values import Values, is_of_one, parts_of, told_apart
from tidemark.sql.queries import full_name
from tidemark.sql.tracing.reach import conjuncts, is_aggregate

_MOST_ROUNDS = 100  # of a recursive query, whose columns see more with each; there are fewer columns than that


class Eye(Values):
    """Looks through queries over `tables`, which it knows by `layer.table`."""

    def __init__(self, tables: Mapping[str, Given]) -> None:
        self.tables = tables

    def given(self, query: exp.Expr) -> Given:
        """The columns that a parsed query gives."""
        scope = Scope({})
        given = self.query(query, scope)
        lost = frozenset(scope.lost)
        return replace(given.with_more(lost), there=given.there | lost, times=given.times | lost)

    def query(self, node: exp.Expr, around: Scope) -> Given:
        outward: set[str] = set()
        scope = Scope(self._with(node, around, outward), around, outward=outward)
        if isinstance(node, exp.Subquery | exp.Paren):
            is_query = isinstance(node.this, exp.Select | exp.SetOperation | exp.Values)
            given = self.query(node.this, scope) if is_query else self._joined(node, scope)
            return self._sorted(_renamed(given, node), node, scope)
        if isinstance(node, exp.SetOperation):
            left, right = self.query(node.this, scope), self.query(node.expression, scope)
            if isinstance(node, exp.Intersect | exp.Except):
                scope.lose(mixed(left, right))
            given = united(node, left, right)
            return self._sorted(given, node, scope)
        if isinstance(node, exp.Select):
            return self._sorted(self._select(node, scope), node, scope)
        if isinstance(node, exp.Values):
            return self._values(node, scope)
        return self._unknown(node)

    def _sorted(self, given: Given, node: exp.Expr, scope: Scope) -> Given:
        """What is left by LIMIT and OFFSET, of rows in an order; a subquery may say of how many."""
        sorted_ = scope if scope.relations else Scope(scope.ctes, scope, [Relation(frozenset(), given)])
        order = personal(union(self._by(each, given, sorted_) for each in forms.sorted_by(node)))
        limits = [each for name in ("limit", "offset") if (each := node.args.get(name)) is not None]
        told = personal(union(self.expression(each.args.get("expression"), scope) for each in limits))
        there = given.there | told | order | given.order if limits else given.there
        if limits and scope.outward:
            told |= order  # of what people around it are held against, the first
        return replace(given.with_more(told) if told else given, order=given.order | order, there=there)

    def _by(self, node: exp.Expr, given: Given, scope: Scope) -> Seen:
        """What is seen in what rows are sorted by: an expression, or the number of a column."""
        if forms.is_number(node):
            at = forms.place(node, given.columns)
            return given.all if at is None or not given.is_whole else given.columns[at][1]
        named = given.known(node.name.lower()) if isinstance(node, exp.Column) and len(node.parts) == 1 else None
        return self.expression(node, scope) | (named or NOTHING)

    def _with(self, node: exp.Expr, around: Scope, outward: set[str]) -> Mapping[str, Given]:
        ctes = dict(around.ctes)
        clause = node.args.get("with_")
        is_recursive = clause is not None and bool(clause.args.get("recursive"))
        for cte in clause.expressions if clause is not None else ():
            name, before = cte.alias.lower(), Given()
            if is_recursive and isinstance(cte.this, exp.SetOperation):
                before = _renamed(self.query(cte.this.this, Scope(ctes, around, outward=outward)), cte)
            for _ in range(_MOST_ROUNDS if is_recursive else 1):
                inner = ctes | {name: before} if is_recursive else ctes
                found = _renamed(self.query(cte.this, Scope(inner, around, outward=outward)), cte)
                if found == before:
                    break
                before = found
            ctes[name] = before
        return ctes

    def anything(self, node: exp.Expr) -> Seen:
        """What there is in the tables that a part of a query names, or in all where it names one that is not known."""
        named = [table for table in node.find_all(exp.Table) if table.db]
        known = [self.tables[full_name(table)] for table in named if full_name(table) in self.tables]
        if not named or len(known) < len(named):
            known = list(self.tables.values())
        return union(given.all for given in known)

    def _unknown(self, node: exp.Expr) -> Given:
        seen = self.anything(node)
        return Given(rest=seen, there=personal(seen))

    # Where rows come from

    def _joined(self, node: exp.Expr, scope: Scope) -> Given:
        """A join in parentheses, without a SELECT."""
        inner = Scope(scope.ctes, scope)
        self._source(node.this, inner)
        self._joins(node, inner)
        return self._rows(inner)

    def _rows(self, scope: Scope) -> Given:
        given = _unplaced(beside([each.given for each in scope.visible]), scope)
        there = scope.there | union(each.given.there for each in scope.relations)
        return replace(given, there=there, times=scope.times, order=scope.order)

    def _select(self, node: exp.Select, scope: Scope) -> Given:
        self._enter(node, scope)
        given = self._settled(node, scope)
        groups = forms.grouped_by(node)
        is_aggregated = bool(node.args.get("group")) or any(map(_aggregates, node.expressions))
        if is_aggregated and (scope.outward or is_of_one([self.expression(each, scope) for each in groups])):
            scope.is_of_one = True
        if scope.is_of_one or scope.outward:
            given = self._settled(node, scope)
        if is_aggregated and not groups and scope.outward:  # there is always a row: its values tell what is in it
            told = personal(scope.there | given.there)
            given = given.with_more(told | NULLS) if told else given
        grouped = [self.expression(each, scope) for each in groups]
        given = self._told_apart(given, grouped)
        may_be_none = bool(groups) or node.args.get("having") is not None
        names_people = scope.is_of_one or not is_aggregated or may_be_none or given.all >= KEY or personal(given.all)
        times = personal(union(grouped)) if is_aggregated else scope.times | given.times
        if node.args.get("distinct"):
            times |= personal(union(seen for _, seen in given.columns if seen & (COMPUTED | MIXED)))
        changed = node.args.get("kind") or node.args.get("operation_modifiers")
        return replace(
            given,
            rest=self.anything(node) if changed else given.rest,
            is_placed=given.is_placed and not changed,
            there=scope.there | given.there if names_people else NOTHING,
            times=times,
            order=NOTHING if is_aggregated else scope.order | self._in_order_of(node, scope),
        )

    def _settled(self, node: exp.Select, scope: Scope) -> Given:
        """The columns that a SELECT gives once all is told that its conditions, and queries in them, tell."""
        given = Given()
        for _ in range(_MOST_ROUNDS):
            before = [each.given for each in scope.relations]
            given = self._shown(node, scope)
            if not self._hold(node, scope) and before == [each.given for each in scope.relations]:
                break
        return given

    def _told_apart(self, given: Given, groups: list[Seen]) -> Given:
        """What names people, in groups that the query itself divides them into by what is personal."""
        told = personal(told_apart(groups))
        return given.with_more(told, [name for name, seen in given.columns if seen >= KEY]) if told else given

    def _in_order_of(self, node: exp.Select, scope: Scope) -> Seen:
        """What the windows of a SELECT put its rows in order by."""
        return personal(union(self.expression(each, scope) for each in windows.window_orders(node)))

    def _shown(self, node: exp.Select, scope: Scope) -> Given:
        found: list[Given] = []
        made = NOTHING
        scope.aliases = {}
        scope.guessed = {name: self.expression(each, scope) for name, each in forms.time_windows(node)}
        for selected in node.expressions:
            given = self._selected(selected, scope)
            found.append(given)
            if forms.makes_rows(selected):
                made |= personal(given.all)
            scope.aliases.update(given.columns)
        return replace(beside(found), there=made, times=made)

    def _enter(self, select: exp.Select, scope: Scope) -> None:
        """Lets names mean what the FROM and the joins of a SELECT give."""
        first = select.args.get("from_")
        if first is not None:
            self._source(first.this, scope)
        self._joins(select, scope)
        named = [each.this for each in (first, *(select.args.get("joins") or ())) if each is not None]
        if len(named) > 1 and any(each.args.get("pivots") for each in named):
            self._blur(scope)

    def _blur(self, scope: Scope) -> None:
        """A PIVOT behind joins is one of all that is joined, whose columns have other names then."""
        everything = union(each.given.all for each in scope.relations)
        for each in scope.relations:
            each.present, each.is_guess = replace(each.present, columns=(), rest=everything), True

    def _hold(self, select: exp.Select, scope: Scope) -> bool:
        """Takes in what rows have to fulfil, also by names that the SELECT gives; whether more is seen by that."""
        before = [each.given for each in scope.relations]
        conditions = forms.conditions(select)
        scope.there |= union(self.told(each, scope) for each in conditions)
        self._compare([*_ons(select), *conditions], scope, forms.divisions(select))
        scope.there |= union(each.given.there for each in scope.relations)
        return before != [each.given for each in scope.relations]

    def _joins(self, node: exp.Expr, scope: Scope, *, is_hidden: bool = False) -> None:
        joins = node.args.get("joins") or ()
        for number, join in enumerate(joins):
            self._join(join, scope, is_hidden=is_hidden)
            self._compare([part for each in joins[: number + 1] for part in conjuncts(each.args.get("on"))], scope)
        for lateral in node.args.get("laterals") or ():
            self._source(lateral, scope)

    def _join(self, join: exp.Join, scope: Scope, *, is_hidden: bool = False) -> None:
        """Adds what is joined; of the sides that an outer join may leave out, what there is tells of the condition."""
        before, chooses = list(scope.relations), str(join.kind or "").upper() in ("SEMI", "ANTI")
        there, scope.there = scope.there, NOTHING
        self._source(join.this, scope, is_hidden=is_hidden or chooses)
        nested, scope.there = scope.there, there | scope.there
        added = scope.relations[len(before) :]
        side = "" if chooses else str(join.side or "").upper()
        kept = before if side == "LEFT" else added if side == "RIGHT" else ()
        asked = replace(scope, kept=frozenset(kept))
        told = union(self.told(each, asked) for each in conjuncts(join.args.get("on")))
        shared = [each.name.lower() for each in join.args.get("using") or ()]
        if str(join.method or "").upper() == "NATURAL":
            shared = list(dict.fromkeys(name for each in scope.relations for name in each.given.names if name))
        told |= union(scope.share(name, id(join)) for name in shared)
        for each in added if side in ("LEFT", "FULL") else ():
            each.may_lack(id(join), told | nested)
        for each in before if side in ("RIGHT", "FULL") else ():
            each.may_lack(id(join), told | scope.there)
        if not side:
            scope.there |= told

    def _compare(self, conditions: list[exp.Expr], scope: Scope, divisions: Sequence[exp.Expr] = ()) -> None:
        """Tells each relation what conditions hold it against, until none is told more: one leads to the next."""
        for _ in range(_MOST_ROUNDS):
            before = [each.given for each in scope.relations]
            for number, whole in enumerate((*conditions, *divisions)):
                parts = list(forms.leaves(whole))
                for condition in parts if parts == [whole] else (whole, *parts):
                    by_sides, is_least = forms.is_range(condition), condition in parts
                    terms = list(self.terms(condition, scope))
                    divides = number >= len(conditions)
                    joins = divides or not is_least or forms.is_equality(condition)
                    compare(terms, by_sides=by_sides, is_least=is_least, divides=divides, joins=joins)
                    scope.lose(union(lost(terms, by_sides=by_sides)))
            if before == [each.given for each in scope.relations]:
                return

    def _source(self, node: exp.Expr, scope: Scope, *, is_hidden: bool = False) -> None:
        """Adds what a FROM or JOIN names to what names can mean."""
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table | exp.Subquery) and not node.alias:
            self._source(node.this, scope, is_hidden=is_hidden)  # a join in parentheses: its names are seen outside
            self._joins(node, scope, is_hidden=is_hidden)
            return
        made = forms.made_by(node)
        if made is not None:
            self._compare([made], scope)
        given = self._relation(node, scope)
        names: set[tuple[str, ...]] = {(node.alias_or_name.lower(),)}
        if isinstance(node, exp.Table) and node.db and not node.alias:
            names.add((node.db.lower(), node.name.lower()))
        pivots = node.args.get("pivots") or ()
        for pivot in pivots:
            given = self._pivoted(given, pivot, scope)
            names |= {(pivot.alias.lower(),)} if pivot.alias else set()
        given = given.with_more(thing(node), [name for name, seen in given.columns if not personal(seen)])
        given = given.with_more(row(node))
        scope.relations.append(Relation(frozenset(names), given, is_hidden, is_guess=bool(pivots)))
        self._joins(node, scope, is_hidden=is_hidden)

    def _relation(self, node: exp.Expr, scope: Scope) -> Given:
        if isinstance(node, exp.Lateral):
            if isinstance(node.this, exp.Query):
                return _renamed(self.query(node.this, scope), node)
            return _made(self.expression(node.this, scope), node)
        if isinstance(node, exp.Table):
            if not isinstance(node.this, exp.Identifier):
                return _made(self.expression(node.this, scope), node)
            table = self.tables.get(full_name(node)) if node.db else scope.ctes.get(node.name.lower())
            return _renamed(table if table is not None else self._unknown(node), node)
        if isinstance(node, exp.Query | exp.Values | exp.Paren):
            return self.query(node, scope.apart())
        if isinstance(node, exp.UDTF):
            return _made(self.expression(node, scope), node)
        seen = self.anything(node) | self.expression(node, scope)
        return Given(rest=seen, there=personal(seen))

    def _values(self, node: exp.Values, scope: Scope) -> Given:
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        width = min(map(len, rows), default=0)
        seen = [union(self.expression(row[at], scope) for row in rows) for at in range(width)]
        return _renamed(Given(tuple((f"col{at}", each) for at, each in enumerate(seen, start=1))), node)

    def _pivoted(self, given: Given, pivot: exp.Pivot, scope: Scope) -> Given:
        inner = Scope(scope.ctes, scope, [Relation(frozenset(), given)])
        named_whole = [parts_of(column) for column in pivot.find_all(exp.Column)]
        spent = {parts[-1] for parts in named_whole}
        unsure = union(given.seen(parts[-1]) for parts in named_whole if len(parts) > 1)  # a field, or a column spent
        inner.is_of_one = True  # it groups by all other columns, and some may name people
        asked = list(pivot.find_all(exp.Column)) if pivot.args.get("unpivot") else pivot.expressions
        read = given.times | union(self.expression(each, inner) for each in asked)
        fields = [] if pivot.args.get("unpivot") else pivot.args.get("fields") or []
        read |= union(inner.column(parts_of(column)) for each in fields for column in each.find_all(exp.Column))
        made = [each for each in pivot.find_all(exp.Identifier) if each.find_ancestor(exp.Column) is None]
        named = made if pivot.args.get("unpivot") else pivot.args.get("columns") or ()
        columns = (*given.without(spent).columns, *((each.name.lower(), read) for each in named))
        there, times = given.there, given.times
        if pivot.args.get("unpivot") and personal(read) and read >= NULLS:  # there is no row of a null
            there, times = there | read, times | personal(read)
            scope.lose(read if read >= MIXED else NOTHING)
        return _renamed(Given(columns, read | unsure | (given.rest or NOTHING), there, times), pivot)

    # What is selected

    def _selected(self, node: exp.Expr, scope: Scope) -> Given:
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            return self.star(node, scope)
        seen = self.expression(node, scope)
        if isinstance(node, exp.Aliases):
            return Given(tuple((name.name.lower(), seen) for name in node.expressions))
        if isinstance(node, exp.Alias | exp.Column):
            name = node.alias_or_name.lower()
            return Given(((name, seen),), seen if forms.makes_rows(node) else None)
        # What Spark calls it is another name than the parser's.
        return Given((("", seen),), seen, is_placed=True) if forms.is_one_column(node) else Given((), seen)

    def star(self, node: exp.Expr, scope: Scope) -> Given:
        if isinstance(node, exp.Column):
            return self._star_changed(self._star_of(node, scope), node.this, scope)
        return self._star_changed(_unplaced(beside([each.given for each in scope.visible]), scope), node, scope)

    def _star_of(self, node: exp.Column, scope: Scope) -> Given:
        parts = parts_of(node)[:-1]
        found = [[relation for relation in each.relations if tuple(parts) in relation.names] for each in scope.around()]
        if found[0] and not any(relation.is_guess for relation in found[0]):
            return _unplaced(beside([relation.given for relation in found[0]]), scope)
        return Given(rest=scope.column(parts) | union(each.given.all for around in found for each in around))

    def _star_changed(self, given: Given, star: exp.Expr, scope: Scope) -> Given:
        # With a qualifier it is one of several, or a field in a column: all stay, and nobody knows their places.
        gone = [each.name.lower() for each in star.args.get("except_") or () if not _is_qualified(each)]
        put = star.args.get("replace") or ()
        columns = given.without([*gone, *(each.alias.lower() for each in put)]).columns
        changed = ((each.alias.lower(), self.expression(each, scope)) for each in put)
        if star.args.get("rename"):
            return Given((*columns, *changed), given.all)
        return Given((*columns, *changed), given.rest)


def _unplaced(given: Given, scope: Scope) -> Given:
    """Spark puts columns that are joined by USING first, also those of one side: of none of them the place is known."""
    return replace(given, rest=given.all, is_placed=False) if scope.shared else given


def _is_qualified(node: exp.Expr) -> bool:
    return (isinstance(node, exp.Column) and len(node.parts) > 1) or isinstance(node, exp.Dot)


def _renamed(given: Given, node: exp.Expr) -> Given:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") or () if isinstance(alias, exp.TableAlias) else ()
    return given.called([each.name.lower() for each in columns])


def _made(seen: Seen, node: exp.Expr) -> Given:
    """The columns of a function that makes rows: in each of them any of its arguments may be seen."""
    return _renamed(Given((), seen, personal(seen), personal(seen)), node)


def _aggregates(node: exp.Expr) -> bool:
    """Whether an expression makes one row of many."""
    return any(is_aggregate(part) for part in node.walk(prune=lambda each: isinstance(each, exp.Query | exp.Window)))


def _ons(select: exp.Expr) -> list[exp.Expr]:
    return [part for join in select.args.get("joins") or () for part in conjuncts(join.args.get("on"))]
