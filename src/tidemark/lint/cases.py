"""Tests of tables' queries against the tables: what they give and expect must be there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemark.config.cases import path_of, read_cases
from tidemark.errors import ConfigError, Finding, choose
from tidemark.lint.inspection import Inspection
from tidemark.sql.types import METADATA_COLUMNS


def find(inspection: Inspection, config_dir: Path) -> Iterator[Finding]:
    """Findings about every `.test.yaml`."""
    for name in inspection.read.names:
        path = path_of(config_dir, name)
        if path.is_file():
            yield from _file(inspection, name, path)


def _file(inspection: Inspection, name: str, path: Path) -> Iterator[Finding]:
    try:
        cases, document, findings = read_cases(path)
    except ConfigError as unreadable:
        yield from unreadable.findings
        return
    yield from findings
    table = inspection.read.tables.get(name)
    if cases is None or table is None:
        return
    if not table.inputs:
        yield document.finding((), f"{name} has no query to test", "remove the file")
        return
    query = inspection.queries.get(name)
    outputs = set(query.outputs) if query else None
    for position, case in enumerate(cases.tests):
        for given, rows in case.given.items():
            here = ("tests", position, "given", given)
            read = inspection.read.tables.get(given)
            if given not in table.inputs:
                yield document.finding(here, f"{name} does not read {given}", choose(given, table.inputs))
            elif read is not None:
                known = {*read.contract.column_names, *METADATA_COLUMNS}
                for row, values in enumerate(rows):
                    for column in values:
                        if column not in known:
                            message = f"{given} has no column `{column}`"
                            yield document.finding((*here, row, column), message, choose(column, known))
        for row, values in enumerate(case.expect):
            for column in values if outputs is not None else ():
                if column not in (outputs or ()):
                    where = ("tests", position, "expect", row, column)
                    message = f"the query of {name} gives no column `{column}`"
                    yield document.finding(where, message, choose(column, outputs or ()))
