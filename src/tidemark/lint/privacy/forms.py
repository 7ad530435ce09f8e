"""What parts of a query ask for: whether there is a value, how many there are, which place a row has in an order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from tidemark.sql import queries
from tidemark.sql.tracing.reach import conjuncts, is_aggregate

_HOW_MANY = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RegrCount, exp.Grouping, exp.GroupingId)
_HOW_MANY_NAMES = frozenset(("count_if", "approx_count_distinct", "regr_count", "grouping_id"))
_ALL_OF_THEM = (exp.ArrayAgg, exp.ArrayUniqueAgg)
_NULL_TESTS = frozenset(("isnull", "isnotnull"))
_EQUAL = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
# What is null where what it is made of is null, and nowhere else: that says nothing more of a value.
_KEEPS_NULLS = (
    exp.Column, exp.Identifier, exp.Dot, exp.Paren, exp.Alias, exp.Lower, exp.Upper, exp.Trim, exp.Coalesce, exp.Length,
    exp.Cast, exp.TryCast, exp.DPipe, exp.Distinct, exp.Tuple, exp.Max, exp.Min, exp.AnyValue, exp.First, exp.Last,
    exp.Collate, exp.Initcap, exp.TsOrDsToDate, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Ordered, exp.IgnoreNulls,
    exp.RespectNulls,
)  # fmt: skip
# They give a value of one row beside another, and no number that an order could be told from.
_PICKS = (exp.FirstValue, exp.LastValue, exp.NthValue, exp.First, exp.Last, exp.Lag, exp.Lead, exp.AnyValue)
_OF_ANY_NUMBER = (exp.Max, exp.Min, exp.AnyValue, exp.First, exp.Last, exp.ArgMax, exp.ArgMin)
_NUMBERS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.PercentRank, exp.CumeDist)
_NAMES_ROWS = (exp.RowNumber, exp.Uuid, exp.Rand, exp.Randn, exp.Uniform, exp.Randstr)
_CHAINS = ((exp.DPipe,), (exp.Add, exp.Sub, exp.Mul, exp.Div), (exp.And, exp.Or))
_PLACES_OF_WORK = frozenset(("spark_partition_id", "monotonically_increasing_id"))


def keeps_nulls(node: exp.Expr) -> bool:
    """Whether an expression is null, or an empty text, where what it is made of is."""
    trims_more = isinstance(node, exp.Trim) and node.args.get("expression") is not None
    return isinstance(node, _KEEPS_NULLS) and not trims_more


def null_tested(node: exp.Expr) -> list[exp.Expr] | None:
    """What an expression asks of whether it is null, and nothing else; None where it asks more."""
    if isinstance(node, exp.Anonymous) and node.name.lower() in _NULL_TESTS:
        return list(node.expressions)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return [node.this]
    if isinstance(node, _EQUAL):
        if _is_empty(node.expression) or node.left == node.right:
            return [node.left]
        return [node.right] if _is_empty(node.left) else None
    return None


def null_if_empty(node: exp.Expr) -> exp.Expr | None:
    """The value of `nullif(value, '')`, which says no more than the value whether there is one."""
    return node.this if isinstance(node, exp.Nullif) and _is_empty(node.expression) else None


def counted(node: exp.Expr) -> list[exp.Expr] | None:
    """What an expression only tells the number of; None where it tells more."""
    if isinstance(node, _HOW_MANY) or (isinstance(node, exp.Anonymous) and node.name.lower() in _HOW_MANY_NAMES):
        return [each for each in node.iter_expressions() if not isinstance(each, exp.Star)]
    if isinstance(node, exp.ArraySize) and isinstance(node.this, _ALL_OF_THEM):
        return [node.this.this]
    if _is_call(node, "hll_sketch_estimate") and len(node.expressions) == 1:
        (sketch,) = node.expressions
        return list(sketch.expressions) if _is_call(sketch, "hll_sketch_agg") else None
    return None


def adds_up(node: exp.Expr) -> bool:
    """Whether the value of an aggregate follows from how many rows there are."""
    return is_aggregate(node) and not isinstance(node, _OF_ANY_NUMBER)


def is_place_of_work(node: exp.Expr) -> bool:
    """Whether it tells where a row was computed, which follows from the values by which rows were distributed."""
    return isinstance(node, exp.Anonymous) and node.name.lower() in _PLACES_OF_WORK


def tells_order(window: exp.Window) -> bool:
    """Whether a function over a window says where in its order a row is: also by counting or adding up those before.

    Which row of each group is the first is not taken for it: that is how rows are chosen.
    """
    function = _function(window)
    if isinstance(function, exp.RowNumber):
        return not any(each.find(exp.Column) for each in window_parts(window, "partition_by"))
    return not isinstance(function, _PICKS)


def numbers(window: exp.Window) -> bool:
    """Whether a function over a window counts the rows of a group up."""
    return isinstance(_function(window), _NUMBERS)


def _function(window: exp.Window) -> exp.Expr:
    function: exp.Expr = window.this
    while isinstance(function, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    return function


def names_rows(node: exp.Expr) -> bool:
    """Whether a value is another one in each row, so that what is grouped by it is of one row."""
    return isinstance(node, _NAMES_ROWS)


def time_windows(select: exp.Select) -> Iterator[tuple[str, exp.Expr]]:
    """The columns `window` and `session_window` that Spark makes of such calls in a SELECT or what it groups by."""
    for part in (*select.expressions, *grouped_by(select)):
        yield from ((call.name.lower(), call) for call in queries.time_windows(part))


def window_parts(window: exp.Window, name: str) -> list[exp.Expr]:
    """What a window is ordered (`order`) or divided by (`partition_by`), here and where it is named."""
    found: list[exp.Expr] = []
    for part in _definitions(window):
        order = part.args.get("order")
        found += (part.args.get(name) or []) if name != "order" else order.expressions if order is not None else []
    return found


def _definitions(window: exp.Window) -> Iterator[exp.Window]:
    """A window, and the named ones it is made of."""
    select = window.find_ancestor(exp.Select)
    named = {each.name.lower(): each for each in (select.args.get("windows") or () if select is not None else ())}
    part: exp.Expr | None = window
    while isinstance(part, exp.Window):
        yield part
        part = named.pop(part.alias.lower(), None)


def sides(condition: exp.Expr) -> list[list[exp.Expr]]:
    """The parts of a condition that are held against each other; all of it is one where it is no comparison."""
    if isinstance(condition, exp.Between):
        return [[condition.this], [condition.args["low"], condition.args["high"]]]
    if isinstance(condition, exp.In):
        return [[condition.this], [*condition.expressions, *_given(condition, "query", "unnest", "field")]]
    if isinstance(condition, exp.Binary) and isinstance(condition, exp.Predicate):
        return [[condition.left], [condition.right]]
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
    return isinstance(condition, _RANGES)


def is_equality(condition: exp.Expr) -> bool:
    """Whether a condition says that two things are the same, or that one is among others."""
    return isinstance(condition, exp.EQ | exp.NullSafeEQ) or bool(_given(condition, "query"))


def conditions(select: exp.Expr) -> list[exp.Expr]:
    """What rows of a query have to fulfil behind its joins, each of it on its own."""
    clauses = (select.args.get(name) for name in ("where", "having", "qualify"))
    return [part for clause in clauses if clause is not None for part in conjuncts(clause.this)]


def grouped_by(select: exp.Select) -> list[exp.Expr]:
    """What a SELECT groups its rows by."""
    group = select.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [each for each in select.expressions if each.find(exp.AggFunc) is None]
    parts: list[exp.Expr] = []
    for each in group.iter_expressions():
        at = place(each, select.expressions)
        parts.append(each if at is None else select.expressions[at])
    return parts


def is_one_column(selected: exp.Expr) -> bool:
    """Whether what is selected is surely one column, and not what a generator or a star makes several of."""
    node = selected.unnest()
    is_several = isinstance(node, exp.Dot | exp.Anonymous | exp.UDTF | exp.Explode | exp.Inline | exp.Stack)
    return isinstance(node, exp.Literal | exp.Null | exp.Boolean | exp.Func | exp.Binary | exp.Unary) and not is_several


def alike(union: exp.SetOperation, width: int) -> list[bool]:
    """Whether both sides of a UNION select the same, place by place, as far as their texts tell."""
    left, right = (side.unnest() if isinstance(side, exp.Subquery) else side for side in (union.this, union.expression))
    if not (isinstance(left, exp.Select) and isinstance(right, exp.Select)):
        return [False] * width
    pairs = zip(left.expressions, right.expressions, strict=False)
    found = [one.unalias() == other.unalias() for one, other in pairs]
    return found if len(found) == width else [False] * width


def sorted_by(query: exp.Expr) -> list[exp.Expr]:
    """What the rows of a query are in order by, or together by."""
    clauses = [query.args.get(name) for name in ("order", "sort", "cluster", "distribute")]
    parts = [each for clause in clauses if clause is not None for each in clause.expressions]
    return [each.this if isinstance(each, exp.Ordered) else each for each in parts]


def place(node: exp.Expr, columns: Sequence[object]) -> int | None:
    """The place in `columns`, from 0, that a bare number means in ORDER BY and GROUP BY; None of anything else."""
    is_number = isinstance(node, exp.Literal) and node.is_int and 0 < int(node.name) <= len(columns)
    return int(node.name) - 1 if is_number else None


def is_among(node: exp.Expr, parts: Iterable[object]) -> bool:
    return any(node is part or (isinstance(part, list) and any(node is each for each in part)) for part in parts)


def is_label(parent: exp.Expr, node: exp.Expr) -> bool:
    """Whether an identifier names something that is made here (an alias, a field), and not a value."""
    makes = isinstance(parent, exp.Alias | exp.Aliases | exp.PropertyEQ | exp.Kwarg | exp.TableAlias)
    return isinstance(node, exp.Identifier) and (makes or node is parent.args.get("alias"))


def _given(node: exp.Expr, *names: str) -> list[exp.Expr]:
    return [part for name in names if isinstance(part := node.args.get(name), exp.Expr)]


def _is_empty(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and not node.name


def _is_call(node: exp.Expr, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() == name
