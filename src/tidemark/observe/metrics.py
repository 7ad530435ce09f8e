"""Metrics of runs in CloudWatch's embedded metric format: lines of JSON, which its logs make metrics of.

They are made of the books of a run; nothing is counted for them. Alarms and the dashboard in
`infra/terraform/modules/observability` know them by the names and dimensions that stand here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidemark.control.runfiles import METRICS
from tidemark.errors import TidemarkError
from tidemark.shown import dimension, json_line

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunSummary, TableResult

NAMESPACE = "Tidemark"
ENVIRONMENT, JOB, TABLE = "Environment", "Job", "Table"
RECORDS, QUARANTINED, FAILURES = "records_processed_total", "rows_quarantined", "dq_critical_failures"
LATENCY, FRESHNESS, COST = "latency_seconds", "freshness_seconds", "cost_estimate_usd"
UNITS: Mapping[str, str] = {
    RECORDS: "Count",
    QUARANTINED: "Count",
    FAILURES: "Count",
    LATENCY: "Seconds",
    FRESHNESS: "Seconds",
    COST: "None",
}
JOB_DIMENSIONS = ((ENVIRONMENT,), (ENVIRONMENT, JOB))
TABLE_DIMENSIONS = ((ENVIRONMENT, TABLE),)
"""Each combination is a metric of its own that AWS charges for: a table has no dimension more than it is asked by."""

_HOUR = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Metrics:
    """Values by name: of the job, and of each table."""

    job: Mapping[str, float]
    tables: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As they stand in the summary of a run."""
        return {"job": dict(self.job), "tables": {name: dict(values) for name, values in self.tables.items()}}


def of_run(summary: RunSummary, ages: Mapping[str, float], *, usd_an_hour: float | None, plans: bool) -> Metrics:
    """What a run that is over did, in numbers.

    `ages`: seconds by table, as far as they are known. A run that plans has processed and rejected nothing yet.
    """
    cost = None if usd_an_hour is None else summary.seconds / _HOUR * usd_an_hour
    worked = sum(result.seconds for result in summary.tables)
    tables: dict[str, dict[str, float]] = {}
    for result in summary.tables:
        values = _of_table(result, plans=plans)
        if cost is not None and worked:
            values[COST] = cost * result.seconds / worked
        tables[result.table] = values
    job = {name: sum(values.get(name, 0.0) for values in tables.values()) for name in (RECORDS, QUARANTINED, FAILURES)}
    job[LATENCY] = summary.seconds
    if cost is not None:
        job[COST] = cost
    for table, age in ages.items():
        tables.setdefault(table, {})[FRESHNESS] = age
    if ages:
        job[FRESHNESS] = max(ages.values())
    return Metrics(_rounded(job), {table: _rounded(values) for table, values in tables.items()})


def of_ages(ages: Mapping[str, float]) -> Metrics:
    """How old tables are, where nothing ran."""
    job = {FRESHNESS: max(ages.values())} if ages else {}
    return Metrics(_rounded(job), {table: _rounded({FRESHNESS: age}) for table, age in ages.items()})


def _of_table(result: TableResult, *, plans: bool) -> dict[str, float]:
    books, failed = result.books, len(result.gate.failed) if result.gate else 0
    return {
        RECORDS: books.extracted if books and result.wrote else 0,
        QUARANTINED: books.quarantined if books and not plans else 0,
        FAILURES: 0 if plans else max(failed, int(result.status == "gate failed")),
        LATENCY: result.seconds,
    }


def usd_an_hour(environment: Environment, size: str | None) -> float | None:
    """What an hour of a run costs in a container of this size, with all the executors that it may have.

    None where the environment does not say what things cost, or how large the container is.
    """
    spec = environment.compute.sizes.get(size or "")
    if environment.prices is None or spec is None or spec.cores is None or spec.memory_gb is None:
        return None
    prices = environment.prices
    machine = spec.cores * prices.vcpu_hour_usd + spec.memory_gb * prices.memory_gb_hour_usd
    return machine * (1 + (spec.executors or 0))


def lines(metrics: Metrics, *, environment: str, job: str, at: datetime, run_id: str) -> Iterator[str]:
    """The metrics in the embedded metric format, a JSON object a line; `at` is UTC."""
    said = {ENVIRONMENT: dimension(environment), JOB: dimension(job), "run_id": run_id}
    if metrics.job:
        yield _line(JOB_DIMENSIONS, said, metrics.job, at)
    for table, values in sorted(metrics.tables.items()):
        yield _line(TABLE_DIMENSIONS, said | {TABLE: dimension(table)}, values, at)


def _line(
    dimensions: tuple[tuple[str, ...], ...], said: Mapping[str, str], values: Mapping[str, float], at: datetime
) -> str:
    declared = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(names) for names in dimensions],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    millis = round(at.replace(tzinfo=UTC).timestamp() * 1000)
    return json_line({"_aws": {"Timestamp": millis, "CloudWatchMetrics": [declared]}, **said, **values})


def write(environment: Environment, folder: Folder, name: str, told: Iterator[str]) -> None:
    """Keeps the lines as `<name>.metrics.jsonl`, and prints them where the environment says so; never raises.

    A run is done whatever becomes of its metrics.
    """
    text = "".join(f"{line}\n" for line in told)
    try:
        folder.write_text(f"{name}{METRICS}", text)
    except TidemarkError:
        log.exception("the metrics of %s could not be kept", name)
    if environment.metrics.to == "stdout":
        sys.stdout.write(text)
        sys.stdout.flush()


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}
