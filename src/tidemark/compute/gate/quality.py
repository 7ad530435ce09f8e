"""Gates: one Soda scan of a table's candidate, before anything of it is committed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from tidemark.compile.soda import age_in_hours, freshness_name, placed, sodacl
from tidemark.compute.candidate import candidate, committed
from tidemark.compute.gate import personal
from tidemark.compute.gate.limits import limit_checks
from tidemark.compute.gate.scan import CheckResult, run_checks
from tidemark.compute.tables import newest
from tidemark.control import bypasses
from tidemark.instants import as_utc
from tidemark.lint.privacy import admission, measured
from tidemark.rows.places import in_places
from tidemark.spark import storage
from tidemark.sql.queries import view_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from tidemark.config.contract.model import Contract, Freshness
    from tidemark.engine import Engine

FAILED = ("fail", "error")
HIDDEN = "hidden"
"""The value of a check that measures personal data."""


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
        return tuple(check for check in self.checks if check.outcome in FAILED)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if check.outcome == "warn")

    @property
    def passed(self) -> bool:
        return not self.failures


def gate(engine: Engine, table: str) -> GateResult:
    """Scans the table's candidate with the checks of its contract, holds its batch against the table's limits, and
    stores the result as JSON.
    """
    started = time.monotonic()
    spark = engine.session(table)
    loaded = engine.table(table)
    contract = loaded.contract
    checks = sodacl(contract, view_name(table), engine.run.as_of)
    results: tuple[CheckResult, ...] = ()
    search = personal.search(engine, spark, table)
    if checks:
        relations = {view_name(name): frame for name, frame in _relations(engine, spark, table)}
        results = run_checks(spark, contract, checks, relations, search.beside if search else None)
        results = _without_values(engine, table, results)
    found = personal.results(search, contract) if search else ()
    batch = engine.prepared.get(table)
    limits = limit_checks(loaded, batch, engine.run.allows) if batch else ()
    return _stored(engine, table, (*_let_pass(engine, table, results), *found, *limits), started)


def age(engine: Engine, table: str) -> GateResult | None:
    """The one check that can fail for a table that stays as it is: its freshness; None where nothing is promised.

    All others were passed by the version that is committed, where none of them is due (`is_due`).
    """
    started = time.monotonic()
    freshness = engine.table(table).contract.freshness
    if freshness is None:
        return None
    value = _hours(engine, table, freshness)
    late = "fail" if freshness.severity == "error" else "warn"
    check = CheckResult(freshness_name(freshness), late if value > freshness.hours else "pass", str(value))
    return _stored(engine, table, _let_pass(engine, table, _without_values(engine, table, (check,))), started)


def is_due(engine: Engine, table: str) -> bool:
    """Whether a table that stays as it is has to pass its checks again: they read others, which this run changes."""
    waits = engine.project.gates.get(table, ())
    prepared = (engine.prepared[name] for name in waits if name in engine.prepared)
    return any(not batch.changes_nothing for batch in prepared) or any(name in engine.batches for name in waits)


def check_names(contract: Contract) -> tuple[str, ...]:
    """The checks that a contract has, by the names that the gate writes."""
    freshness = (freshness_name(contract.freshness),) if contract.freshness else ()
    return (*(check.name for check in contract.checks), *freshness)


def _without_values(engine: Engine, table: str, results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """The results, without what was measured where that may be a value of somebody: nothing of it is stored or told."""
    hidden = measured.hidden(admission.sight(engine.project.tables), engine.table(table))
    return tuple(
        replace(check, value=HIDDEN) if check.value is not None and check.name in hidden else check for check in results
    )


def _let_pass(engine: Engine, table: str, results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """The results, of which those only warn that somebody has let pass for now.

    Personal data and the limits of a batch have ways of their own (`personalException`, `--allow`).
    """
    if not any(check.outcome in FAILED for check in results):
        return results
    now = datetime.now(UTC).replace(tzinfo=None)
    held = bypasses.holding(engine.state, table, now)
    return tuple(
        replace(check, outcome="warn", bypass=held[check.name].told)
        if check.outcome in FAILED and check.name in held
        else check
        for check in results
    )


def _hours(engine: Engine, table: str, freshness: Freshness) -> float:
    """How old the newest row of the table is: as its log says, which takes no job, or else as its rows do."""
    spark, as_of = engine.session(table), engine.run.as_of
    if table not in engine.prepared:
        found = newest(engine, table, freshness.column)
        if found is not None:
            return round((as_utc(as_of) - found) / timedelta(hours=1), 2)
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
        "personal_exceptions": personal.exceptions(engine, table),
    }
    storage.write_text(engine.spark, path, json.dumps(document, indent=1))
    return result


def _relations(engine: Engine, spark: SparkSession, table: str) -> Iterator[tuple[str, DataFrame]]:
    """The table and those that its checks read: what the run makes of them where the gate waits for them, and else
    what is committed.
    """
    tables, waits = engine.project.tables, engine.project.gates.get(table, ())
    checks = engine.table(table).contract.checks
    queries = [placed(check.query, table, check.column) for check in checks if check.query]
    for name in sorted({table, *engine.table(table).checked_against} & tables.keys()):
        frame = (candidate if name == table or name in waits else committed)(engine, spark, name)
        yield name, in_places(frame, tables[name].contract, queries)
