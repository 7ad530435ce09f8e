"""The engine's steps as Prefect tasks: named after their table, retried when the network failed, nothing stored.

Hand over everything but names as `unseen(…)`: Prefect then neither walks through the engine and its frames nor looks
for other tasks' results in them. No result is cached or persisted, so no row and no secret reaches its storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from blocks.names import limit_tag
from tasks import events, evidence
from tasks.guard import step
from tasks.transient import retry_when_transient
from tidemark import steps
from tidemark.compute import verify as verifying
from tidemark.config.environment import SPARK
from tidemark.errorlane import replay
from tidemark.errors import GateError
from tidemark.operations import maintenance
from tidemark.operations import restore as restoring
from tidemark.operations.erasing import taking_out
from tidemark.operations.snapshots import export
from tidemark.plans import predict as prediction
from tidemark.reconcile import reconciling

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.compute.gate.quality import GateResult
    from tidemark.compute.received import Received
    from tidemark.compute.verify import Sample, Verified
    from tidemark.config.environment import Environment
    from tidemark.control.release import Release
    from tidemark.engine import Engine
    from tidemark.errorlane.quarantine import Rejected
    from tidemark.errorlane.replay import Which
    from tidemark.lint.privacy.subjects import Treatment
    from tidemark.operations.erasing.person import Person
    from tidemark.operations.maintenance import Tidied
    from tidemark.operations.snapshots.export import Export
    from tidemark.plans.document import Prediction
    from tidemark.plans.predict import Published
    from tidemark.reconcile.found import Reconciled
    from tidemark.reconcile.pairs import Pair
    from tidemark.sources import Extract
    from tidemark.sources.watermark import Period
    from tidemark.targets import PublishResult
    from tidemark.write.batch import Checked
    from tidemark.write.commit import Committed
    from tidemark.write.manifest import Prepared

Value = TypeVar("Value")
Parameters = ParamSpec("Parameters")

NOTHING_STORED: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False, "log_prints": False}
RETRIES: dict[str, Any] = {
    # For as long as the environment's `retry` says. What a source's client has waited out is not among them.
    "retries": 12,
    "retry_delay_seconds": [2, 10, 30, 60, 90, 120],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": retry_when_transient,
}


def unseen(value: Value) -> Value:
    """An argument into which Prefect does not look; the task gets the value itself."""
    return cast("Value", quote(value))


def at(environment: Environment, connection: str, each: Task[Parameters, Value]) -> Task[Parameters, Value]:
    """The task as one that talks to a connection: it counts towards that system's limit over all runs, if it has one.

    Whatever tags a task has, the server is asked for a slot of each before it begins.
    """
    is_limited = environment.prefect is not None and connection in environment.prefect.limits
    return each.with_options(tags=[*each.tags, limit_tag(environment.name, connection)]) if is_limited else each


def on_spark(environment: Environment, each: Task[Parameters, Value]) -> Task[Parameters, Value]:
    """The task as one that Spark works for: it counts towards the environment's limit of these, over all runs."""
    return at(environment, SPARK, each)


def _step(engine: Engine, table: str, name: str) -> AbstractContextManager[None]:
    batch = engine.prepared.get(table)
    return step(table, name, engine.spark, engine.environment.compute.step_limit, batch.batch_id if batch else None)


@task(task_run_name="extract {table}", **NOTHING_STORED, **RETRIES)
def extract(
    engine: Engine, table: str, since: datetime | None = None, full: bool = False, period: Period | None = None
) -> Extract:
    """Reads what is new in the table's source, or once more what it has of a period."""
    with _step(engine, table, "extract"):
        extracted = steps.extract(engine, table, since=since, full=full, period=period)
    events.drift_seen(engine, table, extracted.drift)
    return extracted


@task(task_run_name="validate {table}", **NOTHING_STORED, **RETRIES)
def validate(engine: Engine, table: str, extracted: Extract) -> Checked:
    """Holds extracted rows against the contract; nothing is computed yet."""
    with _step(engine, table, "validate"):
        return steps.validate(engine, table, extracted)


@task(task_run_name="read errors of {table}", **NOTHING_STORED, **RETRIES)
def read_errors(engine: Engine, table: str, which: Which) -> tuple[Extract, DataFrame] | None:
    """Reads the open errors of a table as a source gave them; None when there are none."""
    with _step(engine, table, "read errors"):
        return replay.replayed(engine, table, which)


@task(task_run_name="note replay of {table}", **NOTHING_STORED, **RETRIES)
def begin_replay(engine: Engine, table: str, prepared: Prepared, errors: DataFrame, checked: Checked) -> None:
    """Notes which errors the batch closes once it is committed."""
    with _step(engine, table, "note replay"):
        replay.begin(engine, table, prepared, errors, checked)


@task(task_run_name="close errors of {table}", **NOTHING_STORED, **RETRIES)
def end_replay(engine: Engine, table: str) -> None:
    """Closes the errors whose rows were committed."""
    with _step(engine, table, "close errors"):
        replay.settle(engine, table)


@task(task_run_name="restore {table}", **NOTHING_STORED, **RETRIES)
def restore(engine: Engine, table: str, todo: restoring.Step, restored: str) -> int:
    """Takes a table back to an earlier version; gives the version that this makes. `restored` is what it is back to."""
    with _step(engine, table, "restore"):
        return restoring.restore(engine, todo, restored, keeps_lease=True)


@task(task_run_name="erase in {table}", **NOTHING_STORED, **RETRIES)
def take_out(engine: Engine, table: str, who: Person, treatment: Treatment) -> None:
    """Takes a person out of a table of what was received or logged; doing it again is a no-op."""
    with _step(engine, table, "erase"):
        taking_out.take_out(engine, who, treatment)


