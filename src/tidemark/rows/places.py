"""The columns of a table as queries have them: in the contract's order, wherever they stand in the files.

A column that a contract gains in its middle comes to the end of a table that is there already. A query that tells
columns by their places (`SELECT *` in a union, `AS t(a, b)`) would read others than its author, and the check of
personal data, take them for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from sqlglot import exp

from tidemark.rows import quoted
from tidemark.sql.queries import SqlError, full_name, parse
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame

    from tidemark.config.contract import Contract


def in_order(frame: DataFrame, contract: Contract) -> DataFrame:
    """The contract's columns in its order, then the engine's own, then what else the table has, as it stands there."""
    known = {name: place for place, name in enumerate((*contract.column_names, *METADATA_COLUMNS))}
    ordered = sorted(frame.columns, key=lambda name: known.get(name.lower(), len(known)))
    return frame if ordered == frame.columns else frame.select(*map(quoted, ordered))


def in_places(frame: DataFrame, contract: Contract, sqls: Iterable[str]) -> DataFrame:
    """The frame for queries, of which some may count the places of its columns.

    For these a column stands there that the contract has and the table has not got yet: it is null in all rows, as it
    will be in those that are there when the table gets it.
    """
    there = {name.lower() for name in frame.columns}
    types = {column.name: column.type for column in contract.columns} | dict(METADATA_COLUMNS)
    lacking = {name: F.lit(None).cast(of_type) for name, of_type in types.items() if name not in there}
    if not lacking or not any(_by_place(sql, contract.table) for sql in sqls):
        return frame
    return in_order(frame.withColumns(lacking), contract)


def _by_place(sql: str, read: str) -> bool:
    """Whether what a query gives may depend on the places of a table's columns."""
    try:
        query = parse(sql)
    except SqlError:
        return True
    named = [each for each in query.find_all(exp.Table) if full_name(each) == read]
    is_renamed = any(alias.columns for each in named if (alias := each.args.get("alias")) is not None)
    return is_renamed or any(not isinstance(star.parent, exp.Count) for star in query.find_all(exp.Star))
