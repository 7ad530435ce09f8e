"""What functions over windows tell: the place of a row in an order, how many there are, which rows they are of."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

# They give a value of one row beside another, and no number that an order could be told from.
_PICKS = (exp.FirstValue, exp.LastValue, exp.NthValue, exp.First, exp.Last, exp.Lag, exp.Lead, exp.AnyValue)
_NUMBERS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.PercentRank, exp.CumeDist)


def tells_order(window: exp.Window, *, is_divided: bool) -> bool:
    """Whether a function over a window says where in its order a row is: also by counting or adding up those before.

    Which row of each group is the first is not taken for it: that is how rows are chosen.
    """
    function = _function(window)
    if isinstance(function, exp.RowNumber):
        return not (is_divided and any(map(_divides, window_parts(window, "partition_by"))))
    return not isinstance(function, _PICKS)


def _divides(part: exp.Expr) -> bool:
    """Whether rows surely differ in it; what is asked of them may be the same of all."""
    return part.find(exp.Column) is not None and not isinstance(part.unnest(), exp.Predicate | exp.Typeof)


def numbers(window: exp.Window) -> bool:
    """Whether a function over a window counts the rows of a group up."""
    return isinstance(_function(window), _NUMBERS)


def names_each(window: exp.Window) -> bool:
    """Whether it may give another number to each row of a group, whatever the group is in order by."""
    return isinstance(_function(window), exp.Ntile) or (not numbers(window) and tells_order(window, is_divided=False))


def counts_off(window: exp.Window) -> bool:
    """Whether a function takes a row so many places away, and nothing where there is none: that tells the place."""
    function = _function(window)
    is_away = isinstance(function, exp.Lag | exp.Lead) and function.args.get("offset") is not None
    is_of_none = isinstance(function, _PICKS) and function.this.find(exp.Column) is None
    is_far = isinstance(function, exp.First | exp.Last | exp.AnyValue | exp.FirstValue) and _is_beside(window)
    return is_away or is_of_none or is_far or isinstance(function, exp.NthValue)


def has_frame(window: exp.Window) -> bool:
    """Whether a window says which rows of a group it is of, which may be a single one."""
    return any(each.args.get("spec") is not None for each in _definitions(window))


def _is_beside(window: exp.Window) -> bool:
    """Whether a frame may be beside its row, so that there is none in it at the ends of a group."""
    specs = [spec for each in _definitions(window) if (spec := each.args.get("spec")) is not None]
    sides = [(spec.args.get("start_side"), spec.args.get("end_side")) for spec in specs]
    return any(start is not None and start == end for start, end in sides)


def is_of_another_query(window: exp.Window) -> bool:
    """Whether a window has a name that its SELECT does not make: of one around it, or of none."""
    named = _named(window)
    return any(each.alias and each.alias.lower() not in named for each in _definitions(window))


def window_orders(select: exp.Select) -> Iterator[exp.Expr]:
    """What the windows in the columns of a SELECT are in order by: its rows come out in that order."""
    for selected in select.expressions:
        for window in windows_in(selected):
            yield from window_parts(window, "order")


def windows_in(node: exp.Expr | None) -> Iterator[exp.Window]:
    for each in node.walk(prune=lambda part: isinstance(part, exp.Query)) if node is not None else ():
        if isinstance(each, exp.Window):
            yield each


def window_parts(window: exp.Window, name: str) -> list[exp.Expr]:
    """What a window is ordered (`order`) or divided by (`partition_by`), here and where it is named."""
    found: list[exp.Expr] = []
    for part in _definitions(window):
        order = part.args.get("order")
        found += (part.args.get(name) or []) if name != "order" else order.expressions if order is not None else []
    return found


def _definitions(window: exp.Window) -> Iterator[exp.Window]:
    """A window, and the named ones it is made of."""
    named = _named(window)
    part: exp.Expr | None = window
    while isinstance(part, exp.Window):
        yield part
        part = named.pop(part.alias.lower(), None)


def _named(window: exp.Window) -> dict[str, exp.Expr]:
    """The windows to which the SELECT around one gives a name."""
    select = window.find_ancestor(exp.Select)
    return {each.name.lower(): each for each in (select.args.get("windows") or () if select is not None else ())}


def _function(window: exp.Window) -> exp.Expr:
    function: exp.Expr = window.this
    while isinstance(function, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        function = function.this
    return function
