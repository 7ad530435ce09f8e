"""The steps of a load, in order: extract or build, validate, prepare, write errors, gate, commit, publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pyspark.sql.types import StructType

from tidemark import faults, publishing
from tidemark.compute import building, erased, failures, incremental, tables
from tidemark.compute.gate import quality
from tidemark.compute.received import scope as scope_of_received
from tidemark.config.definition import fingerprint, mixed, with_older_rows
from tidemark.delta import sizes
from tidemark.delta.table import earlier_types, read_state, written_schema
from tidemark.engine import DoneBatch, metadata_values
from tidemark.errorlane import quarantine, replay
from tidemark.errorlane.quarantine import ErrorBatch, Rejected
from tidemark.errors import ConfigError
from tidemark.lint.privacy import admission
from tidemark.observe import drift
from tidemark.operations import staging
from tidemark.rows import judging
from tidemark.sources import Extract, ExtractRequest, source_for
from tidemark.sources.landing.formats.broken import SPARK_FAILURES, failed_read
from tidemark.sources.watermark import is_further, mark
from tidemark.spark import storage
from tidemark.write import standing
from tidemark.write.batch import Checked, Work
from tidemark.write.commit import Committed
from tidemark.write.commit import commit as commit_batch
from tidemark.write.manifest import Prepared, batch_id
from tidemark.write.prepare import prepare as prepare_batch
from tidemark.write.rehearsal import rehearse as rehearse_batch
from tidemark.write.standing import FencedError
from tidemark.write.way import writes_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.compute.gate.quality import GateResult
    from tidemark.compute.received import Received
    from tidemark.control.release import Release
    from tidemark.engine import Engine
    from tidemark.sources import Source
    from tidemark.sources.watermark import Period
    from tidemark.targets import PublishResult

Value = TypeVar("Value")


def extract(
    engine: Engine, table: str, *, since: datetime | None = None, full: bool = False, period: Period | None = None
) -> Extract:
    """Reads what is new in the table's source: the window after the committed watermark, or the new files.

    `since` moves the lower end of the window; `full` reads everything there is; with a `period` what the source has of
    it is read again, which tells nothing of how far it was read, or of its shape.
    """
    loaded = engine.table(table)
    if loaded.load.source is None:
        raise ConfigError(f"{table} has no source: it is built from {', '.join(loaded.inputs) or 'its query'}")
    spark = engine.session(table)
    state = tables.state_of(engine, table)
    path = engine.table_path(table)
    standing.refuse_foreign(spark, table, path, state, "extract")
    standing.refuse_columns_gone(spark, table, path, state)
    tables.begin(engine, table, state)
    if not full:
        standing.refuse_lost(table, path, state)
    bookkeeping = state.watermark
    connection = engine.connect(loaded.load.source.connection)
    request = ExtractRequest(
        table=loaded,
        connection=connection,
        spark=spark,
        low=mark(bookkeeping.get("high")),
        since=since,
        as_of=engine.run.as_of,
        bookkeeping=bookkeeping,
        staging=f"{engine.environment.exchange.rstrip('/')}/extract/run_id={engine.run.run_id}/{table}",
        local_staging=f"{engine.staging_path(table)}/extract",
        full=full,
        environment=engine.environment,
        seen=tables.known_look(engine, loaded, state),
        period=period.until(engine.run.as_of) if period else None,
    )
    extracted = _given(engine, source_for(connection.kind), request)
    drifted = drift.observe(engine, loaded, extracted) if period is None else ()
    notices = (*tables.told_gone(engine, table, state), *extracted.notices, *map(str, drifted))
    return replace(extracted, notices=notices, drift=drifted, source_system=loaded.load.source.system_name)


def _given(engine: Engine, source: Source, request: ExtractRequest) -> Extract:
    """What the source gives; a file that turns out to be unreadable as it is read is left to the source to judge, and
    one that was written to meanwhile is left for the next run.
    """

    def without(failure: BaseException) -> Extract | None:
        path, cause = failed_read(failure) or ("", "")
        if not path or path in request.failed:
            return None
        return _given(engine, source, replace(request, failed={**request.failed, path: cause}))

    extracted = replace(source.extract(request), without=without)
    if extracted.empty or not request.source.is_text:
        return extracted
    sizes.fit_to_size(request.spark, extracted.frame, None, engine.environment.compute.codegen_from_mb)
    try:
        parsed = _parsed_once(request.spark, extracted, request.local_staging)
    except SPARK_FAILURES as failure:
        repaired = without(failure)
        if repaired is None:
            raise
        return repaired
    unsettled = extracted.unsettled() - request.unsettled
    return _given(engine, source, replace(request, unsettled=request.unsettled | unsettled)) if unsettled else parsed


def without_broken_file(extracted: Extract, failure: BaseException) -> Extract | None:
    """The extract once more, where a later step failed on reading a file; None where it failed for another reason."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, SPARK_FAILURES):
        cause = cause.__cause__ or cause.__context__
    repaired = extracted.without(cause) if cause is not None else None
    if repaired is None:
        return None
    told = tuple(dict.fromkeys((*extracted.notices, *repaired.notices)))
    return replace(repaired, notices=told, drift=extracted.drift, source_system=extracted.source_system)


