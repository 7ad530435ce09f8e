"""Contract → SodaCL: the table checks that a gate runs on a candidate, as one document for one scan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

from tidemark.config.contract.model import TABLE_NAME
from tidemark.errors import ConfigError, Finding
from tidemark.sql import queries
from tidemark.sql.queries import SqlError, view_name
from tidemark.sql.types import is_numeric

if TYPE_CHECKING:
    from tidemark.config.contract import Check, Comparison, Contract, Freshness

Entry = dict[str, Any]

_THRESHOLD = re.compile(
    r"(?P<metric>.*?)\s*(?P<operator>not between\b|between\b|!=|<>|>=|<=|=|<|>)\s*(?P<values>.+)", re.DOTALL
)
_OPPOSITE: Mapping[str, str] = {
    "=": "!=",
    "!=": "=",
    "<>": "=",
    ">": "<=",
    ">=": "<",
    "<": ">=",
    "<=": ">",
    "between": "not between",
    "not between": "between",
}
_METRICS: Mapping[str, str] = {"nullValues": "missing", "missingValues": "missing", "invalidValues": "invalid"}
# Soda would print rows that break a check, personal data among them.
_NO_SAMPLES: Mapping[str, Any] = {"samples limit": 0}
_MICROSECONDS_AN_HOUR = 3_600_000_000
NEVER = 1_000_000  # hours; what an empty table counts as


def sodacl(contract: Contract, dataset: str, as_of: datetime) -> str:
    """SodaCL for the view `dataset`, judged as of a moment (UTC where it names no zone); empty without any check.

    Holds what `quality` and the freshness promise say, that the key is unique (silver and gold: bronze is a log of
    versions), that the contract's columns are there (bronze), and `unique` columns. Numeric metrics share one query;
    queries, uniqueness and schema cost one each. Raises `ConfigError` when a check's SQL does not parse.
    """
    entries = [*_schema(contract), *_uniqueness(contract)]
    for number, check in enumerate(contract.checks, start=1):
        entries += _entries(contract, check, dataset, f"query_{number}")
    if contract.freshness is not None:
        entries.append(_freshness(contract.freshness, as_of))
    if not entries:
        return ""
    return yaml.safe_dump({f"checks for {dataset}": entries}, sort_keys=False, allow_unicode=True, width=2**16)


def placed(text: str, dataset: str, column: str | None = None) -> str:
    """A check's text with `{dataset}` (or `{object}`) and `{property}` filled in."""
    filled = text.replace("{dataset}", dataset).replace("{object}", dataset)
    return filled.replace("{property}", column) if column else filled


def _schema(contract: Contract) -> Iterator[Entry]:
    if contract.layer == "bronze":
        required = {"when required column missing": list(contract.column_names)}
        yield {"schema": {"name": "the contract's columns are there", "fail": required}}


def _uniqueness(contract: Contract) -> Iterator[Entry]:
    keys: list[tuple[str, ...]] = [(column.name,) for column in contract.columns if column.unique]
    if contract.layer != "bronze" and contract.keys and contract.keys not in keys:
        keys.append(contract.keys)
    listed = {
        frozenset(check.arguments["properties"]) for check in contract.checks if check.metric == "duplicateValues"
    }
    for key in keys:
        if frozenset(key) not in listed:
            names = ", ".join(key)
            yield {f"duplicate_count({names}) = 0": {"name": f"{names} is unique", **_NO_SAMPLES}}


def freshness_name(freshness: Freshness) -> str:
    """What the check of the freshness promise is called."""
    return f"{freshness.column} is at most {_number(freshness.hours)} h old"


def age_in_hours(freshness: Freshness, as_of: datetime) -> str:
    """The age of the newest row as an aggregate in Spark SQL; a table without rows is as old as can be."""
    utc = as_of.astimezone(UTC) if as_of.tzinfo else as_of
    moment = f"unix_micros(TIMESTAMP '{utc.replace(tzinfo=None).isoformat(sep=' ')}')"
    newest = f"unix_micros(CAST(max(`{freshness.column}`) AS TIMESTAMP))"
    return f"coalesce(round(({moment} - {newest}) / {_MICROSECONDS_AN_HOUR}, 2), {NEVER})"


def _freshness(freshness: Freshness, as_of: datetime) -> Entry:
    """The age as an expression, which joins the scan's one query: Soda's own freshness asks the wall clock."""
    metric = f"{freshness.column}_age_hours"
    key, config = _judged(metric, "<=", _number(freshness.hours), freshness.severity)
    return {key: {"name": freshness_name(freshness), f"{metric} expression": age_in_hours(freshness, as_of), **config}}


