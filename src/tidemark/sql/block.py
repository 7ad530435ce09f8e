"""One SELECT of a query: on which rows of the inputs those of its result depend. See `locality`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from tidemark.sql.queries import DIALECT, full_name
from tidemark.sql.tracing.origins import column_names, may_be_null, same_in, taken_from
from tidemark.sql.tracing.reach import (
    Places,
    Reach,
    Reaches,
    Tracked,
    Trouble,
    aliases_of,
    closed,
    computed_place,
    either,
    equalities,
    group_keys,
    in_window,
    is_aggregate,
    is_condition,
    listed,
    outside,
    place_of,
    places_read,
    renamed,
    shown,
)

Leads = dict[str, set[str]]
_EXISTS = "write EXISTS or NOT EXISTS, with the columns equal in it"


class Walk(Protocol):
    """What a SELECT asks of the walk through its query: what it reads, and where to tell what is wrong."""

    tracked: Mapping[str, Tracked]
    read: set[int]  # the tables of the query, as the objects that they are in it, to which the walk has come

    def relation(self, scope: Scope) -> Reaches:
        """What a row of a scope's result depends on, by the names of its columns."""

    def trouble(self, reach: Reach, node: exp.Expr, what: str, advice: str | None = None) -> Trouble:
        """What there is to say of a clause."""

    def refuse(self, reach: Reach, node: exp.Expr, what: str, advice: str | None = None) -> None:
        """Notes that what `node` does cannot be right with the input's `on`."""

    def divides(self, reach: Reach, node: exp.Expr, keys: Collection[str], own: Collection[str], told: str) -> bool:
        """Whether what looks at many rows at once looks at those of one value of `on`; refuses it where not."""