@task(task_run_name="build {table}", **NOTHING_STORED, **RETRIES)
def build(engine: Engine, table: str, full: bool = False, received: Received | None = None) -> Checked | None:
    """Finds what has to be computed of a silver or gold table, and sets up its query; None: nothing has to be."""
    with _step(engine, table, "build"):
        return steps.build(engine, table, full=full, received=received)


@task(task_run_name="nothing new for {table}", **NOTHING_STORED, **RETRIES)
def stay(engine: Engine, table: str) -> GateResult | None:
    """Ends the work on a table that has nothing new; gives what there is to say of its age, or of all its checks where
    they read tables that have changed.

    Raises `GateFailedError` when it is older than its gate lets pass, or a check fails.
    """
    with _step(engine, table, "build"):
        aged = steps.stay(engine, table)
    if aged is not None:
        _tell(engine, aged)
    return aged


@task(task_run_name="prepare {table}", **NOTHING_STORED, **RETRIES)
def prepare(engine: Engine, table: str, checked: Checked) -> Prepared:
    """Compares with the table and stages what changes."""
    with _step(engine, table, "prepare"):
        return steps.prepare(engine, table, checked)


@task(task_run_name="write errors {table}", **NOTHING_STORED, **RETRIES)
def write_errors(engine: Engine, table: str, checked: Checked, prepared: Prepared) -> Rejected:
    """Writes rejected rows to the error lane; gives those that are new there."""
    with _step(engine, table, "write errors"):
        rejected = steps.write_errors(engine, table, checked, prepared)
    evidence.link_rejected(engine, table, rejected)
    return rejected


@task(task_run_name="predict {table}", **NOTHING_STORED, **RETRIES)
def predict(engine: Engine, table: str, published: Published) -> Prediction:
    """Looks up what the prepared batch will do, for the document of a plan."""
    with _step(engine, table, "predict"):
        return prediction.predict(engine, table, published)


@task(task_run_name="tell of {table}", **NOTHING_STORED, **RETRIES)
def tell(engine: Engine, table: str, prepared: Prepared, rules: Sequence[str]) -> Rejected:
    """Writes the drift and the rejected rows of a planned batch; gives the rows that are new in the error lane."""
    with _step(engine, table, "write errors"):
        rejected = steps.tell(engine, table, prepared, rules)
    evidence.link_rejected(engine, table, rejected)
    return rejected


@task(task_run_name="gate {table}", **NOTHING_STORED, **RETRIES)
def gate(engine: Engine, table: str) -> GateResult:
    """Runs the table's checks on its candidate; raises `GateFailedError`: the task fails where the gate does."""
    with _step(engine, table, "gate"):
        result = steps.gate(engine, table)
    _tell(engine, result)
    return result


class GateFailedError(GateError):
    """A gate that did not pass; `result` has its checks."""

    def __init__(self, result: GateResult) -> None:
        failed = [check.name for check in result.failures]
        super().__init__(f"{result.table}: {len(failed)} of {len(result.checks)} checks failed", seen=failed)
        self.result = result


def _tell(engine: Engine, result: GateResult) -> None:
    events.gate_passed_or_not(engine, result)
    evidence.link_checks(result)
    if not result.passed:
        raise GateFailedError(result)


@task(task_run_name="rehearse {table}", **NOTHING_STORED, **RETRIES)
def rehearse(engine: Engine, table: str, prepared: Prepared) -> None:
    """Tries everything of the batch's commit that can fail, and changes nothing."""
    with _step(engine, table, "rehearse"):
        steps.rehearse(engine, table, prepared)


@task(task_run_name="commit {table}", **NOTHING_STORED, **RETRIES)
def commit(engine: Engine, table: str, prepared: Prepared, keeps_lease: bool = False) -> Committed:
    """Commits the prepared batch; doing it again is a no-op."""
    with _step(engine, table, "commit"):
        return steps.commit(engine, table, prepared, keeps_lease=keeps_lease)


@task(task_run_name="maintain {table}", **NOTHING_STORED, **RETRIES)
def maintain(engine: Engine, table: str, since: datetime, now: datetime) -> Tidied | None:
    """Puts the table's small files together, and removes what has been out of use since before `since`."""
    with step(table, "maintain", engine.spark):
        return maintenance.tidy(engine, table, since, now)


@task(task_run_name="export {table}", **NOTHING_STORED, **RETRIES)
def export_table(engine: Engine, table: str, exported: Export) -> None:
    """Copies what is missing of the table's files to where snapshots lie."""
    with step(table, "export", engine.spark):
        export.take(exported, table)


@task(task_run_name="verify {table}", **NOTHING_STORED, **RETRIES)
def verify(engine: Engine, table: str, sample: Sample | None = None) -> Verified:
    """Computes the table, or a sample of it, anew and compares; differences are in the result, not an error."""
    with _step(engine, table, "verify"):
        return verifying.verify(engine, table, sample)


@task(task_run_name="reconcile {table} with {other}", **NOTHING_STORED, **RETRIES)
def reconcile(engine: Engine, table: str, other: str, pair: Pair) -> Reconciled:
    """Compares a table with its source or a warehouse; differences are in the result, not an error."""
    with _step(engine, table, f"reconcile with {other}"):
        return reconciling.reconcile(engine, pair)


@task(task_run_name="publish {table} to {target}", **NOTHING_STORED, **RETRIES)
def publish(engine: Engine, table: str, target: str, release: Release) -> PublishResult:
    """Brings the released version of a table to a warehouse; doing it again is a no-op."""
    with _step(engine, table, f"publish to {target}"):
        return steps.publish(engine, table, target, release)
