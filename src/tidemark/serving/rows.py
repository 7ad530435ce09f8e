"""Questions to the released lake in SQL, answered by DuckDB: it sees the tables of one release, and nothing else.

Below gold, personal data is hidden, like columns that no contract describes: rows show `***` for it, and a query does
not see it at all, as it would count and compare the `***`. Gold holds it masked.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from tidemark.errors import ConfigError, TidemarkError, choose
from tidemark.lint.privacy import admission
from tidemark.sql.types import METADATA_COLUMNS
from tidemark.warehouses import quoted

if TYPE_CHECKING:
    from pyarrow import dataset as pads

    from tidemark.config.project import Project
    from tidemark.serving.lake import ReleasedLake

HIDDEN = "***"
Rows: TypeAlias = "pads.Dataset | pa.RecordBatchReader"
_DIALECT = "duckdb"


class _UnknownNameError(ConfigError):
    """A query names something that there is not, or uses it in a way that cannot be."""


@dataclass(frozen=True)
class Answer:
    """Rows, as Arrow, in the order in which they were found; `hidden` are columns of the tables that are not shown.

    No two columns have the same name.
    """

    rows: pa.Table
    hidden: tuple[str, ...] = ()

    def values(self) -> list[dict[str, Any]]:
        return list(self.rows.to_pylist())


def show(
    lake: ReleasedLake,
    table: str,
    *,
    columns: Sequence[str] = (),
    where: str | None = None,
    limit: int | None = 20,
) -> Answer:
    """Some rows of a table.

    Without `columns` those of its contract are shown, not its bookkeeping. `where` is a condition in SQL. Raises
    `ConfigError` for columns that it has not, and for a condition that is none.
    """
    rows = lake.rows(lake.project.table(table).name)
    known = rows.schema.names
    for name in columns:
        if name not in known:
            raise ConfigError(f"{table} has no column `{name}`", next_step=choose(name, known, what="show"))
    wanted = tuple(columns) or tuple(name for name in known if name not in METADATA_COLUMNS)
    hidden = hidden_columns(lake.project, table, known)
    asked = exp.select(*(exp.column(name, quoted=True) for name in wanted)).from_(_named(table))
    if where is not None:
        asked = asked.where(_condition(where, table, hidden))
    with _connected() as connection:
        _offer(connection, table, rows, [_hidden(name) if name in hidden else quoted(name) for name in known])
        answer = _asked(connection, (asked if limit is None else asked.limit(limit)).sql(dialect=_DIALECT))
    return Answer(answer, tuple(f"{table}.{name}" for name in wanted if name in hidden))


def query(lake: ReleasedLake, sql: str) -> Answer:
    """The answer to one SELECT in DuckDB's SQL over tables by their names (`gold.fact_sales`)."""
    tables = {name: lake.rows(name) for name in _tables(lake, _statement(sql))}
    secret = {name: hidden_columns(lake.project, name, rows.schema.names) for name, rows in tables.items()}
    hidden = tuple(f"{name}.{column}" for name, columns in secret.items() for column in columns)
    with _connected() as connection:
        for name, rows in tables.items():
            _offer(connection, name, rows, [quoted(each) for each in rows.schema.names if each not in secret[name]])
        try:
            return Answer(_asked(connection, sql), hidden)
        except _UnknownNameError as failure:
            hint = f"not shown, as it is personal data or in no contract: {', '.join(hidden)}"
            next_step = hint if hidden else "see the columns of a table by `tidemark show TABLE`"
            raise ConfigError(f"the query failed: {failure}", next_step=next_step) from failure


