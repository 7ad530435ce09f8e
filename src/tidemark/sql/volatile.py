"""Functions that do not give the same for the same row: the time, chance, the session, where a row was read."""

from __future__ import annotations

from collections.abc import Iterator

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
        "current_catalog", "version",
    )
)  # fmt: skip
# Spark takes these for functions where no column has their name.
_BARE = frozenset(("current_date", "current_timestamp", "current_time", "current_user", "localtimestamp", "user"))


def volatile_calls(query: exp.Query) -> Iterator[tuple[str, exp.Expr]]:
    """The calls of such functions in a query whose columns are resolved: the name, and the place."""
    for node in query.walk():
        if isinstance(node, exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.key
            if name.lower().replace("_", "") in _VOLATILE:
                yield node.sql(DIALECT).partition("(")[0].lower(), node
        elif isinstance(node, exp.Column) and not node.table and not node.this.quoted and node.name.lower() in _BARE:
            yield node.name.lower(), node