def _parsed_once(spark: SparkSession, extracted: Extract, folder: str) -> Extract:
    """Text is dear to parse, and read twice (good rows, then bad ones): from here on it is Parquet in staging."""
    path, schema = f"{folder}/rows", extracted.frame.schema
    extracted.frame.write.mode("overwrite").parquet(path)
    return replace(extracted, given=sizes.gathered(spark.read.schema(schema).parquet(path), storage.size(spark, path)))


def validate(engine: Engine, table: str, extracted: Extract) -> Checked:
    """Holds extracted rows against the contract, lazily."""
    loaded = engine.table(table)
    source = loaded.load.source
    frame = sizes.gathered(extracted.frame, sizes.read_bytes(extracted.frame))
    cleared = erased.clear(engine, engine.session(table), loaded, frame)
    frame = cleared.frame
    if source and source.taken_at:
        frame = building.dated(engine, loaded, frame, source.taken_at, is_made=extracted.empty)
    checked = building.check(engine, loaded, frame, source.fields if source else {})
    return replace(
        checked,
        identity=extracted.identity,
        watermark=extracted.watermark,
        source_system=extracted.source_system,
        complete=extracted.full,
        empty=extracted.empty,
        notices=extracted.notices,
        look=extracted.look,
        window=extracted.window,
        rereads=extracted.rereads,
        asked_at=engine.run.started_at,
        erased=cleared.counter,
    )


@failures.told("build")
def build(engine: Engine, table: str, *, full: bool = False, received: Received | None = None) -> Checked | None:
    """The rows of a silver or gold table, by its query over the candidates of its inputs, held against the contract.

    Only the rows that changes of the inputs affect are computed, or all with `full`; with `received` those too that
    lead back to rows received in a period. None when nothing can have changed since the table's last commit.
    """
    admission.admit(engine.project.tables, table)
    loaded = engine.table(table)
    spark = engine.session(table)
    definition = fingerprint(loaded)
    tables.begin(engine, table, tables.state_of(engine, table))
    if received is None:
        todo = incremental.scope(engine, spark, loaded, definition, full=full)
    else:
        todo = scope_of_received(engine, spark, loaded, definition, received)
    if todo.nothing:
        return None
    checked = building.computed(engine, spark, loaded, todo.affected)
    inputs = {name: tables.input_version(engine, name) for name in loaded.inputs}
    ids = {name: tables.input_id(engine, name) for name in loaded.inputs}
    signed = with_older_rows(definition) if todo.keeps_older else definition
    if todo.others_by is not None:
        signed = mixed(todo.others_by, definition)
    read = {name: _input_identity(engine, name, version) for name, version in inputs.items()}
    asked = {"received": received.to_json()} if received else {}
    return replace(
        checked,
        identity={"inputs": read, "definition": signed, **asked},
        inputs=inputs,
        input_ids=ids,
        complete=True,
        rereads=True,
        affected=todo.affected,
        rejects_stand=todo.rejects_stand,
        reason=todo.reason,
        anew=full or todo.anew,
        whole=full,
        notices=todo.notices,
        definition=signed,
    )


