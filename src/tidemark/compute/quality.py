"""Gates: one Soda scan of a table's candidate, before anything of it is committed."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from tidemark.compile.soda import age_in_hours, freshness_name, sodacl
from tidemark.compute.candidate import candidate, register_view
from tidemark.compute.tables import newest
from tidemark.errors import CommitError
from tidemark.spark import storage
from tidemark.sql.queries import view_name

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.contract.model import Freshness
    from tidemark.engine import Engine

_SODA_CONFIG = "send_anonymous_usage_stats: false\nuser_cookie_id: 00000000-0000-0000-0000-000000000000\n"
_import_lock = threading.Lock()


@dataclass(frozen=True)
class CheckResult:
    """One check: `outcome` is `pass`, `warn`, `fail`, `no rows` (nothing to measure) or `error` (it could not run)."""

    name: str
    outcome: str
    value: str | None = None


@dataclass(frozen=True)
class GateResult:
    """The checks of one candidate; `path` is the JSON file that holds them."""

    table: str
    run_id: str
    checks: tuple[CheckResult, ...]
    seconds: float
    path: str

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if check.outcome in ("fail", "error"))

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if check.outcome == "warn")

    @property
    def passed(self) -> bool:
        return not self.failures


def gate(engine: Engine, table: str) -> GateResult:
    """Scans the table's candidate with the checks of its contract and stores the result as JSON."""
    started = time.monotonic()
    spark = engine.session(table)
    contract = engine.table(table).contract
    checks = sodacl(contract, view_name(table), engine.run.as_of)
    results: tuple[CheckResult, ...] = ()
    if checks:
        for name in {table, *_tables_in_checks(engine, table)}:
            register_view(engine, spark, name)
        results = _scan(spark, table, checks)
    return _stored(engine, table, results, started)


def age(engine: Engine, table: str) -> GateResult | None:
    """The one check that can fail for a table that stays as it is: its freshness; None where nothing is promised.

    All others were passed by the version that is committed.
    """
    started = time.monotonic()
    freshness = engine.table(table).contract.freshness
    if freshness is None:
        return None
    value = _hours(engine, table, freshness)
    late = "fail" if freshness.severity == "error" else "warn"
    check = CheckResult(freshness_name(freshness), late if value > freshness.hours else "pass", str(value))
    return _stored(engine, table, (check,), started)


def _hours(engine: Engine, table: str, freshness: Freshness) -> float:
    """How old the newest row of the table is: as its log says, which takes no job, or else as its rows do."""
    spark, as_of = engine.session(table), engine.run.as_of
    if table not in engine.prepared:
        found = newest(engine, table, freshness.column)
        if found is not None:
            utc = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
            return round((utc - found) / timedelta(hours=1), 2)
    hours = candidate(engine, spark, table).agg(F.expr(age_in_hours(freshness, as_of)))
    return float(hours.collect()[0][0])


def _stored(engine: Engine, table: str, results: tuple[CheckResult, ...], started: float) -> GateResult:
    layer, name = table.split(".", 1)
    path = f"{engine.environment.roots.dq_results}/{layer}/{name}/{engine.run.run_id}.json"
    result = GateResult(table, engine.run.run_id, results, round(time.monotonic() - started, 3), path)
    prepared = engine.prepared.get(table)
    document = asdict(result) | {
        "passed": result.passed,
        "as_of": engine.run.as_of.isoformat(),
        "batch_id": prepared.batch_id if prepared else None,
        "contract_version": engine.table(table).contract.version,
    }
    storage.write_text(engine.spark, path, json.dumps(document, indent=1))
    return result


def _tables_in_checks(engine: Engine, table: str) -> set[str]:
    """Other tables that the contract's SQL checks read."""
    texts = [text for check in engine.table(table).contract.checks for text in (check.query, check.implementation)]
    return {name for name in engine.project.tables if any(text and name in text for text in texts)} - {table}


def _scan(spark: SparkSession, table: str, checks: str) -> tuple[CheckResult, ...]:
    scan = _new_scan()
    scan.set_verbose(False)
    scan.set_scan_definition_name(table)
    scan.set_data_source_name("lake")
    scan.add_configuration_yaml_str("data_source lake:\n  type: spark_df\n")
    scan.add_spark_session(spark, data_source_name="lake")
    scan.add_sodacl_yaml_str(checks)
    scan.execute()
    unevaluated = "error" if scan.has_error_logs() else "no rows"
    results = tuple(_result(check, unevaluated) for check in scan.get_scan_results()["checks"])
    broken = [] if results else [line for line in scan.get_error_logs_text().splitlines() if line.strip()]
    if broken:
        raise CommitError(
            "the checks could not be run",
            table=table,
            step="gate",
            seen=broken[:5],
            next_step="correct the quality section of the contract, then tidemark validate",
        )
    return results


def _result(check: Mapping[str, Any], unevaluated: str) -> CheckResult:
    value = (check.get("diagnostics") or {}).get("value")
    return CheckResult(str(check["name"]), str(check["outcome"] or unevaluated), None if value is None else str(value))


class _NoSamples:
    """A Soda sampler: rows that break a check hold personal data and are not looked at, logged or kept."""

    logs: Any = None

    def store_sample(self, sample_context: Any) -> None:
        """Lets the sample go."""
        del sample_context


def _new_scan() -> Any:
    """A Soda scan; Soda's telemetry starts at import and is told not to before that."""
    with _import_lock:
        from soda.common.config_helper import ConfigHelper

        config = Path(gettempdir()) / f"tidemark-soda-{os.getuid()}" / "config.yml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(_SODA_CONFIG, encoding="utf-8")
        ConfigHelper.get_instance(str(config))
        from soda.scan import Scan

        logging.getLogger("soda").setLevel(logging.ERROR)

    scan = Scan()
    scan.sampler = _NoSamples()
    return scan
