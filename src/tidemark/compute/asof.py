"""Which rows a change of an input reaches whose latest row at or before an instant counts: rates, prices, tariffs.

`{on: [currency], as_of: {rate_date: order_date}}`: a row takes the input's row of its own currency with the latest
`rate_date` that is not after its `order_date`. What changed at a `rate_date` reaches the rows from then on, until the
next `rate_date` that the input has for that currency; what came or went in between has a reach of its own.
"""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.rows import own, quoted
from tidemark.rows.batches import having
from tidemark.write.pruning import Bounds, measured, within

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from tidemark.config.load import InputSpec

_LATER, _UNTIL = own("later"), own("until")
_SPAN = own("span_")


def spans(changed: DataFrame, now: DataFrame, spec: InputSpec) -> DataFrame:
    """From when to when a changed row of an input counts, for each value of `on`; null: until today.

    `now` is the input as it will be; `changed` has the values, old and new, of what changed in it.
    """
    at, _ = spec.as_of_pair
    on = spec.on or ()
    once = changed.where(quoted(at).isNotNull()).distinct()
    from_then_on = [Bounds(each.column, each.type, each.low, None, nulls=False) for each in measured(once, [at]).bounds]
    later = having(_from(now, from_then_on), once, on)
    known = later.select(*[quoted(name).alias(_SPAN + name) for name in on], quoted(at).alias(_LATER))
    same = [quoted(name).eqNullSafe(quoted(_SPAN + name)) for name in on]
    joined = once.join(known, reduce(and_, same, quoted(_LATER) > quoted(at)), "left")
    return joined.groupBy(*map(quoted, (*on, at))).agg(F.min(_LATER).alias(_UNTIL))


def reached(carrier: DataFrame, found: DataFrame, spec: InputSpec) -> DataFrame:
    """The rows of `carrier` that lie in one of the spans."""
    at, instant = spec.as_of_pair
    on = spec.on or ()
    bounds = {each.column: each for each in measured(found, [*on, at, _UNTIL]).bounds}
    near = within(carrier, [bounds[name] for name in on if name in bounds], nulls=True)
    near = near.where(_between(quoted(instant), bounds.get(at), bounds.get(_UNTIL)))
    wanted = found.select(*[quoted(name).alias(_SPAN + name) for name in on], quoted(at).alias(_SPAN), quoted(_UNTIL))
    same = [quoted(name).eqNullSafe(quoted(_SPAN + name)) for name in on]
    inside = (quoted(instant) >= quoted(_SPAN)) & (quoted(_UNTIL).isNull() | (quoted(instant) < quoted(_UNTIL)))
    return near.join(wanted, reduce(and_, same, inside), "left_semi")


def _from(frame: DataFrame, bounds: list[Bounds]) -> DataFrame:
    starts = [quoted(each.column) >= F.lit(each.low).cast(each.type) for each in bounds]
    return frame.where(reduce(and_, starts)) if starts else frame


def _between(value: Column, first: Bounds | None, last: Bounds | None) -> Column:
    """Whether a value can lie in any span, where these have bounds: an open one has no end."""
    inside = F.lit(True) if first is None else value >= F.lit(first.low).cast(first.type)
    if last is None or last.nulls or last.high is None:
        return inside
    return inside & (value < F.lit(last.high).cast(last.type))
