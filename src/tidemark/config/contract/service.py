"""Reads `slaProperties`: how fresh a table is kept, how long its loads may take, how many rows a day brings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from open_data_contract_standard.model import OpenDataContractStandard, ServiceLevelAgreementProperty

from tidemark.config.contract.model import Column, Freshness, Service, Severity
from tidemark.config.contract.quality import read_severity
from tidemark.config.files.yamltext import Report, Where
from tidemark.errors import choose

_HOURS_PER_UNIT = {
    **dict.fromkeys(("min", "minute", "minutes"), Decimal(1) / 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), Decimal(1)),
    **dict.fromkeys(("d", "day", "days"), Decimal(24)),
}
_SECONDS_PER_UNIT = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), Decimal(1)),
    **{unit: hours * 3600 for unit, hours in _HOURS_PER_UNIT.items()},
}
_ROWS = ("row", "rows", "record", "records", "rows/d", "records/d")
_Found = tuple[Where, ServiceLevelAgreementProperty]


def read_freshness(report: Report, parsed: OpenDataContractStandard, columns: tuple[Column, ...]) -> Freshness | None:
    """The promise that the newest value of a column is at most so old."""
    found = _promised(report, parsed, "freshness")
    if found is None:
        return None
    where, sla = found
    element = (sla.element or parsed.slaDefaultElement or "").rpartition(".")[2]
    by_name = {column.name: column for column in columns}
    if element not in by_name:
        report.error(where, f"freshness is of column `{element}`, which is not there", choose(element, by_name))
    elif by_name[element].type not in ("timestamp", "date"):
        message = f"freshness is of `{element}`, a {by_name[element].type}"
        report.error(where, message, "name a timestamp or date column in `element:`")
    hours = _amount(report, where, sla, _HOURS_PER_UNIT, "h", "use h, d or min")
    if hours is None:
        return None
    return Freshness(element, hours, _severity(report, found), report.document.line(where))


def read_service(report: Report, parsed: OpenDataContractStandard) -> Service | None:
    """The promises `latency` (how long a load takes at most) and `throughput` (rows of a day at least)."""
    latency, throughput = (_promised(report, parsed, name) for name in ("latency", "throughput"))
    seconds = latency and _amount(report, *latency, _SECONDS_PER_UNIT, "h", "use s, min, h or d")
    rows = throughput and _amount(report, *throughput, dict.fromkeys(_ROWS, Decimal(1)), "rows", "use rows")
    if throughput and rows and rows != rows.to_integral_value():
        report.error((*throughput[0], "value"), f"throughput is `{rows}` rows", "write a whole number of rows")
    if not seconds and not rows:
        return None
    told = [_severity(report, found) for found in (latency, throughput) if found]
    severity: Severity = "error" if "error" in told else "warning"
    return Service(float(seconds) if seconds else None, int(rows) if rows else None, severity)


def _promised(report: Report, parsed: OpenDataContractStandard, name: str) -> _Found | None:
    found: list[_Found] = [
        (("slaProperties", position), sla)
        for position, sla in enumerate(parsed.slaProperties or [])
        if sla.property == name
    ]
    if len(found) > 1:
        report.error(found[1][0], f"{name} is promised twice", "keep one of them")
    return found[0] if found else None


def _severity(report: Report, found: _Found) -> Severity:
    where, sla = found
    severity: Severity = "warning"
    for position, custom in enumerate(sla.customProperties or []):
        if custom.property == "severity":
            severity = read_severity(report, (*where, "customProperties", position), str(custom.value))
    return severity


def _amount(
    report: Report,
    where: Where,
    sla: ServiceLevelAgreementProperty,
    units: Mapping[str, Decimal],
    usual: str,
    fix: str,
) -> Decimal | None:
    text = report.document.text((*where, "value")) or ""
    factor = units.get((sla.unit or usual).lower())
    if factor is None:
        report.error((*where, "unit"), f"unit `{sla.unit}` is not known here", fix)
        return None
    try:
        amount = Decimal(text) * factor
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        report.error((*where, "value"), f"{sla.property} is `{text}`", "write a number above 0, and its `unit:`")
        return None
    return amount