class Block:
    """One SELECT; `walk` knows the relations that it reads."""

    def __init__(self, walk: Walk, scope: Scope, select: exp.Select) -> None:
        self.walk, self.scope, self.select = walk, scope, select
        self.own = {str(alias).lower() for alias in scope.sources if isinstance(alias, str)}
        self.leads: Leads = {}

    def reaches(self) -> Reaches:
        found = self._joined()
        where = self.select.args.get("where")
        if where is not None:
            self._equal(equalities(where.this))
            found = self._filtered(found, where)
        found = self._linked([each.placed(self._closed) for each in [*found, *self._subqueries()]])
        found = self._grouped(found)
        for clause in ("having", "qualify"):
            if self.select.args.get(clause) is not None:
                found = self._filtered(found, self.select.args[clause])
        found = self._windowed(found)
        found = self._distinct(found)
        for clause in ("limit", "offset"):
            node = self.select.args.get(clause)
            if node is not None:
                found = [each for each in found if self.walk.divides(each, node, (), self.own, clause.upper())]
        return [self._given(each) for each in found]

    # Where rows come from

    def _joined(self) -> Reaches:
        first = self.select.args.get("from_")
        found = self._from(first.this) if first is not None else []
        for lateral in self.select.args.get("laterals") or []:
            if isinstance(lateral.this, exp.Subquery):
                found += self._from(lateral)
        for join in self.select.args.get("joins") or []:
            found = self._join(found, self._from(join.this), join)
        return found

    def _from(self, node: exp.Expr) -> Reaches:
        alias = node.alias_or_name.lower()
        source = self.scope.sources.get(alias) or self.scope.sources.get(node.alias_or_name)
        if isinstance(source, exp.Table):
            self.walk.read.add(id(source))
            tracked = self.walk.tracked.get(full_name(source))
            found = [] if tracked is None else [self._read(tracked, alias)]
        elif isinstance(source, Scope):
            own = {name: f"{alias}.{name}" for name in column_names(source)}
            found = [renamed(each, own) for each in self.walk.relation(source)]
        else:
            found = []
        return self._reshaped(found, node, alias)

    def _read(self, tracked: Tracked, alias: str) -> Reach:
        carriers = {name: frozenset({f"{alias}.{name}"}) for name in tracked.on}
        seen = frozenset(f"{alias}.{name}" for name in tracked.columns)
        others = (each for each in self.walk.tracked.values() if each.is_grain and not tracked.is_grain)
        through = frozenset(each.table for each in others if set(tracked.on) <= each.columns)
        return Reach(tracked.table, tracked.on, carriers, tracked.is_grain, through, seen=seen)

    def _reshaped(self, found: Reaches, node: exp.Expr, alias: str) -> Reaches:
        sample = node.args.get("sample") or (node.this.args.get("sample") if isinstance(node.this, exp.Expr) else None)
        if sample is not None:
            found = [each for each in found if self.walk.divides(each, node, (), self.own, "TABLESAMPLE")]
        for pivot in node.args.get("pivots") or []:
            if pivot.args.get("unpivot"):
                continue
            spent = {each.name.lower() for each in pivot.find_all(exp.Column)}
            left = {p for each in found for places in each.carriers.values() for p in places}
            kept = {place for place in left if place.rpartition(".")[2] not in spent}
            found = [each for each in found if self.walk.divides(each, pivot, kept, self.own, "PIVOT")]
        return found

    def _join(self, left: Reaches, right: Reaches, join: exp.Join) -> Reaches:
        pairs = equalities(join.args.get("on"))
        side, kind = str(join.side or "").upper(), str(join.kind or "").upper()
        alias = join.this.alias_or_name.lower()
        if kind in ("SEMI", "ANTI"):
            return self._linked([*left, *self._pointed(right, pairs, {alias}, join)])
        if side == "FULL":
            both = [(one, other, either((one, other))) for one, other in pairs]
            return [*self._either(left, both, join), *self._either(right, both, join)]
        if side == "LEFT":
            kept, hanging, inner = left, right, {alias}
        elif side == "RIGHT":
            kept, hanging, inner = right, left, self.own - {alias}
        else:
            self._equal(pairs)
            return self._linked([each.placed(self._closed) for each in self._filtered([*left, *right], join)])
        pointed = self._pointed(hanging, pairs, inner, join)
        for one, other in pairs:  # a place of what hangs has the value of its partner, or none
            here = one if one.rpartition(".")[0] in inner else other
            self.leads.setdefault(here, set()).add(other if here == one else one)
        return self._linked([*kept, *(replace(each, outer=each.doubt is None) for each in pointed)])

    def _equal(self, pairs: Iterable[tuple[str, str]]) -> None:
        for one, other in pairs:
            self.leads.setdefault(one, set()).add(other)
            self.leads.setdefault(other, set()).add(one)

    def _closed(self, places: Places) -> Places:
        return closed(places, self.leads)

    def _pointed(self, found: Reaches, pairs: list[tuple[str, str]], inner: Collection[str], node: exp.Expr) -> Reaches:
        """Reaches of rows that are there only with a partner, told by places of the partner."""
        leads: Leads = {}
        for one, other in pairs:
            for here, there in ((one, other), (other, one)):
                if aliases_of(here) <= set(inner) and not aliases_of(there) & set(inner):
                    leads.setdefault(here, set()).add(there)
        told = []
        hangs = str(node.args.get("kind") or "").upper() not in ("SEMI", "ANTI")
        for reach in found:
            partner = reach.placed(lambda places: self._closed(_of_partner(places, inner, leads)))
            if partner.has_all():
                told.append(partner)
                continue
            columns = listed(partner.missing())
            what = f"{shown(node)} reaches rows of {reach.table} whatever their {columns}"
            advice = f"demand that {columns} is equal to a column of the rows that it is joined to"
            doubt = self.walk.trouble(reach, node, what, advice)
            if hangs and reach.doubt is None:  # rows with a partner have its key: who goes on by that does right
                told.append(replace(reach, doubt=doubt))
            else:
                self.walk.refuse(replace(reach, doubt=doubt), node, what)
        return told

    def _either(self, found: Reaches, both: list[tuple[str, str, str]], join: exp.Join) -> Reaches:
        told = []
        for reach in found:
            changed = reach.placed(
                lambda places: frozenset(whole for one, other, whole in both if one in places or other in places)
            )
            if changed.has_all():
                told.append(changed)
            else:
                columns = listed(changed.missing())
                self.walk.refuse(reach, join, f"{shown(join)} does not join by {columns}")
        return told

    # Conditions and subqueries

    def _filtered(self, found: Reaches, node: exp.Expr) -> Reaches:
        read = places_read(node)
        return [replace(each, filtered=True) if each.seen & read else each for each in found]

    def _subqueries(self) -> Reaches:
        found: Reaches = []
        for inner in self.scope.subquery_scopes:
            asked = inner.expression.parent
            while isinstance(asked, exp.Paren | exp.Subquery):
                asked = asked.parent
            reaches = self.walk.relation(inner)
            pairs = self._asked(asked, inner)
            if asked is not None and pairs and not is_condition(asked):
                reaches = [each for each in reaches if not self._unknown(each, inner, asked, pairs)]
            as_asked = {name: place for place, name in pairs}
            for reach in reaches:
                told = renamed(reach, as_asked)
                if told.has_all():
                    found.append(replace(told, seen=frozenset()))
                    continue
                columns = listed(told.missing())
                node = inner.expression
                self.walk.refuse(
                    reach,
                    node,
                    f"the subquery `{shown(node)}` looks at rows of {reach.table} whatever their {columns}",
                    f"demand in it that {columns} is equal to a column of the row around it",
                )
        return found

    def _asked(self, asked: exp.Expr | None, inner: Scope) -> list[tuple[str, str]]:
        """What `x IN (subquery)` demands to be equal: places of the row, and columns of the subquery."""
        if not isinstance(asked, exp.In):
            return []
        values = asked.this.expressions if isinstance(asked.this, exp.Tuple) else [asked.this]
        named = zip((place_of(value) for value in values), column_names(inner), strict=False)
        return [(place, name) for place, name in named if place is not None]

    def _unknown(self, reach: Reach, inner: Scope, asked: exp.Expr, pairs: list[tuple[str, str]]) -> bool:
        """Refuses IN where unknown is another answer than no, and a null makes it so: one null among all rows and it is
        never no; and a null that is asked for is not there as long as there is no row at all.
        """
        if renamed(reach, {}).has_all():  # what the subquery looks at is of the row's own key, nulls too
            return False
        tracked = self.walk.tracked[reach.table]
        loose = [name for name in reach.on if name not in tracked.required and reach.carriers.get(name)]
        maybe = [place.rpartition(".")[2] for place, _ in pairs if may_be_null(self.scope, place, self.walk.tracked)]
        if loose and column_names(inner):
            what = f"`{shown(asked)}` is never false once one row of {reach.table} has no {listed(loose)}"
            self.walk.refuse(reach, asked, what, _EXISTS)
        elif maybe:
            what = f"`{shown(asked)}` of a row without {listed(maybe)} depends on whether {reach.table} has any row"
            self.walk.refuse(reach, asked, what, _EXISTS)
        return bool(loose or maybe)

    def _linked(self, found: Reaches) -> Reaches:
        """Without reaches of other inputs to which a row of the grain leads: what is asked of that holds for them."""
        return [each for each in found if each.is_grain or not self._leads_to(each)]

    def _leads_to(self, reach: Reach) -> bool:
        if reach.set_of is not None:
            return all(
                any(same_in(self.scope, place, reach.set_of, name) for place in reach.carriers.get(name, ()))
                for name in reach.on
            )
        return any(
            all(
                any(taken_from(self.scope, place) == {(table, name)} for place in reach.carriers.get(name, ()))
                for name in reach.on
            )
            for table in reach.through
        ) or (bool(reach.through) and self._all_through(reach))

    def _all_through(self, reach: Reach) -> bool:
        """Whether a value is of one of several inputs, each of which leads to the grain."""
        for name in reach.on:
            origins = [taken_from(self.scope, place) for place in reach.carriers.get(name, ())]
            if not any(found and found <= {(table, name) for table in reach.through} for found in origins):
                return False
        return True

    # What looks at many rows

    def _grouped(self, found: Reaches) -> Reaches:
        group = self.select.args.get("group")
        aggregate = next((each for each in self._own_nodes() if is_aggregate(each) and not in_window(each)), None)
        if group is None and aggregate is None and self.select.args.get("having") is None:
            return found
        keys = group_keys(group, self.select)
        node: exp.Expr = group or aggregate or self.select
        told = f"`{shown(node)}`"
        if aggregate is None and group is not None and not group.args.get("rollup") and not group.args.get("cube"):
            return self._divided(found, [*keys], group.expressions, node, told)
        kept = [each for each in found if self.walk.divides(each, node, keys, self.own, told)]
        return [each.placed(lambda places: places & (keys | outside(places, self.own))) for each in kept]

    def _windowed(self, found: Reaches) -> Reaches:
        named = {each.name.lower(): each for each in self.select.args.get("windows") or []}
        kept = found
        for window in (each for each in self._own_nodes() if isinstance(each, exp.Window)):
            base = named.get(str(window.args.get("alias") or "").lower())
            parts = window.args.get("partition_by") or (base.args.get("partition_by") if base is not None else None)
            keys = {place for part in parts or [] if (place := place_of(part))}
            for each in found:
                lacking = each.uncovered(keys, self.own)
                if lacking:
                    columns = listed(lacking)
                    what = f"`{shown(window)}` looks at rows of {each.table} with other {columns}"
                    self.walk.refuse(each, window, what, f"add {columns} to its PARTITION BY")
                    kept = [other for other in kept if other is not each]
        return kept

    def _distinct(self, found: Reaches) -> Reaches:
        distinct = self.select.args.get("distinct")
        if distinct is None:
            return found
        of = distinct.args.get("on")
        if of is not None:
            keys = {place for part in of.find_all(exp.Column) if (place := place_of(part))}
            return [each for each in found if self.walk.divides(each, distinct, keys, self.own, "DISTINCT ON")]
        keys = {place for each in self.select.selects if (place := place_of(each))}
        return self._divided(found, list(keys), [each.unalias() for each in self.select.selects], distinct, "DISTINCT")

    def _divided(self, found: Reaches, keys: list[str], values: list[exp.Expr], node: exp.Expr, told: str) -> Reaches:
        """After a clause that keeps values once: by `on`, or as the set of values that a relation has."""
        kept = []
        for each in found:
            as_set = self._as_set(each, values) if each.uncovered(keys, self.own) else None
            if as_set is not None:
                kept.append(as_set)
            elif self.walk.divides(each, node, keys, self.own, told):
                kept.append(each)
        return kept

    def _as_set(self, reach: Reach, values: list[exp.Expr]) -> Reach | None:
        """The values, once each, of all rows of one relation: joined back to its rows they depend on these alone."""
        alone = not self.select.args.get("joins") and not self.select.args.get("laterals")
        first = self.select.args.get("from_")
        if not alone or first is None or self.select.args.get("where") or self.select.args.get("having"):
            return None
        alias = first.this.alias_or_name.lower()
        source = self.scope.sources.get(alias)
        if not reach.is_grain or not values or not isinstance(source, exp.Table | Scope):
            return None
        columns, carriers = [], {}
        for selected in self.select.selects:
            if selected.unalias() in values:
                text = selected.unalias().sql(DIALECT).lower()
                columns.append(text)
                carriers[text] = frozenset(filter(None, (place_of(selected) or computed_place(selected),)))
        if len(columns) != len(values):
            return None
        return Reach(reach.table, tuple(columns), carriers, False, set_of=(alias, source))

    # What comes out

    def _given(self, reach: Reach) -> Reach:
        places: dict[str, set[str]] = {}
        seen = set()
        for selected in self.select.selects:
            name = selected.alias_or_name.lower()
            if places_read(selected) & reach.seen:
                seen.add(name)
            place = place_of(selected)
            for each in (place, computed_place(selected)):
                if each is not None:
                    places.setdefault(each, set()).add(name)
            if isinstance(selected.unalias(), exp.Coalesce):
                self._first_of(selected, reach, places)
        changed = reach.placed(
            lambda held: frozenset(name for place in held for name in places.get(place, ())) | outside(held, self.own)
        )
        return replace(changed, seen=frozenset(seen))

    def _first_of(self, selected: exp.Expr, reach: Reach, places: dict[str, set[str]]) -> None:
        """`coalesce(a.x, b.x)` where b.x is a.x, or nothing: it is a.x, as USING in a left join writes it."""
        coalesce = selected.unalias()
        parts = [place_of(part) for part in (coalesce.this, *coalesce.expressions)]
        first, others = parts[0], parts[1:]
        if first and all(other and first in closed(frozenset({other}), self.leads) for other in others):
            places.setdefault(first, set()).add(selected.alias_or_name.lower())

    def _own_nodes(self) -> Iterator[exp.Expr]:
        """The parts of what this SELECT computes itself, of the rows that its conditions let through."""
        clauses = [*self.select.selects, *(self.select.args.get(each) for each in ("having", "qualify", "order"))]
        for clause in clauses:
            if clause is not None:
                yield from clause.walk(prune=lambda each: isinstance(each, exp.Query))


def _of_partner(places: Places, inner: Collection[str], leads: Leads) -> Places:
    """Where the value stands outside the aliases `inner`: in places that are equal by `leads`, or are there anyway."""
    equal = {place for each in places for place in leads.get(each, ())}
    return frozenset(equal | {place for place in places if not aliases_of(place) & set(inner)})
