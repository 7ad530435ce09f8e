"""What may run: the queries, transforms and checks of a table, and what personal data they carry to gold.

`validate` asks this of every table, and every run of each that it prepares, by the same code: whoever changes a file
without looking at `validate`, or a folder in S3, gets no further. What was asked once of a project is remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from tidemark.compile.soda import custom_checks, placed
from tidemark.config.contract.model import Check
from tidemark.config.definition import is_from, transform_refusal
from tidemark.config.files import yamltext
from tidemark.config.load import SUFFIX as LOAD_SUFFIX
from tidemark.config.project import Table, in_environment
from tidemark.errors import ConfigError, Finding
from tidemark.lint.inspection import Inspection
from tidemark.lint.privacy.personal import Sight
from tidemark.sql.allowed import expression_refusals, refusals, word_refusals
from tidemark.sql.refused import Refused

_SODA_METRICS = (
    "row_count", "missing_count", "missing_percent", "invalid_count", "invalid_percent", "valid_count", "valid_percent",
    "duplicate_count", "duplicate_percent", "distinct_count", "avg_length", "max_length", "min_length", "freshness",
    "failed", "values", "percentile", "variance", "stddev", "checks",
)  # fmt: skip
_SQL_KEYS = ("expression", "condition", "filter", "where")
_KEPT = 8  # projects at once: of one run there is one, tests make many


@dataclass
class _Admissions:
    """What was found in the tables of one project."""

    tables: Mapping[str, Table]
    sight: Sight
    found: dict[str, tuple[Finding, ...]] = field(default_factory=dict)


_lock = Lock()
_known: list[_Admissions] = []


def admit(tables: Mapping[str, Table], name: str) -> None:
    """Raises `ConfigError` with everything for which a table may not be prepared or published."""
    refuse(name, findings(tables, name))


def refuse(name: str, found: Collection[Finding]) -> None:
    """Raises `ConfigError` with what was found in a table, if anything was."""
    if found:
        raise ConfigError(
            f"{name} may not be loaded as it is configured",
            findings=list(found),
            next_step="correct the files, then tidemark validate",
        )


def findings(tables: Mapping[str, Table], name: str) -> tuple[Finding, ...]:
    """Everything for which a table may not be prepared."""
    with _lock:
        known = _of(tables)
        if name not in known.found:
            table = tables[name]
            known.found[name] = (
                *forms(tables, table),
                *_lacking(table),
                *_in_folders(known.sight, table),
                *known.sight.findings(table),
            )
        return known.found[name]


def sight(tables: Mapping[str, Table]) -> Sight:
    """What is seen of personal data in these tables."""
    with _lock:
        return _of(tables).sight


def _of(tables: Mapping[str, Table]) -> _Admissions:
    for known in _known:
        if known.tables is tables:
            return known
    made = _Admissions(tables, Sight(tables))
    _known.append(made)
    del _known[:-_KEPT]
    return made


def find(inspection: Inspection) -> Iterator[Finding]:
    """The same for every table of a folder, but for what `validate` says of queries anyway."""
    tables: Mapping[str, Table] = inspection.read.tables
    if inspection.environment is not None:
        tables = in_environment(tables, inspection.environment)
    seen = Sight(tables)
    for table in tables.values():
        yield from forms(tables, table, told=("parse", "input"))
        if inspection.environment is not None:
            yield from _lacking(table)
        yield from _in_folders(seen, table)
        yield from seen.findings(table)


def forms(tables: Mapping[str, Table], table: Table, told: Collection[str] = ()) -> Iterator[Finding]:
    """What in a table's query and checks is nothing that may run; `told` are kinds that somebody else tells of."""
    if table.sql is not None:
        path = table.sql_path or table.contract.path
        columns = {each for name in table.inputs if name in tables for each in tables[name].contract.column_names}
        for each in refusals(table.sql, table.inputs, columns=columns):
            if each.about not in told:
                yield Finding(path, each.line, f"the query of {table.name} {each.message}", each.fix)
    for check in table.contract.checks:
        for each in _in_check(tables, table, check):
            if each.about not in told:
                yield Finding(table.contract.path, check.line, f"check `{check.name}` {each.message}", each.fix)


def _in_folders(sight: Sight, table: Table) -> Iterator[Finding]:
    """Personal columns by whose values a table would lie in folders: paths stand in logs and in lists of files."""
    for name in sight.in_folders(table):
        path = _load_path(table)
        try:
            line = yamltext.parse(path).line(("partition_by",))
        except ConfigError:
            line = 1
        message = f"partition_by: `{name}` is personal, and its values would stand in the names of folders"
        yield Finding(path, line, message, "partition by another column, or write `cluster_by`")


def _load_path(table: Table) -> Path:
    return table.contract.path.with_name(f"{table.contract.name}{LOAD_SUFFIX}")


def _lacking(table: Table) -> Iterator[Finding]:
    """What a table needs of its environment, which does not give it, and masks that need all rows."""
    contract, load_path = table.contract, _load_path(table)
    if table.load.transform and not is_from(table.load.transform.partition(":")[0], table.transforms):
        fix = "add its package to `transforms` of the environment's file, once somebody has reviewed it"
        yield Finding(load_path, 1, transform_refusal(table), fix)
    if table.needs_key and table.masking_key is None:
        fix = "add `masking: {secret: tidemark/masking, key: k1}` to the environment's file"
        yield Finding(contract.path, 1, f"{table.name} has a keyed mask, and the environment names no key", fix)
    for name in table.load.write.made if table.load.write.mode == "scd2" else ():
        if name in contract.column_names and contract.column(name).mask:
            message = f"`{name}` is filled by the engine, and not masked"
            yield Finding(contract.path, contract.column(name).line, message, "remove the mask")
    for column in contract.columns:
        if column.mask_people is not None and any(spec.on for spec in table.load.inputs.values()):
            message = f"`{column.name}` hides domains of few people, and {table.name} is computed by parts (`on`)"
            yield Finding(contract.path, column.line, message, "write `refresh: full` instead of `on`")


def _in_check(tables: Mapping[str, Table], table: Table, check: Check) -> Iterator[Refused]:
    if check.kind == "sql":
        yield from refusals(placed(check.query or "", table.name, check.column), tables)
    elif check.kind == "custom":
        for text, given in custom_checks(check, table.name):
            yield from expression_refusals(text, _SODA_METRICS)
            for key, value in _texts(given):
                if key.endswith("query"):
                    yield from refusals(value, tables)
                elif key.endswith(_SQL_KEYS):
                    yield from expression_refusals(value, _SODA_METRICS)
                else:
                    yield from word_refusals(value)


def _texts(given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The texts in the settings of a check of SodaCL, however deep, with their keys."""
    for key, value in given.items():
        if isinstance(value, str):
            yield str(key), value
        elif isinstance(value, Mapping):
            yield from _texts(value)
        elif isinstance(value, list):
            yield from _texts({f"{number} {key}": each for number, each in enumerate(value)})