def has_nothing(engine: Engine, table: str, extracted: Extract) -> bool:
    """Whether the source gave nothing that a commit of the table could say: no row, and no step of the watermark."""
    state = tables.state_of(engine, table)
    gave = not extracted.empty or extracted.full or _moves(extracted.watermark, state.watermark)
    return state.version is not None and not gave


def stay(engine: Engine, table: str) -> GateResult | None:
    """Ends the work on a table that has nothing new; gives what there is to say of its age, or of all its checks where
    these are due."""
    tables.note_version(engine, table, tables.pinned(engine, table))
    engine.leases.release(table)
    return quality.gate(engine, table) if quality.is_due(engine, table) else quality.age(engine, table)


@failures.told("prepare")
def prepare(engine: Engine, table: str, checked: Checked) -> Prepared:
    """Deduplicates, compares with the target and stages what changes; the batch then counts in candidates."""
    admission.admit(engine.project.tables, table)
    loaded = engine.table(table)
    spark = engine.session(table)
    path = engine.table_path(table)
    state = tables.state_of(engine, table)
    standing.refuse_foreign(spark, table, path, state, "prepare")
    tables.refuse_another(engine, table, state)
    replay.settle_by_hand(engine, table, state)
    if not checked.anew:
        is_computed = loaded.load.source is None and loaded.load.write.mode != "append"
        standing.refuse_columns_gone(spark, table, path, state, is_computed=is_computed)
    identity = {**checked.identity, "contract": loaded.contract.version, "after": state.batch_id, "epoch": state.epoch}
    name = batch_id(table, identity)
    staging.take_over(engine, table, name)
    sizes.fit_to_size(
        spark, checked.judged, path if state.version is not None else None, engine.environment.compute.codegen_from_mb
    )
    contract = loaded.contract.column_names
    stored = written_schema(spark, path, contract) if state.version is not None else StructType()
    columns = checked.alignment.stored_columns(stored.fieldNames())
    prepared = prepare_batch(
        Work(spark, loaded, checked, columns, path, state, stored, earlier_types(stored)),
        batch_id=name,
        run_id=engine.run.run_id,
        staging=engine.staging_path(table),
        metadata=metadata_values(engine.run, name, checked.source_system),
        moves_watermark=_moves(checked.watermark, state.watermark),
    )
    standing.terms_of(spark, path, prepared)
    engine.prepared[table] = prepared
    return prepared


@failures.told("write errors")
def write_errors(engine: Engine, table: str, checked: Checked, prepared: Prepared) -> Rejected:
    """Writes the rejected rows to the error lane; gives those that are new there. A good batch costs nothing here.

    A run that plans keeps them beside the batch, for `tell`.
    """
    if prepared.books.quarantined == 0:
        return Rejected()
    contract = checked.rules_of(engine.table(table))
    batch = _error_batch(engine, table, prepared)
    spark, lane = engine.session(table), engine.errors_path(table)
    staged = prepared.rejected(spark)
    bad = judging.rejected(checked.source, contract, checked.alignment) if staged is None else staged
    rules = judging.rule_codes(checked.source, contract, checked.alignment)
    if engine.run.plans:
        return quarantine.stage_errors(spark, bad, lane, batch, rules, _staged_errors(prepared))
    return quarantine.write_errors(spark, bad, lane, batch, rules)


def tell(engine: Engine, table: str, prepared: Prepared, rules: Sequence[str]) -> Rejected:
    """Writes what a planned batch has to say beside its table: its drift to the log, rejected rows to the error lane.

    Gives the rows that are new in the lane; `rules` are the codes to count them by. Again is a no-op.
    """
    drift.log_staged(engine, engine.table(table), prepared.path)
    spark, staged = engine.session(table), _staged_errors(prepared)
    if prepared.books.quarantined == 0 or not storage.exists(spark, staged):
        return Rejected()
    batch = _error_batch(engine, table, prepared)
    return quarantine.add_staged(spark, staged, engine.errors_path(table), batch, rules)


