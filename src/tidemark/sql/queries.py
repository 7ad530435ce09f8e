"""Spark SQL as text: parse it, see which tables it reads, bind these to views. The text itself stays as written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.spark import SparkParser


class SparkSql(Spark):
    """Spark's SQL as the parser knows it, and what Spark 4.1 has besides: `variant:path`, and `window(…)` anywhere."""

    class Parser(SparkParser):
        COLON_IS_VARIANT_EXTRACT = True
        COLON_CHAIN_IS_SINGLE_EXTRACT = False

    class Tokenizer(Spark.Tokenizer):
        def tokenize(self, sql: str) -> list[Token]:
            """The words of a text; WINDOW before a parenthesis is a function and begins no clause."""
            tokens = super().tokenize(sql)
            for token, after in pairwise(tokens):
                if token.token_type is TokenType.WINDOW and after.token_type is TokenType.L_PAREN:
                    token.token_type = TokenType.VAR
            return tokens


DIALECT = SparkSql


class SqlError(ValueError):
    """SQL that cannot be used; `line` counts from 1 within the text."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def parse(sql: str) -> exp.Query:
    """The one query in `sql`; raises `SqlError` when it does not parse, or is no query, or is not alone."""
    found = [statement for statement in statements(sql) if not isinstance(statement, exp.Semicolon)]
    if len(found) != 1:
        raise SqlError(f"holds {len(found)} statements, one query is needed")
    query = found[0]
    if not isinstance(query, exp.Query):
        raise SqlError(f"is a {query.key.upper()}, a query (SELECT) is needed")
    return query


def statements(sql: str) -> list[exp.Expr]:
    """What is in `sql`, statement by statement; raises `SqlError` when it does not parse."""
    try:
        return [statement for statement in sqlglot.parse(sql, dialect=DIALECT) if statement is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = f" near `{first['highlight']}`" if first.get("highlight") else ""
        raise SqlError(f"does not parse: {first.get('description', error)}{near}", first.get("line") or 1) from error
    except (TokenError, RecursionError) as error:
        raise SqlError(f"does not parse: {error}") from error
    except IndexError as error:
        raise SqlError("does not parse: a function lacks an argument") from error


def tables_read(query: exp.Query) -> tuple[str, ...]:
    """The tables that a query reads, as `layer.table`, in the order of their names. CTEs are not among them."""
    return tuple(sorted({full_name(table) for table in table_nodes(query)}))


def table_nodes(query: exp.Query) -> tuple[exp.Table, ...]:
    """The places of a query where a table is named with its layer."""
    return tuple(table for table in query.find_all(exp.Table) if table.db)


def unqualified_tables(query: exp.Query) -> tuple[exp.Table, ...]:
    """Tables that are written without a layer and are no CTE of the query either, no function and no word of a hint."""
    named = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    bare = (table for table in query.find_all(exp.Table) if not table.db and isinstance(table.this, exp.Identifier))
    return tuple(table for table in bare if table.name.lower() not in named and not table.find_ancestor(exp.Hint))


def time_windows(node: exp.Expr) -> Iterator[exp.Anonymous]:
    """Calls of `window(…)` and `session_window(…)`: Spark makes a column of that name of each."""
    return (each for each in node.find_all(exp.Anonymous) if each.name.lower() in ("window", "session_window"))


def full_name(table: exp.Table) -> str:
    """`layer.table`, lower-cased, as contracts write it."""
    return ".".join(part.name.lower() for part in table.parts)


def view_name(table: str) -> str:
    """The view under which queries see a table of the run: `silver.orders` → `silver__orders`."""
    return table.replace(".", "__")


def line_of(node: exp.Expr) -> int:
    """The line on which a part of a parsed query stands, from 1."""
    for part in node.walk():
        if "line" in part.meta:
            return int(part.meta["line"])
    return 1


def bind(sql: str, views: Mapping[str, str]) -> str:
    """`sql` with every table of `views` read from the view of that name instead; nothing else of the text changes.

    `FROM silver.orders` becomes `FROM view AS orders`, so that `orders.x` and `silver.orders.x` still work. Raises
    `SqlError` when the SQL does not parse or reads a table that `views` lacks.
    """
    for start, end, text in sorted(_edits(sql, views), reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


def unbound_position(sql: str, views: Mapping[str, str], position: int) -> int:
    """Where a character of the text that `bind` gives, `position`, stands in `sql`.

    Of a view's name that is the table's; of a column whose layer was taken away, the layer's.
    """
    moved = 0
    for start, end, text in sorted(_edits(sql, views)):
        if position < start + moved + (not text):
            break
        if position < start + moved + len(text):
            return start
        moved += len(text) - (end - start)
    return position - moved


def _edits(sql: str, views: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """What `bind` replaces: from, to (not included), and by what."""
    query = parse(sql)
    edits = [_table_edit(table, views) for table in table_nodes(query)]
    edits += [
        _column_edit(column) for column in query.find_all(exp.Column) if f"{column.db}.{column.table}".lower() in views
    ]
    return edits


def _table_edit(table: exp.Table, views: Mapping[str, str]) -> tuple[int, int, str]:
    name = full_name(table)
    if name not in views:
        raise SqlError(f"reads {name}, which is not bound to a view", line_of(table))
    first, last = table.parts[0], table.parts[-1]
    alias = "" if table.alias else f" AS {_quoted(table.name)}"
    return first.meta["start"], last.meta["end"] + 1, f"{_quoted(views[name])}{alias}"


def _column_edit(column: exp.Column) -> tuple[int, int, str]:
    """`silver.orders.x` without its layer: once bound, the table is known by its own name alone."""
    first, table = column.parts[0], column.parts[-2]
    return first.meta["start"], table.meta["start"], ""


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