def _entries(contract: Contract, check: Check, dataset: str, query_name: str) -> list[Entry]:
    if check.kind == "custom":
        return _custom(contract, check, dataset)
    if check.comparison is None:
        return []
    operator, values = check.comparison.operator, _values(check.comparison)
    if check.kind == "sql":
        key, config = _judged(query_name, operator, values, check.severity)
        query = _bound(contract, check, placed(check.query or "", dataset, check.column))
        return [{key: {"name": check.name, f"{query_name} query": query, **config}}]
    metric, arguments = _metric(contract, check)
    key, config = _judged(metric, operator, values, check.severity)
    samples = {} if check.metric == "rowCount" else _NO_SAMPLES
    return [{key: {"name": check.name, **samples, **arguments, **config}}]


def _metric(contract: Contract, check: Check) -> tuple[str, Entry]:
    """A library metric as Soda names it, and what it takes as valid or missing."""
    if check.metric == "rowCount":
        return "row_count", {}
    suffix = "percent" if check.unit == "percent" else "count"
    if check.metric == "duplicateValues":
        return f"duplicate_{suffix}({', '.join(check.arguments['properties'])})", {}
    column = contract.column(check.column or "")
    arguments: Entry = {}
    for ours, theirs in (("validValues", "valid values"), ("missingValues", "missing values")):
        if ours in check.arguments:
            present = [value for value in check.arguments[ours] if value is not None]
            arguments[theirs] = present if is_numeric(column.type) else [str(value) for value in present]
    if "pattern" in check.arguments:
        arguments["valid regex"] = _regex(str(check.arguments["pattern"]))
    return f"{_METRICS[check.metric or '']}_{suffix}({column.name})", arguments


def _regex(pattern: str) -> str:
    """A pattern that survives Soda, which puts it between quotes and doubles only some backslashes."""
    return pattern.replace("\\\\", r"\x5C").replace("'", r"\x27")


def custom_checks(check: Check, dataset: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The SodaCL of a custom check: each check's line and its settings, placeholders filled in."""
    written = yaml.safe_load(placed(check.implementation or "", dataset, check.column))
    items = written if isinstance(written, list) else [written]
    return [
        next((text, given or {}) for text, given in item.items()) if isinstance(item, dict) else (str(item), {})
        for item in items
    ]


def check_names(check: Check, lines: int) -> tuple[str, ...]:
    """What the gate calls the checks of a custom check with so many lines."""
    return (check.name,) if lines == 1 else tuple(f"{check.name} ({position})" for position in range(1, lines + 1))


def tables_named(text: str) -> tuple[str, ...]:
    """The tables (`layer.table`) that a text of SodaCL speaks of."""
    return tuple(TABLE_NAME.findall(text))


def _custom(contract: Contract, check: Check, dataset: str) -> list[Entry]:
    """SodaCL as written, named as in the contract, over the views of this run."""
    entries: list[Entry] = []
    items = custom_checks(check, dataset)
    for name, (text, given) in zip(check_names(check, len(items)), items, strict=True):
        config = {key: _bound_value(contract, check, key, value) for key, value in given.items()}
        line, judged = _as_severe(_with_views(text), check.severity, config)
        counts = _THRESHOLD.fullmatch(text) or "fail" in config or "warn" in config
        samples = _NO_SAMPLES if counts and line != "schema" else {}
        entries.append({line: {**samples, **config, **judged, "name": name}})
    return entries


def _as_severe(text: str, severity: str, config: Mapping[str, Any]) -> tuple[str, Entry]:
    match = _THRESHOLD.fullmatch(text)
    if severity == "error" or match is None or "warn" in config or "fail" in config:
        return text, {}
    return _judged(match["metric"], match["operator"], match["values"], severity)


def _judged(metric: str, operator: str, values: str, severity: str) -> tuple[str, Entry]:
    """A check that fails, or only warns, when the metric is not as it must be."""
    if severity == "error":
        return f"{metric} {operator} {values}", {}
    return metric, {"warn": f"when {_OPPOSITE[operator]} {values}"}


def _bound_value(contract: Contract, check: Check, key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _bound(contract, check, value) if key.endswith("query") else _with_views(value)


def _bound(contract: Contract, check: Check, sql: str) -> str:
    try:
        tables = queries.tables_read(queries.parse(sql))
        return queries.bind(sql, {table: view_name(table) for table in tables})
    except SqlError as error:
        fix = "write one Spark SQL query that gives one number"
        finding = Finding(contract.path, check.line, f"the query of `{check.name}` {error.message}", fix)
        raise ConfigError(f"a check of {contract.table} cannot be compiled", findings=[finding]) from error


def _with_views(text: str) -> str:
    return TABLE_NAME.sub(lambda match: view_name(match[0]), text)


def _values(comparison: Comparison) -> str:
    return " and ".join(map(_number, comparison.values))


def _number(value: Decimal) -> str:
    """A number without exponent, which SodaCL does not read."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
