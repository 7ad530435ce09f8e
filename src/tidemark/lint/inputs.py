"""The `on` of inputs against the query: computed key by key, a table must come out as if computed as a whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp

from tidemark.config.contract import Column
from tidemark.config.files.yamltext import Document
from tidemark.config.load import INCREMENTAL_MODES
from tidemark.config.project import Table
from tidemark.errors import Finding, choose
from tidemark.lint.inspection import Inspection
from tidemark.sql.locality import troubles
from tidemark.sql.tracing.columns import ReadQuery
from tidemark.sql.tracing.reach import Tracked, line_near, listed
from tidemark.sql.types import FRACTIONS, TIMES, is_numeric, widens
from tidemark.sql.volatile import volatile_calls


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about tables that are computed for the keys that changed, and cannot be."""
    for name, table in inspection.read.tables.items():
        grain = table.load.grain
        if grain is None or table.load.write.mode not in INCREMENTAL_MODES:
            continue
        document = inspection.read.documents[name]
        query = inspection.queries.get(name)
        yield from _keys(inspection, table, query, document, grain)
        yield from _types(inspection, table, document, grain)
        yield from _as_of(inspection, table, document, grain)
        if query is not None and not query.problems():
            yield from _query(inspection, table, query, document, grain)


def _query(
    inspection: Inspection, table: Table, query: ReadQuery, document: Document, grain: tuple[str, ...]
) -> Iterator[Finding]:
    path = table.sql_path or table.contract.path
    file = document.path.name
    for trouble in troubles(query, _tracked(inspection, table, grain)):
        whole = f"`{trouble.table}: {{refresh: full}}` in {file}, which computes the table as a whole"
        fix = f"{trouble.advice}; or write {whole}" if trouble.advice else f"write {whole}"
        yield Finding(path, trouble.line, trouble.message, fix)
    for name, node in volatile_calls(query.query, query.schema):
        message = f"`{name}` gives another value in every run, and only the keys that changed are computed anew"
        fix = f"take the value from a column of an input, or fill {table.name} with `mode: replace` and without `on`"
        yield Finding(path, line_near(node), message, fix)


def _tracked(inspection: Inspection, table: Table, grain: tuple[str, ...]) -> list[Tracked]:
    found = []
    for name, spec in table.load.inputs.items():
        read = inspection.read.tables.get(name)
        if spec.on and read is not None:
            columns = frozenset(inspection.schema[name])
            required = frozenset(column.name for column in read.contract.columns if column.required)
            found.append(Tracked(name, spec.on, set(spec.on) == set(grain), columns, required))
    return found


def _as_of(inspection: Inspection, table: Table, document: Document, grain: tuple[str, ...]) -> Iterator[Finding]:
    """The columns of `as_of`: the input's, and that of the rows which take the latest row of it."""
    of_grain = [name for name, spec in table.load.inputs.items() if spec.on and set(spec.on) == set(grain)]
    carriers = {name: set(inspection.schema.get(name, ())) for name in (table.name, *of_grain)}
    for name, spec in table.load.inputs.items():
        for at, instant in spec.as_of.items():
            where = ("inputs", name, "as_of", at)
            if name in inspection.schema and at not in inspection.schema[name]:
                yield document.finding(where, f"{name} has no column `{at}`", choose(at, inspection.schema[name]))
            needed = {*(spec.on or ()), instant, *grain}
            if not any(needed <= columns for columns in carriers.values()):
                message = (
                    f"neither {' nor '.join(carriers)} has {listed(sorted(needed))}: no row says what {name} reaches"
                )
                yield document.finding(where, message, f"name a column of {' or '.join(carriers)}")


def _types(inspection: Inspection, table: Table, document: Document, grain: tuple[str, ...]) -> Iterator[Finding]:
    """A value of the grain has to be the same value in its inputs and in the table: `7` and `07` are one number."""
    of_grain = [name for name, spec in table.load.inputs.items() if spec.on and set(spec.on) == set(grain)]
    wanted = {column.name: column for column in table.contract.columns if column.name in grain}
    for name in of_grain:
        given = inspection.schema.get(name, {})
        for position, column in enumerate(table.load.inputs[name].on or ()):
            if column not in given or column not in wanted:
                continue
            types = {inspection.schema.get(other, {}).get(column, given[column]) for other in of_grain}
            if given[column] != wanted[column].type and not _is_one_value(table, wanted[column], types):
                message = (
                    f"`{column}` is a {given[column]} in {name} and a {wanted[column].type} in {table.name}: values"
                    " that differ there can be one here, and each is computed without the others"
                )
                fix = f"say the same type in both contracts, or write `{name}: {{refresh: full}}`"
                yield document.finding(("inputs", name, "on", position), message, fix)


def _is_one_value(table: Table, wanted: Column, given: Collection[str]) -> bool:
    """Whether values of these types come into a column of the table such that each is equal to itself there, and to no
    other."""
    if wanted.name in table.load.cast or wanted.zone is not None:
        return False
    if wanted.type == "string":  # each is written in one way
        return len(given) == 1 and not table.load.write.unknown_member
    of_one_kind = len({_kind(each) for each in (*given, wanted.type)}) == 1
    return of_one_kind or all(wanted.type == each or widens(each, wanted.type) for each in given)


def _kind(column_type: str) -> str:
    """What can be compared exactly: numbers that are no fractions, times."""
    if column_type in TIMES:
        return "time"
    is_exact = is_numeric(column_type) and column_type not in FRACTIONS
    return "number" if is_exact else column_type


def _keys(
    inspection: Inspection, table: Table, query: ReadQuery | None, document: Document, grain: tuple[str, ...]
) -> Iterator[Finding]:
    """What the engine does by key itself, the newest row or the history, must be inside of one value of the grain."""
    write = table.load.write
    name = next(name for name, spec in table.load.inputs.items() if spec.on == grain)
    read = inspection.read.tables.get(name)
    where = ("inputs", name, "on")
    for position, column in enumerate(grain):
        if column in table.contract.column_names and table.contract.column(column).mask:
            message = f"`{column}` is masked in {table.name}: its rows are not found by the values that {name} has"
            yield document.finding((*where, position), message, f"write `{name}: {{refresh: full}}`")
    digested = _digested(query, write.keys) if query is not None else set()
    beside = [column for column in grain if column not in write.keys and column not in digested]
    one_a_key = read is not None and read.load.write.mode != "append" and read.contract.keys
    if not beside or (write.mode == "upsert" and one_a_key and read and set(read.contract.keys) <= set(write.keys)):
        return
    keys = listed(write.keys)
    message = f"rows of one {keys} can have different {listed(beside)}, by which {table.name} is computed"
    fix = f"leave {listed(beside)} out of `on`, add it to `keys`, or write `{name}: {{refresh: full}}`"
    yield document.finding(where, message, fix)


def _digested(query: ReadQuery, keys: Collection[str]) -> set[str]:
    """The columns of which a key is a digest: two values of them have two keys."""
    made = [each.unalias() for each in query.query.selects if each.alias_or_name.lower() in keys]
    digests = [each for each in made if each.find(exp.SHA, exp.SHA2, exp.MD5) or "xxhash64" in each.sql().lower()]
    return {column.name.lower() for each in digests for column in each.find_all(exp.Column)}
