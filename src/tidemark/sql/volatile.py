"""Functions that do not give the same for the same row: the time, chance, the session, where a row was read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlglot import exp

from tidemark.sql.queries import DIALECT

_VOLATILE = frozenset(
    name.replace("_", "")
    for name in (
        "rand", "randn", "random", "randstr", "uniform", "uuid", "shuffle",
        "now", "curdate", "current_date", "current_time", "current_timestamp", "current_datetime", "localtimestamp",
        "monotonically_increasing_id", "spark_partition_id",
        "input_file_name", "input_file_block_start", "input_file_block_length",
        "current_timezone", "current_user", "session_user", "user", "current_database", "current_schema",
        "current_catalog", "version", "aes_encrypt",
    )
)  # fmt: skip
# Spark takes these for functions where no column has their name.
_BARE = frozenset(("current_date", "current_timestamp", "current_time", "current_user", "localtimestamp", "user"))
# Text that Spark takes for a time of this run wherever it makes a date or a timestamp of it.
_DAYS = frozenset(("now", "today", "tomorrow", "yesterday"))
_CLOCK = re.compile(r"T?\d{1,2}:\d{1,2}(:\d{1,2}(\.\d*)?)?")
_TIMES = frozenset(("date", "timestamp", "timestamptz", "timestampltz", "timestampntz"))
_OF_TIMES = re.compile("date|time|tsords|day|month|year|week|quarter|hour|minute|second|extract|trunc", re.IGNORECASE)
_MEETING = (exp.Binary, exp.Between, exp.In, exp.Coalesce, exp.Case, exp.If, exp.Nullif)


def volatile_calls(
    query: exp.Query, schema: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[tuple[str, exp.Expr]]:
    """What of a query, whose columns are resolved, is such a function, or a text that stands for such a time: the name,
    and the place. `schema`: the columns of the tables that it reads, and their types.
    """
    times = {name for columns in (schema or {}).values() for name, type_ in columns.items() if type_ in _TIMES}
    for node in query.walk():
        if isinstance(node, exp.Literal) and node.is_string and _is_of_this_run(node, times):
            yield node.sql(DIALECT), node
        if isinstance(node, exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.key
            if name.lower().replace("_", "") in _VOLATILE:
                yield node.sql(DIALECT).partition("(")[0].lower(), node
        elif isinstance(node, exp.Column) and not node.table and not node.this.quoted and node.name.lower() in _BARE:
            yield node.name.lower(), node


def _is_of_this_run(text: exp.Literal, times: set[str]) -> bool:
    """Whether a text is made a date or a timestamp, and another one in every run; `times`: columns that are some."""
    word, parent = text.name.strip().lower(), text.parent
    is_clock = bool(_CLOCK.fullmatch(word.upper()))
    if word not in _DAYS and not is_clock:
        return False
    if isinstance(parent, exp.Cast):  # and TRY_CAST, DATE '…', TIMESTAMP '…'
        type_ = parent.to.this.value.lower()
        return type_ in _TIMES and (not is_clock or type_ not in ("date", "timestampntz"))
    if isinstance(parent, _MEETING):
        return any(_is_time(other, times) for other in _beside(text, parent))
    called = parent.name if isinstance(parent, exp.Anonymous) else type(parent).__name__
    return isinstance(parent, exp.Func) and bool(_OF_TIMES.search(called)) and not is_clock


def _beside(text: exp.Literal, parent: exp.Expr) -> Iterator[exp.Expr]:
    """The values that a text is compared with, or that stand in its place where it does not."""
    case = parent.parent if isinstance(parent, exp.If) and isinstance(parent.parent, exp.Case) else parent
    if isinstance(parent, exp.If) and text.arg_key == "this":
        yield from filter(None, [case.this])
    elif isinstance(case, exp.Case):
        yield from (branch.args["true"] for branch in case.args["ifs"])
        yield from filter(None, [case.args.get("default")])
    else:
        yield from (part for part in case.iter_expressions() if part is not text)


def _is_time(node: exp.Expr, times: set[str]) -> bool:
    if isinstance(node, exp.Cast):
        return node.to.this.value.lower() in _TIMES
    return isinstance(node, exp.Column) and node.name.lower() in times
