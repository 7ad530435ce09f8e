"""What people are told when an expression of a table's query, or of its checks, fails on a value.

The table, the step, the column and what is written there are named; the value only where no personal data can be in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tidemark.compile.soda import placed
from tidemark.errors import CommitError, TidemarkError
from tidemark.lint.privacy import admission
from tidemark.spark.dataerrors import DataError, SqlPart, data_error
from tidemark.sql.places import calls_of, place_of
from tidemark.sql.queries import SqlError, bind, parse, unbound_position, view_name
from tidemark.sql.tracing.columns import ReadQuery, read_query
from tidemark.sql.tracing.derivation import Origin
from tidemark.sql.types import METADATA_COLUMNS

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.config.project import Project, Table
    from tidemark.engine import Engine

Result = TypeVar("Result")
Others = ParamSpec("Others")
Step = Callable[Concatenate["Engine", str, Others], Result]

_LONGEST = 100  # characters of an expression or a value


def told(step: str) -> Callable[[Step[Others, Result]], Step[Others, Result]]:
    """Makes a step of a table raise `CommitError` where an expression of the table's query fails on a value."""

    def of(run: Step[Others, Result]) -> Step[Others, Result]:
        @wraps(run)
        def telling(engine: Engine, table: str, /, *args: Others.args, **kwargs: Others.kwargs) -> Result:
            try:
                return run(engine, table, *args, **kwargs)
            except TidemarkError:
                raise
            except Exception as error:
                failed, loaded = data_error(error), engine.table(table)
                if failed is None or (loaded.sql is None and loaded.load.transform is None):
                    raise
                # Spark's own error shows the value: it goes no further.
                raise query_failed(engine.project, loaded, step, failed) from None

        return telling

    return of


def query_failed(project: Project, table: Table, step: str, failed: DataError) -> CommitError:
    """The failure of a table's query (or transform) in terms of its columns."""
    where, seen, line = "", [], None
    if table.load.transform:
        function = f"`{failed.call}` of " if failed.call else ""
        where, seen = f", in {function}{table.load.transform}", [_SHOWN_NOT]
    elif table.sql is not None:
        parts = _parts(table, failed)
        places = [place for start, stop in parts if (place := place_of(table.sql, start, stop))]
        where = f", in {' or '.join(dict.fromkeys(map(str, places)))}" if places else ""
        line = places[0].line if places else None
        seen = [*(_short(table.sql[start : stop + 1]) for start, stop in parts), _value(project, table, failed, parts)]
    return CommitError(
        f"{failed.what}{where}",
        table=table.name,
        step=step,
        seen=seen,
        evidence=f"{table.sql_path}:{line}" if table.sql_path and line else None,
        next_step=failed.advice,
    )


def check_failed(contract: Contract, failed: DataError) -> CommitError:
    """The failure of a check of the contract, which could then not be judged."""
    fragment = failed.part.text if failed.part else ""
    texts = {check.name: (check.query, check.implementation) for check in contract.checks}
    named = [
        name
        for name, each in texts.items()
        if fragment and any(text and fragment in placed(text, view_name(contract.table)) for text in each)
    ]
    return CommitError(
        f"{failed.what}, in {'the check ' + ' or '.join(named) if named else 'a check'}",
        table=contract.table,
        step="gate",
        seen=[*([_short(fragment)] if fragment else []), _SHOWN_NOT],
        evidence=str(contract.path),
        next_step=failed.advice,
    )


_SHOWN_NOT = "the value is not shown: it may be personal data"


def _parts(table: Table, failed: DataError) -> list[tuple[int, int]]:
    """The expression that failed, as first and last character of the table's SQL; all that it may be, where Spark does
    not say which.
    """
    if table.sql is None:
        return []
    if failed.part is not None:
        found = _in_file(table.sql, {name: view_name(name) for name in table.inputs}, failed.part)
        return [found] if found else []
    return list(calls_of(table.sql, failed.function)) if failed.function else []


def _in_file(sql: str, views: dict[str, str], part: SqlPart) -> tuple[int, int] | None:
    """The part as first and last character of `sql`; None where it is from another text than this one, bound."""
    bound = bind(sql, views)
    if _java_substring(bound, part.start, part.stop + 1) != part.text:
        return None
    return unbound_position(sql, views, part.start), unbound_position(sql, views, part.stop)


def _java_substring(text: str, start: int, end: int) -> str:
    """As Spark cuts a part out: its parser counts characters, but Java takes them for UTF-16 units."""
    return text.encode("utf-16-le")[start * 2 : end * 2].decode("utf-16-le", errors="replace")


def _value(project: Project, table: Table, failed: DataError, parts: list[tuple[int, int]]) -> str:
    read = _read(project, table)
    if failed.value is None or read is None or table.sql is None or len(parts) != 1:
        return _SHOWN_NOT
    origins = read.origins_within(table.sql, *parts[0])
    if origins is None or any(_may_be_personal(project, origin) for origin in origins):
        return _SHOWN_NOT
    return f"the value: {_short(failed.value)}"


def _may_be_personal(project: Project, origin: Origin) -> bool:
    """Whether personal data can be seen in a column of a table, or may be."""
    name, column = origin
    table = project.tables.get(name)
    if table is None or column not in table.contract.column_names:
        return column not in METADATA_COLUMNS
    return bool(admission.sight(project.tables).given(name).seen(column))


def _read(project: Project, table: Table) -> ReadQuery | None:
    """The table's query with its columns resolved; None where it has none, or they cannot be."""
    schema = {
        name: {column.name: column.type for column in each.contract.columns} | dict(METADATA_COLUMNS)
        for name, each in project.tables.items()
    }
    try:
        return read_query(parse(table.sql), schema) if table.sql else None
    except SqlError:
        return None


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST else f"{one_line[:_LONGEST]}…"