def hidden_columns(project: Project, table: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Those of a table's columns that are not shown: below gold what no contract describes, and what is personal by its
    own contract or by those that it comes from.
    """
    contract = project.table(table).contract
    if contract.layer == "gold":
        return ()
    given = admission.sight(project.tables).given(table)
    return tuple(
        name
        for name in columns
        if name not in METADATA_COLUMNS and (name not in contract.column_names or given.seen(name))
    )


def _statement(sql: str) -> exp.Query:
    try:
        found = [each for each in sqlglot.parse(sql, read=_DIALECT) if each is not None]
    except sqlglot.ParseError as failure:
        where = failure.errors[0] if failure.errors else {}
        seen = f"line {where.get('line')}, near `{where.get('highlight')}`: {where.get('description')}"
        raise ConfigError(f"the query cannot be read: {seen}", next_step="one SELECT, in DuckDB's SQL") from failure
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise ConfigError("a query is one SELECT", next_step="leave the others out")
    return found[0]


def _condition(where: str, table: str, hidden: Sequence[str]) -> exp.Expression:
    """A condition, and nothing that goes beyond it; not on what is hidden, as no row would be found."""
    parsed = _statement(f"SELECT 1 WHERE ({where}\n)")
    condition = parsed.args.get("where")
    rest = [name for name, value in parsed.args.items() if value and name not in ("expressions", "where", "kind")]
    if condition is None or rest or not where.strip():
        raise ConfigError(f"`{where}` is no condition", next_step="write it as behind WHERE: net_usd > 100")
    for column in condition.find_all(exp.Column):
        if column.name.lower() in {name.lower() for name in hidden}:
            raise ConfigError(
                f"{table}.{column.name} is not shown, and nothing can be found by it",
                next_step="find the rows by a column that is no personal data",
            )
    return cast(exp.Expression, condition.this)


def _named(table: str) -> exp.Table:
    layer, name = table.split(".", 1)
    return exp.table_(name, db=layer, quoted=True)


@contextmanager
def _connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB that reaches nothing but what it is offered."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _asked(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    try:
        return _apart(connection.sql(sql).to_arrow_table())
    except duckdb.BinderException as failure:
        raise _UnknownNameError(str(failure)) from failure
    except duckdb.Error as failure:
        raise _failed(failure) from failure


def _apart(found: pa.Table) -> pa.Table:
    """The answer with a number behind names of columns that were there before: `id`, `id_1`."""
    taken, names, seen = set(found.column_names), list[str](), Counter[str]()
    for name in found.column_names:
        given = name
        while given in names or (given != name and given in taken):
            seen[name] += 1
            given = f"{name}_{seen[name]}"
        names.append(given)
    return found.rename_columns(names)


def _failed(failure: duckdb.Error) -> TidemarkError:
    what, _, trace = str(failure).partition(". Detail:")
    if trace:  # from Python: a file could not be read
        return TidemarkError(
            f"a table's files cannot be read: {what}",
            step="show",
            next_step="read a newer release: files of old ones go with `tidemark maintain`",
        )
    return ConfigError(f"the query failed: {what.strip()}", next_step="it is DuckDB's SQL, over tables by layer.name")


def _tables(lake: ReleasedLake, wanted: exp.Query) -> Iterator[str]:
    """The tables that a query reads. Whatever else could be read from (files, functions) is refused."""
    found: dict[str, None] = {}
    for table in wanted.find_all(exp.Table):
        if not table.db and _is_named_around(table):
            continue
        name = f"{table.db}.{table.name}".lower() if table.db else table.name
        if table.catalog or not isinstance(table.this, exp.Identifier) or name not in lake.names:
            raise ConfigError(
                f"`{table.sql(dialect=_DIALECT)}` is no released table", next_step=choose(name, lake.names)
            )
        found[name] = None
    yield from found


def _is_named_around(table: exp.Table) -> bool:
    """Whether a query around the place where a table is named gives that name itself (`WITH`)."""
    around: exp.Expr | None = table
    while around is not None:
        given = around.args.get("with_")
        if given is not None and table.name.lower() in {cte.alias_or_name.lower() for cte in given.expressions}:
            return True
        around = around.parent
    return False


def _offer(connection: duckdb.DuckDBPyConnection, name: str, rows: Rows, columns: Sequence[str]) -> None:
    """Makes a table known to DuckDB under its name, by `columns`, which are SQL.

    All of its rows have a name there too, which nobody who asks can know.
    """
    relation = secrets.token_hex(16)
    connection.register(relation, rows)
    layer, table = map(quoted, name.split(".", 1))
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}")
    kind = "TABLE" if isinstance(rows, pa.RecordBatchReader) else "VIEW"  # a query may read a table twice
    selected = f"SELECT {', '.join(columns)} FROM {quoted(relation)}"
    connection.execute(f"CREATE {kind} {layer}.{table} AS {selected}")


def _hidden(name: str) -> str:
    return f"CASE WHEN {quoted(name)} IS NOT NULL THEN '{HIDDEN}' END AS {quoted(name)}"
