"""What parts of a query ask for: whether there is a value, how many there are, which place a row has in an order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from tidemark.lint.privacy.seeing.windows import window_parts, windows_in
from tidemark.sql import queries
from tidemark.sql.tracing.reach import conjuncts, is_aggregate

_HOW_MANY = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RegrCount, exp.Grouping, exp.GroupingId)
_HOW_MANY_NAMES = frozenset(("count_if", "approx_count_distinct", "regr_count", "grouping_id"))
_ALL_OF_THEM = (exp.ArrayAgg, exp.ArrayUniqueAgg)
_SKETCHES = {"hll_sketch_estimate": "hll_sketch_agg", "theta_sketch_estimate": "theta_sketch_agg"}
_NULL_TESTS = frozenset(("isnull", "isnotnull"))
_NULL_SAFE = (exp.NullSafeEQ, exp.NullSafeNEQ, exp.EqualNull)
_EQUAL = (exp.EQ, exp.NEQ, *_NULL_SAFE)
_SPREADS = ("repartition", "rebalance")
_MEASURES = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Interval,
    exp.Var, exp.DateDiff, exp.MonthsBetween, exp.DateAdd, exp.DateSub, exp.TsOrDsAdd, exp.TsOrDsDiff, exp.AddMonths,
    exp.Year, exp.Month, exp.Day, exp.TsOrDsToDate, exp.Cast, exp.DataType, exp.Floor, exp.CurrentDate,
    exp.CurrentTimestamp, exp.Date, exp.DateTrunc, exp.TimestampTrunc,
)  # fmt: skip
"""Columns and differences of dates, which a condition may bound."""
_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
# What is null where what it is made of is null, and nowhere else: that says nothing more of a value.
_KEEPS_NULLS = (
    exp.Column, exp.Identifier, exp.Dot, exp.Paren, exp.Alias, exp.Lower, exp.Upper, exp.Trim, exp.Coalesce, exp.Length,
    exp.Cast, exp.TryCast, exp.DPipe, exp.Distinct, exp.Tuple, exp.Max, exp.Min, exp.AnyValue, exp.First, exp.Last,
    exp.Collate, exp.Initcap, exp.TsOrDsToDate, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Ordered, exp.IgnoreNulls,
    exp.RespectNulls,
)  # fmt: skip
_OF_ANY_NUMBER = (exp.Max, exp.Min, exp.AnyValue, exp.First, exp.Last, exp.ArgMax, exp.ArgMin)
_DIGESTS = (exp.SHA2, exp.MD5, exp.SHA)
_OF_MORE = (*_OF_ANY_NUMBER, *_ALL_OF_THEM, exp.DPipe, exp.Length)  # null with their values, and no value of somebody
_NAMES_ROWS = (exp.RowNumber, exp.Uuid, exp.Rand, exp.Randn, exp.Uniform, exp.Randstr, exp.Shuffle)
_CHAINS = ((exp.DPipe,), (exp.Add, exp.Sub, exp.Mul, exp.Div), (exp.And, exp.Or))
_SIGN = r"(?:\\{1,2}[.+?*()\-]|[^\w\s\\^$.|?*+()\[\]]| )"
_SIGNS = re.compile(
    rf"(?:\\{{1,2}}[sWD]|\[(?:{_SIGN}|[.+()]|\\{{1,2}}s)+\]|\[\^[^\[\]\\]*(?:0-9|a-z|A-Z)[^\[\]\\]*\]|{_SIGN})[+*]?"
    r"|\\{0,2}\[?\+\]?\[\^@\][*+]"
)
"""What is taken out of a text to tidy it up: blanks, signs that are no letters or digits, `+…` of an address."""
_REPLACED = (exp.Replace, exp.RegexpReplace, exp.Translate)
_TUPLES = (exp.Tuple, exp.Struct)
_GENERATORS = (exp.UDTF, exp.Explode, exp.Inline, exp.Stack)
_GENERATOR_NAMES = frozenset(("json_tuple", "variant_explode", "variant_explode_outer", "inline_outer"))
_GROUPS = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple, exp.Paren)
_PLACES_OF_WORK = frozenset((
    "spark_partition_id", "monotonically_increasing_id", "input_file_name", "input_file_block_start",
    "input_file_block_length",
))  # fmt: skip


def keeps_nulls(node: exp.Expr) -> bool:
    """Whether an expression is null, or an empty text, where what it is made of is."""
    if _is_call(node, "btrim"):
        return len(node.expressions) == 1
    trims_more = isinstance(node, exp.Trim) and node.args.get("expression") is not None
    has_format = isinstance(node, exp.TsOrDsToDate) and node.args.get("format") is not None  # null where it fits not
    return isinstance(node, _KEEPS_NULLS) and not trims_more and not has_format


def null_tested(node: exp.Expr) -> list[exp.Expr] | None:
    """What an expression asks of whether it is null, and nothing else; None where it asks more."""
    if isinstance(node, exp.Anonymous) and node.name.lower() in _NULL_TESTS:
        return list(node.expressions)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return [node.this]
    if isinstance(node, _EQUAL):
        nothing = (exp.Null,) if isinstance(node, _NULL_SAFE) else ()
        one, other = node.this, node.expression
        if _is_empty(other) or isinstance(other, nothing) or one == other:
            return [one]
        return [other] if _is_empty(one) or isinstance(one, nothing) else None
    if isinstance(node, exp.GT) and isinstance(node.this, exp.Length) and _is_zero(node.expression):
        return [node.this.this]
    return None


def values_in(node: exp.Expr) -> list[exp.Expr]:
    """The parts of an expression whose values it is made of."""
    return [each for each in operands(node) if not _is_label(node, each) and not _is_how(node, each)]


def _is_how(parent: exp.Expr, node: exp.Expr) -> bool:
    """Whether a literal only says how a value is tidied up or digested: it is no part of what comes of it."""
    if not isinstance(node, exp.Literal) or node is parent.this:
        return False
    if isinstance(parent, exp.SHA2):
        return True
    put = parent.args.get("to" if isinstance(parent, exp.Translate) else "replacement")
    tidies = isinstance(parent, exp.Trim) or (isinstance(parent, _REPLACED) and (put is None or _is_empty(put)))
    if isinstance(parent, exp.RegexpReplace):
        return tidies and (node is put or _SIGNS.fullmatch(node.name) is not None)
    return tidies and (node is put or not any(sign.isalnum() for sign in node.name))


def summed_flags(node: exp.Expr) -> list[exp.Expr] | None:
    """What is added up of the rows that fulfil a condition, and of the others; None of any other sum."""
    if not (isinstance(node, exp.Sum | exp.Avg) or _is_call(node, "mean")):
        return None
    added = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    summed = added.this if isinstance(added, exp.Cast) else added
    if isinstance(summed, exp.Case) and summed.this is None:
        parts = [each.args.get("true") for each in summed.args.get("ifs") or ()]
        return [each for each in (*parts, summed.args.get("default")) if each is not None]
    if isinstance(summed, exp.If):
        return [each for each in (summed.args.get("true"), summed.args.get("false")) if each is not None]
    return [] if isinstance(summed, exp.Predicate) and summed is not added else None


def asked_by(summed: exp.Expr) -> list[exp.Expr]:
    """The conditions by which flags are added up."""
    cases = [each.this for each in summed.find_all(exp.If)]
    return cases or list(summed.find_all(exp.Predicate))


def tidies(node: exp.Expr) -> bool:
    """Whether an expression leaves a value what it is for who joins by it: tidied up, digested, or named."""
    if isinstance(node, _REPLACED):
        return all(_is_how(node, each) for each in node.iter_expressions() if each is not node.this)
    return isinstance(node, _DIGESTS) or (keeps_nulls(node) and not isinstance(node, _OF_MORE))


def has_columns(node: exp.Expr) -> bool:
    """Whether an expression reads columns, or what a query in it gives; arguments of its own functions are none."""
    given = {each.name.lower() for inner in node.find_all(exp.Lambda) for each in inner.expressions}
    has_own = any(each.parts[0].name.lower() not in given for each in node.find_all(exp.Column))
    return has_own or node.find(exp.Star, exp.Query) is not None


def null_if_empty(node: exp.Expr) -> exp.Expr | None:
    """The value of `nullif(value, '')`, which says no more than the value whether there is one."""
    return node.this if isinstance(node, exp.Nullif) and _is_empty(node.expression) else None


def counted(node: exp.Expr) -> list[exp.Expr] | None:
    """What an expression only tells the number of; None where it tells more."""
    if isinstance(node, _HOW_MANY) or (isinstance(node, exp.Anonymous) and node.name.lower() in _HOW_MANY_NAMES):
        return [each for each in node.iter_expressions() if not isinstance(each, exp.Star)]
    if isinstance(node, exp.ArraySize) or (_is_call(node, "cardinality") and len(node.expressions) == 1):
        held = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
        held = held.this if isinstance(held, exp.ArrayDistinct) else held
        return [held.this] if isinstance(held, _ALL_OF_THEM) else None
    for estimate, aggregate in _SKETCHES.items():
        if _is_call(node, estimate) and len(node.expressions) == 1:
            (sketch,) = node.expressions
            return list(sketch.expressions) if _is_call(sketch, aggregate) else None
    return None


def adds_up(node: exp.Expr) -> bool:
    """Whether the value of an aggregate follows from how many rows there are."""
    return is_aggregate(node) and not isinstance(node, _OF_ANY_NUMBER)


def keeps_order(node: exp.Expr) -> bool:
    """Whether an aggregate makes a list of the values of its rows, in their order."""
    return isinstance(node, exp.ArrayAgg | exp.GroupConcat) and node.find_ancestor(exp.Window, exp.Query) is not None


def is_place_of_work(node: exp.Expr) -> bool:
    """Whether it tells where a row was computed, or lies, which follows from the values by which rows are distributed.

    The name of a file has the values by which its table is partitioned.
    """
    return isinstance(node, exp.Anonymous) and node.name.lower() in _PLACES_OF_WORK


def makes_rows(selected: exp.Expr) -> bool:
    """Whether what is selected is a generator, which makes several rows of one."""
    node = (selected.this if isinstance(selected, exp.Aliases) else selected.unalias()).unnest()
    is_named = isinstance(node, exp.Anonymous) and node.name.lower() in _GENERATOR_NAMES
    return isinstance(node, _GENERATORS) or is_named


def made_by(source: exp.Expr) -> exp.Expr | None:
    """The function that makes the rows of what a FROM or JOIN names, if one does."""
    made = source.args.get("this")
    if isinstance(source, exp.Values) or isinstance(made, exp.Query | exp.Identifier):
        return None
    return made if isinstance(source, exp.Lateral | exp.Table) else source if isinstance(source, exp.UDTF) else None


def names_rows(node: exp.Expr) -> bool:
    """Whether a value is another one in each row, so that what is grouped by it is of one row."""
    return isinstance(node, _NAMES_ROWS) or _is_call(node, "aes_encrypt")  # which begins each with a random text


def time_windows(select: exp.Select) -> Iterator[tuple[str, exp.Expr]]:
    """The columns `window` and `session_window` that Spark makes of such calls in a SELECT or what it groups by."""
    for part in (*select.expressions, *grouped_by(select)):
        yield from ((call.name.lower(), call) for call in queries.time_windows(part))


def sides(condition: exp.Expr) -> list[list[exp.Expr]]:
    """The parts of a condition that are held against each other; all of it is one where it is no comparison."""
    if isinstance(condition, exp.Between):
        return [[condition.this], [condition.args["low"], condition.args["high"]]]
    if isinstance(condition, exp.In):
        return [[condition.this], [*condition.expressions, *_given(condition, "query", "unnest", "field")]]
    if isinstance(condition, exp.EqualNull) or (
        isinstance(condition, exp.Binary) and isinstance(condition, exp.Predicate)
    ):
        return [[condition.this], [condition.expression]]
    return [[condition]]


def operands(node: exp.Expr) -> list[exp.Expr]:
    """The parts of an expression; of a chain of like operators (`a || b || …`) all that it is made of."""
    alike = next((types for types in _CHAINS if isinstance(node, types)), ())
    found: list[exp.Expr] = []
    left = list(node.iter_expressions())
    while left:
        part = left.pop(0)
        if isinstance(part, alike):
            left[:0] = part.iter_expressions()
        else:
            found.append(part)
    return found


def is_range(condition: exp.Expr) -> bool:
    """Whether a condition bounds a column, or a difference of some; anything else can be an equality in other words."""
    parts = (node for side in sides(condition) for part in side for node in part.walk())
    return isinstance(condition, _RANGES) and all(isinstance(node, _MEASURES) for node in parts)


def leaves(condition: exp.Expr) -> Iterator[exp.Expr]:
    """The least conditions of which one is made, also those that compare tuples and lists with each other."""
    if isinstance(condition, exp.Connector | exp.Not | exp.Paren):
        for each in operands(condition):
            yield from leaves(each)
        return
    pairs = list(_compared(condition))
    if not pairs:
        yield condition
    for one, other in pairs:
        equal = exp.EQ()  # the parts stay where they are: what is around them says what their names mean
        equal.args.update(this=one, expression=other)
        equal.parent = condition.parent
        yield equal


def _compared(condition: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """What of two tuples, or of a value and a list, is compared with what."""
    if isinstance(condition, exp.In) and not _given(condition, "query", "unnest", "field"):
        yield from ((condition.this, each) for each in condition.expressions)
    elif isinstance(condition, exp.EQ | exp.NullSafeEQ | exp.EqualNull):
        one, other = (side.unnest() for side in (condition.this, condition.expression))
        if isinstance(one, _TUPLES) and isinstance(other, _TUPLES) and len(one.expressions) == len(other.expressions):
            yield from zip(one.expressions, other.expressions, strict=True)


def is_equality(condition: exp.Expr) -> bool:
    """Whether a condition says that two things are the same, or that one is among others."""
    return isinstance(condition, exp.EQ | exp.NullSafeEQ | exp.EqualNull) or bool(_given(condition, "query"))


def conditions(select: exp.Expr) -> list[exp.Expr]:
    """What rows of a query have to fulfil behind its joins, each of it on its own."""
    clauses = (select.args.get(name) for name in ("where", "having", "qualify"))
    return [part for clause in clauses if clause is not None for part in conjuncts(clause.this)]


def divisions(select: exp.Expr) -> list[exp.Expr]:
    """What puts rows of a SELECT together, apart or in an order, by what is compared there: groups, windows, orders."""
    if not isinstance(select, exp.Select):
        return []
    windows = [window for part in (*select.expressions, select.args.get("qualify")) for window in windows_in(part)]
    parts = [part for each in windows for name in ("order", "partition_by") for part in window_parts(each, name)]
    ordered = [part for selected in select.expressions for part in _aggregate_orders(selected)]
    return [
        *grouped_by(select),
        *(each for each in select.expressions if makes_rows(each)),
        *ordered,
        *(each.this if isinstance(each, exp.Ordered) else each for each in parts),
        *sorted_by(select),
    ]


def _aggregate_orders(selected: exp.Expr) -> Iterator[exp.Expr]:
    """What aggregates choose or sort the values of their rows by."""
    for node in selected.walk(prune=_is_query):
        if isinstance(node, exp.ArgMax | exp.ArgMin) and isinstance(node.expression, exp.Expr):
            yield node.expression
        elif isinstance(node, exp.Ordered) and node.find_ancestor(exp.Window, exp.Query) is not None:
            yield node.this


def aliased(name: exp.Column) -> exp.Expr | None:
    """What a bare name stands for that the SELECT around it gives to an expression; not where it is in that itself."""
    select = name.find_ancestor(exp.Select)
    for each in select.expressions if select is not None and len(name.parts) == 1 else ():
        is_inside = any(each is around for around in _around(name))
        if isinstance(each, exp.Alias) and each.alias.lower() == name.name.lower() and not is_inside:
            made: exp.Expr = each.this
            return made
    return None


def _around(node: exp.Expr) -> Iterator[exp.Expr]:
    parent: exp.Expr | None = node
    while parent is not None:
        yield parent
        parent = parent.parent


def grouped_by(select: exp.Select) -> list[exp.Expr]:
    """What a SELECT groups its rows by."""
    group = select.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [each for each in select.expressions if not any(map(is_aggregate, each.walk(prune=_is_query)))]
    found: list[exp.Expr] = []
    for each in (part for whole in group.iter_expressions() for part in _grouping(whole)):
        at = place(each, select.expressions)
        found.append(each if at is None else select.expressions[at])
    return found


def _grouping(node: exp.Expr) -> Iterator[exp.Expr]:
    """The expressions of which ROLLUP, CUBE and GROUPING SETS make groups."""
    if not isinstance(node, _GROUPS):
        yield node
        return
    for part in node.iter_expressions():
        yield from _grouping(part)


def is_one_column(selected: exp.Expr) -> bool:
    """Whether what is selected is surely one column, and not what a generator or a star makes several of."""
    node = selected.unnest()
    is_several = isinstance(node, exp.Dot | exp.Anonymous | exp.UDTF | exp.Explode | exp.Inline | exp.Stack)
    return isinstance(node, exp.Literal | exp.Null | exp.Boolean | exp.Func | exp.Binary | exp.Unary) and not is_several


def sorted_by(query: exp.Expr) -> list[exp.Expr]:
    """What the rows of a query are in order by, or together by."""
    clauses = [query.args.get(name) for name in ("order", "sort", "cluster", "distribute")]
    parts = [each for clause in clauses if clause is not None for each in clause.expressions]
    found = [each.this if isinstance(each, exp.Ordered) else each for each in parts]
    hints = query.args["hint"].expressions if query.args.get("hint") is not None else []
    spread = [each for each in hints if each.name.lower().startswith(_SPREADS)]
    found += [column for each in spread for column in each.find_all(exp.Column)]
    is_all = any(isinstance(each, exp.Var | exp.Column) and each.name.lower() == "all" for each in found)
    return [*found, *(each.unalias() for each in query.selects)] if is_all and isinstance(query, exp.Query) else found


def is_number(node: exp.Expr) -> bool:
    node = node.unnest()
    return isinstance(node, exp.Literal) and bool(node.is_int)


def place(node: exp.Expr, columns: Sequence[object]) -> int | None:
    """The place in `columns`, from 0, that a bare number means in ORDER BY and GROUP BY; None of anything else."""
    number = int(node.unnest().name) if is_number(node) else 0
    return number - 1 if 0 < number <= len(columns) else None


def is_among(node: exp.Expr, parts: Iterable[object]) -> bool:
    return any(node is part or (isinstance(part, list) and any(node is each for each in part)) for part in parts)


def _is_label(parent: exp.Expr, node: exp.Expr) -> bool:
    """Whether an identifier names something that is made here (an alias, a field), and not a value."""
    makes = isinstance(parent, exp.Alias | exp.Aliases | exp.PropertyEQ | exp.Kwarg | exp.TableAlias)
    return isinstance(node, exp.Identifier) and (makes or node is parent.args.get("alias"))


def _given(node: exp.Expr, *names: str) -> list[exp.Expr]:
    return [part for name in names if isinstance(part := node.args.get(name), exp.Expr)]


def _is_query(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query)


def _is_empty(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and not node.name


def _is_zero(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and node.name == "0"


def _is_call(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name