def gate(engine: Engine, table: str) -> GateResult:
    """Runs the table's checks on its candidate."""
    return quality.gate(engine, table)


def rehearse(engine: Engine, table: str, prepared: Prepared) -> None:
    """Tries everything of the batch's commit that can fail, and changes nothing; raises what the commit would."""
    spark, loaded, path = engine.session(table), engine.table(table), engine.table_path(table)
    _under_lease(engine, table, prepared, lambda held: rehearse_batch(spark, loaded, path, held))


def commit(engine: Engine, table: str, prepared: Prepared, *, keeps_lease: bool = False) -> Committed:
    """Commits the prepared batch and notes it in the control store's index; with `keeps_lease` it is not given back."""
    versions = {name: _version_read(engine, name, version) for name, version in prepared.inputs.items()}
    ids = {name: engine.ids.get(name) or prepared.input_ids.get(name) for name in versions}
    final = replace(prepared, inputs=versions, input_ids=ids)
    spark, loaded, path = engine.session(table), engine.table(table), engine.table_path(table)
    if not writes_rows(loaded, final):
        sizes.stop_codegen(spark, engine.environment.compute.codegen_from_mb)
    committed = _under_lease(engine, table, final, lambda held: commit_batch(spark, loaded, path, held))
    faults.reach(f"{table}: committed, not in the index")
    if not committed.untouched:
        engine.disturbed.add(table)
    if committed.changed and committed.version is not None:
        engine.batches[table] = DoneBatch(committed.version, final)
    elif final.definition is not None:
        incremental.note_seen(engine, final)
    tables.note_look(engine, final)
    tables.note_version(engine, table, committed.version)
    tables.note_newest(engine, table)
    engine.prepared.pop(table, None)
    if not keeps_lease:
        engine.leases.release(table)
    return committed


def _under_lease(engine: Engine, table: str, prepared: Prepared, write: Callable[[Prepared], Value]) -> Value:
    """What `write` makes of the batch, which carries the token of this run's lease."""
    lease = engine.leases.confirm(table)
    try:
        return write(replace(prepared, fence=lease.token))
    except FencedError:
        # If this run still has the lease, the control store was lost, or is a backup, and counts from less.
        above = read_state(engine.session(table), engine.table_path(table)).fence
        return write(replace(prepared, fence=engine.leases.confirm(table, above=above).token))


def _version_read(engine: Engine, name: str, prepared_on: int | None) -> int | None:
    """The version of an input that holds what was read of it: where this run has committed to it since, that one.

    Where others have changed rows under that commit it holds more than was read: then the version before counts, from
    which the next run looks up what changed.
    """
    return prepared_on if name in engine.disturbed else engine.committed.get(name, prepared_on)


def publish(engine: Engine, table: str, target: str, release: Release) -> PublishResult:
    """Brings the released version of a table to a warehouse; doing it again is a no-op."""
    return publishing.publish(engine, table, target, release)


def export(engine: Engine, table: str, target: str, release: Release) -> None:
    """Writes what `publish` will load, while warehouses are busy with the tables before it."""
    publishing.export(engine, table, target, release)


def _error_batch(engine: Engine, table: str, prepared: Prepared) -> ErrorBatch:
    run = engine.run
    return ErrorBatch(table, prepared.contract_version, prepared.batch_id, run.run_id, run.date)


def _staged_errors(prepared: Prepared) -> str:
    """Where a run that plans keeps the rejected rows of a batch."""
    return f"{prepared.path}/errors"


def _moves(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether the batch takes the watermark forward: a later end of the window, or files not seen before."""
    if new.get("high") is not None:
        return is_further(new, old)
    return bool(new) and dict(new) != dict(old)


def _input_identity(engine: Engine, name: str, version: int | None) -> str:
    prepared = engine.prepared.get(name)
    if prepared is None or prepared.changes_nothing:
        return f"version {version}"
    return f"batch {prepared.batch_id}"
