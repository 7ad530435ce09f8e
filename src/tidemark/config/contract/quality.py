"""The `quality` entries of an ODCS schema or property as checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml
from open_data_contract_standard.model import DataQuality

from tidemark.config.contract.model import Check, Comparison, Operator, Severity
from tidemark.config.files.yamltext import Report, Where
from tidemark.errors import choose

METRICS: Mapping[str, tuple[str, ...]] = {
    "nullValues": ("properties",),
    "missingValues": ("properties", "missingValues"),
    "invalidValues": ("properties", "validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}
_OPERATORS: Mapping[str, Operator] = {
    "mustBe": "=",
    "mustNotBe": "!=",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
    "mustBeBetween": "between",
    "mustNotBeBetween": "not between",
}


def read_checks(
    report: Report, entries: Sequence[DataQuality], where: Where, columns: Sequence[str], column: str | None = None
) -> tuple[Check, ...]:
    """The checks of a `quality` list; `column` is the property it stands under. Text entries are for people alone."""
    checks: list[Check] = []
    for position, entry in enumerate(entries):
        here = (*where, position)
        kind = entry.type or "library"
        if kind == "text":
            continue
        if kind == "library":
            checks += _metric(report, entry, here, columns, column)
        elif kind == "sql":
            checks += _sql(report, entry, here, column)
        elif kind == "custom":
            checks += _custom(report, entry, here, column)
        else:
            fix = choose(kind, ("library", "sql", "custom", "text"))
            report.error((*here, "type"), f"quality type `{kind}` does not exist", fix)
    return tuple(checks)


def read_severity(report: Report, where: Where, text: str | None) -> Severity:
    """`error` unless the entry says `warning`."""
    if text not in (None, "error", "warning"):
        report.error(where, f"severity `{text}` is not known here", "use error (stops the run) or warning (alerts)")
    return "warning" if text == "warning" else "error"


def _metric(
    report: Report, entry: DataQuality, where: Where, columns: Sequence[str], column: str | None
) -> list[Check]:
    metric = entry.metric or ""
    if metric not in METRICS:
        known = choose(metric, METRICS)
        report.error((*where, "metric"), f"quality metric `{metric or 'none'}` does not exist", known)
        return []
    comparison = _comparison(report, entry, where)
    if comparison is None:
        return []
    arguments = _arguments(report, entry, metric, where, columns)
    named = tuple(str(name) for name in arguments.pop("properties", []))
    check = Check(
        kind="metric",
        name=entry.name or "",
        severity=read_severity(report, (*where, "severity"), entry.severity),
        metric=metric,
        arguments=arguments,
        comparison=comparison,
        unit=_unit(report, entry, where),
        line=report.document.line(where),
    )
    if metric == "rowCount":
        return [replace(check, name=check.name or "rowCount")]
    subject = (column,) if column else named
    if not subject:
        fix = "put it under the column, or add `arguments: {properties: [column]}`"
        report.error(where, f"{metric} names no column", fix)
        return []
    if metric == "duplicateValues":
        name = check.name or f"{', '.join(subject)} {metric}"
        return [replace(check, name=name, arguments={**arguments, "properties": subject})]
    return [
        replace(check, column=each, name=_name_for(check.name, each, len(subject)) or f"{each} {metric}")
        for each in subject
    ]


def _name_for(name: str, column: str, columns: int) -> str:
    return f"{name} ({column})" if name and columns > 1 else name


def _arguments(report: Report, entry: DataQuality, metric: str, where: Where, columns: Sequence[str]) -> dict[str, Any]:
    arguments = dict(entry.arguments or {})
    for key in list(arguments):
        here = (*where, "arguments", key)
        if key not in METRICS[metric]:
            report.error(here, f"{metric} has no argument `{key}`", choose(key, METRICS[metric]))
            del arguments[key]
        elif key != "pattern" and not isinstance(arguments[key], list):
            report.error(here, f"argument `{key}` is not a list", "write `[a, b]`")
            del arguments[key]
    for position, name in enumerate(arguments.get("properties", [])):
        if name not in columns:
            here = (*where, "arguments", "properties", position)
            report.error(here, f"{metric} of column `{name}`, which the contract lacks", choose(str(name), columns))
    for key in ("validValues", "missingValues"):
        if any("'" in str(value) for value in arguments.get(key, [])):
            report.error(
                (*where, "arguments", key), f"a value of `{key}` has a quote in it", "write a `type: sql` check instead"
            )
    if metric == "invalidValues" and not {"validValues", "pattern"} & set(arguments):
        report.error(where, "invalidValues does not say what is valid", "add `validValues: […]` or `pattern:`")
    return arguments


def _sql(report: Report, entry: DataQuality, where: Where, column: str | None) -> list[Check]:
    comparison = _comparison(report, entry, where)
    if not entry.query:
        report.error(where, "a sql check has no query", "add `query:`, a SELECT that gives one number")
    if not entry.name:
        report.error(where, "a sql check has no name", "add `name:`, what a person reads when it fails")
    if comparison is None or not entry.query or not entry.name:
        return []
    severity = read_severity(report, (*where, "severity"), entry.severity)
    line = report.document.line(where)
    return [Check("sql", entry.name, severity, column=column, comparison=comparison, query=entry.query, line=line)]


def _custom(report: Report, entry: DataQuality, where: Where, column: str | None) -> list[Check]:
    if entry.engine != "soda":
        report.error((*where, "engine"), f"engine `{entry.engine}` is not known here", "write `engine: soda`")
    if not entry.name:
        report.error(where, "a custom check has no name", "add `name:`, what a person reads when it fails")
    if not entry.implementation:
        report.error(where, "a custom check has no implementation", "add `implementation:`, one SodaCL check")
    if entry.engine != "soda" or not entry.name or not entry.implementation:
        return []
    written = entry.implementation
    text = written if isinstance(written, str) else yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
    if not _is_sodacl(text):
        fix = "write one check (`avg(x) > 1`), one with settings below it, or a list of these"
        report.error((*where, "implementation"), "implementation is not SodaCL", fix)
        return []
    severity = read_severity(report, (*where, "severity"), entry.severity)
    line = report.document.line(where)
    return [Check("custom", entry.name, severity, column=column, implementation=text, line=line)]


def _is_sodacl(text: str) -> bool:
    """Whether the text is a check, a check with its settings, or a list of such."""
    try:
        written = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    items = written if isinstance(written, list) else [written]
    return all(isinstance(item, str) or (isinstance(item, dict) and len(item) == 1) for item in items)


def _comparison(report: Report, entry: DataQuality, where: Where) -> Comparison | None:
    found = [key for key in _OPERATORS if getattr(entry, key) is not None]
    if len(found) != 1:
        seen = "says nothing to compare with" if not found else f"has {' and '.join(found)}"
        report.error(where, f"a check {seen}", f"write exactly one of: {', '.join(_OPERATORS)}")
        return None
    key = found[0]
    values = _numbers(report, (*where, key), isinstance(getattr(entry, key), list))
    return None if values is None else Comparison(_OPERATORS[key], values)


def _numbers(report: Report, where: Where, is_range: bool) -> tuple[Decimal, ...] | None:
    places = [(*where, 0), (*where, 1)] if is_range else [where]
    try:
        values = tuple(Decimal(report.document.text(place) or "") for place in places)
    except InvalidOperation:
        report.error(where, f"{where[-1]} is not a number", "write a number, or two in brackets for a range")
        return None
    if is_range and values[0] >= values[1]:
        report.error(where, f"{where[-1]}: {values[0]} is not below {values[1]}", "write the smaller number first")
        return None
    return values


def _unit(report: Report, entry: DataQuality, where: Where) -> str | None:
    if entry.unit in (None, "rows"):
        return None
    if entry.unit == "percent" and entry.metric != "rowCount":
        return "percent"
    report.error((*where, "unit"), f"unit `{entry.unit}` of {entry.metric} is not known here", "use rows or percent")
    return None
