"""Prepare: from checked rows to a staged, counted batch. Nothing that others read changes here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_values
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tidemark import faults
from tidemark.books import Books
from tidemark.delta.table import TargetState, count_rows
from tidemark.errors import CommitError
from tidemark.rows import AGE, BAD, MAYBE_AGE, ORDER, ROW_HASH, erased, own, quoted
from tidemark.rows.batches import Counter, having, newest, stamp
from tidemark.rows.judging import without_marks
from tidemark.rows.order import order_in
from tidemark.spark import storage
from tidemark.sql.types import METADATA_COLUMNS, SOURCE_ORDER, widens
from tidemark.write import compare, rekeyed, rewrite
from tidemark.write.batch import DELETE, INSERT, LABEL, STALE, UNCHANGED, UPDATE, VANISHED, Work
from tidemark.write.counting import Tally, whole_books
from tidemark.write.manifest import CHANGE_TYPE, Operation, Prepared, SchemaChange, batch_folder, load, save
from tidemark.write.modes import absence, append
from tidemark.write.pruning import Bounds

_STAGED = (INSERT, UPDATE, DELETE, VANISHED)
_SHOWN = 5
_COUNTS, _YOUNGEST, _OF = own("counts"), own("youngest"), own("of_")
_CHANGE_TYPES = {INSERT: "insert", UPDATE: "update_postimage", DELETE: "delete", VANISHED: "delete"}


def prepare(
    work: Work, *, batch_id: str, run_id: str, staging: str, metadata: Mapping[str, Any], moves_watermark: bool
) -> Prepared:
    """Stages what the batch changes and returns it with its books; an equal batch that lies there whole is reused."""
    lying = load(work.spark, staging)
    if lying is not None and lying.batch_id == batch_id and _is_of(lying, work.state):
        return lying
    data = f"{work.path}/{batch_folder(batch_id, run_id)}"
    changes = schema_changes(work)
    work = _with_grown(work, changes)
    anew = rekeyed.replaces_all(work)
    operation, books, schema, replaced = (_stage_anew if anew else _stage)(work, data, metadata)
    if absence.is_unsure(work, books):
        work = with_values(work, trusts_absence=False)
        operation, books, schema, replaced = _stage(work, data, metadata)
    if not books.balance:
        _refuse_repeated_keys(work)
    changes += _metadata_changes(work, books)
    in_one_pass = append.compares_with_nothing(work)
    is_rewritten = operation == "merge" and not changes and rewrite.fits(work, books)
    begun = _begun(work, batch_id=batch_id, run_id=run_id, staging=staging)
    prepared = with_values(
        begun,
        operation=operation,
        data=append.accepted(data) if in_one_pass else data,
        rejects=append.rejected(data) if in_one_pass and books.quarantined else None,
        schema=schema.json(),
        size=storage.size(work.spark, data),
        rewrite=rewrite.stage(work, data, schema, books) if is_rewritten else None,
        replaced=replaced if operation == "merge" else (),
        books=books.check(work.table.name),
        rejects_stand=begun.rejects_stand or books.quarantined > 0,
        schema_changes=changes,
        moves_watermark=moves_watermark,
        at_stake=absence.rows_at_stake(work, books),
        notices=(*absence.notices(work, books), *erased.told(work.checked.erased)),
    )
    faults.reach(f"{work.table.name}: staged, without manifest")
    save(work.spark, prepared)
    return prepared


def _begun(work: Work, *, batch_id: str, run_id: str, staging: str) -> Prepared:
    """The batch before anything of it is staged: whose it is, what it is made of, and what it comes after."""
    checked, state = work.checked, work.state
    return Prepared(
        table=work.table.name,
        batch_id=batch_id,
        run_id=run_id,
        operation="append",
        keys=work.keys,
        columns=work.columns,
        path=staging,
        data="",
        books=Books(),
        after=state.batch_id,
        target_version=state.version,
        target_id=state.table_id,
        epoch=state.epoch,
        source_system=checked.source_system,
        contract_version=work.table.contract.version,
        definition=checked.definition,
        identity=_plain(checked.identity),
        watermark=_plain(checked.watermark),
        inputs=dict(checked.inputs),
        input_ids=dict(checked.input_ids),
        rejects_stand=checked.rejects_stand,
        whole=checked.whole,
        look=dict(checked.look),
        old_names=tuple(sorted(checked.alignment.old_names)),
        unique_by=rekeyed.unique_by(work.table.load.write, work.keys),
    )


def _refuse_repeated_keys(work: Work) -> None:
    """Raises `CommitError` where others have given the table several rows of one key, of which it has one a key."""
    target = work.target()
    if target is None or work.table.load.write.mode not in ("upsert", "scd2"):
        return
    keys = list(map(quoted, work.keys))
    repeated = target.groupBy(*keys).agg(F.count("*").alias(_COUNTS)).where(F.col(_COUNTS) > 1).limit(_SHOWN).collect()
    if not repeated:
        return
    contract = work.table.contract
    hidden = any(name in contract.column_names and contract.column(name).is_personal for name in work.keys)
    shown = [", ".join(f"{name} {row[name]}" for name in work.keys) + f": {row[_COUNTS]} rows" for row in repeated]
    raise CommitError(
        "the table has several rows of one key, and takes one a key; nothing was written",
        table=work.table.name,
        step="prepare",
        seen=["the keys are not shown: they are personal data"] if hidden else shown,
        evidence=work.path,
        next_step=f"somebody has inserted them: delete the rows of these keys from delta.`{work.path}`, then "
        f"tidemark run --select {work.table.name} --full-refresh brings one of each back",
    )


def _is_of(lying: Prepared, state: TargetState) -> bool:
    """Whether a batch was compared with the table as it is now: others may have changed rows of it since."""
    return (lying.target_id, lying.target_version) == (state.table_id, state.version)


def schema_changes(work: Work) -> tuple[SchemaChange, ...]:
    """Columns the commit will add or widen. Raises `CommitError` where a stored column has a type that cannot grow to
    the batch's.
    """
    if work.state.version is None:
        return ()
    stored = {field.name.lower(): field.dataType.simpleString() for field in work.stored.fields}
    wanted = {field.name: field.dataType.simpleString() for field in work.checked.judged.schema.fields}
    was = {name: stored.get(name.lower()) for name in work.columns}
    clashes = [
        f"{name} is {before} in the table and {wanted[name]} in the batch"
        for name, before in was.items()
        if before not in (None, wanted[name]) and not widens(str(before), wanted[name])
    ]
    if clashes:
        raise CommitError(
            "a column has another type than the table stores, which does not hold all its values; nothing was written",
            table=work.table.name,
            step="prepare",
            seen=clashes,
            next_step="say the table's type in the contract, or give the column a new name in the contract "
            "(`source.fields` maps it)",
        )
    return tuple(SchemaChange(name, wanted[name], before) for name, before in was.items() if before != wanted[name])


def _metadata_changes(work: Work, books: Books) -> tuple[SchemaChange, ...]:
    """The metadata column that a table of before does not have: it gets it with the first rows that it takes."""
    if work.state.version is None or not books.changes or SOURCE_ORDER in work.stored.fieldNames():
        return ()
    return (SchemaChange(SOURCE_ORDER, METADATA_COLUMNS[SOURCE_ORDER]),)


def _with_grown(work: Work, changes: Sequence[SchemaChange]) -> Work:
    """The work, with what it needs to know of columns that grow with it."""
    known = work.earlier_types
    grown = {each.column: (*known.get(each.column, ()), each.before) for each in changes if each.before}
    return with_values(work, earlier_types={**known, **grown})


def _stage(
    work: Work, data: str, metadata: Mapping[str, Any]
) -> tuple[Operation, Books, StructType, tuple[Bounds, ...]]:
    """Writes the batch to `data`; gives its operation, books and schema, and the bounds of what it replaces."""
    if append.compares_with_nothing(work):
        return "append", *append.stage(work, data, metadata), ()
    checked = work.checked
    tally, hashed = _judged(work)
    # A source that gives no file has nothing to put in place of the table; one that is whole and empty has.
    if work.table.load.write.mode == "replace" and (checked.complete or not checked.empty):
        return "overwrite", *_stage_whole(work, _good(hashed), tally, data, metadata), ()
    labelled = tally.labels.on(_labelled(work, hashed, tally))
    replaced = compare.replaced(work, labelled)
    changing = (replaced.on(labelled) if replaced else labelled).where(F.col(LABEL).isin(*_STAGED))
    staged = changing.select(_change_type(work), *work.columns, ROW_HASH, order_in(changing).alias(SOURCE_ORDER))
    schema = _write(stamp(staged, metadata), data)
    books = tally.books(work, () if work.table.load.write.mode in ("append", "replace") else work.keys)
    return _operation(work, tally.labels), books, schema, replaced.bounds if replaced else ()


def _judged(work: Work) -> tuple[Tally, DataFrame]:
    """The judged rows with their hashes, and what counts them."""
    tally = Tally(work.checked.judged, among_rejected=_is_computed_by_key(work))
    return tally, without_marks(tally.judged.on(work.checked.judged)).withColumn(ROW_HASH, work.row_hash)


def _good(hashed: DataFrame) -> DataFrame:
    return hashed.where(~F.col(BAD)).drop(BAD)


def _labelled(work: Work, hashed: DataFrame, tally: Tally) -> DataFrame:
    return _label_computed(work, hashed, tally) if _is_computed_by_key(work) else _label(work, _good(hashed), tally)


def _label(work: Work, good: DataFrame, tally: Tally) -> DataFrame:
    write = work.table.load.write
    if write.mode in ("append", "replace"):
        return append.label(work, good, tally.superseded)
    superseded, is_log = tally.superseded, work.table.load.source is not None and not work.checked.complete
    contested = compare.CONTESTED if is_log and ORDER in good.columns else None
    one_a_key = newest(good, work.keys, write.order_by, work.delete_flag, superseded=superseded, contested=contested)
    if work.table.load.source is None:  # a history: what is rejected of a key is no row of its own
        return compare.label_by_key(work, one_a_key, complete=work.checked.complete)
    labelled = compare.label_by_key(work, one_a_key, complete=False)
    gone = absence.vanished_rows(work, labelled.columns)
    return labelled if gone is None else labelled.unionByName(gone)


def _is_computed_by_key(work: Work) -> bool:
    return work.table.load.source is None and work.table.load.write.mode == "upsert"


def _label_computed(work: Work, rows: DataFrame, tally: Tally) -> DataFrame:
    """Rejected rows come along, as the last of their keys: what the table has of such a key is no longer confirmed, but
    the key is not gone either.
    """
    write = work.table.load.write
    last, superseded = F.col(BAD), tally.superseded
    one_a_key = newest(rows, work.keys, write.order_by, work.delete_flag, last, superseded)
    return compare.label_by_key(work, one_a_key, complete=work.checked.complete)


def _stage_anew(
    work: Work, data: str, metadata: Mapping[str, Any]
) -> tuple[Operation, Books, StructType, tuple[Bounds, ...]]:
    """Stages the batch as if there were no table yet, to take the place of all that there is."""
    first = with_values(work, state=TargetState(None))
    tally, hashed = _judged(work)
    labelled = _labelled(first, hashed, tally)
    # Of what is deleted nothing is there; each row that counts as accepted has to be.
    label = F.when(F.col(LABEL) == UNCHANGED, STALE).otherwise(F.col(LABEL))
    staged = tally.labels.on(labelled.withColumn(LABEL, label)).where(F.col(LABEL) == INSERT)
    staged = staged.select(_change_type(work), *work.columns, ROW_HASH, order_in(staged).alias(SOURCE_ORDER))
    schema = _write(stamp(staged, metadata), data)
    books = tally.books(work, work.keys)
    there = count_rows(work.spark, work.path, work.state.version or 0)
    return "overwrite", with_values(books, vanished=there), schema, ()


def _stage_whole(
    work: Work, good: DataFrame, tally: Tally, data: str, metadata: Mapping[str, Any]
) -> tuple[Books, StructType]:
    """Stages every row, and counts how they differ from what they replace."""
    order_by = work.table.load.write.order_by
    passed_over = Counter(rows=F.count_if(~F.col(_COUNTS))) if _has_older_snapshots(work, good) else None
    counting = _of_newest_snapshots(work, good, passed_over) if passed_over else good
    rows = newest(counting, work.keys, order_by, superseded=tally.superseded) if work.keys else counting
    kept = Counter(rows=F.count("*"))
    order = order_in(rows).alias(SOURCE_ORDER)
    staged = kept.on(rows).select(F.lit("insert").alias(CHANGE_TYPE), *work.columns, ROW_HASH, order)
    schema = _write(stamp(staged, metadata), data)
    written = work.spark.read.schema(schema).parquet(data)
    older = passed_over.values["rows"] if passed_over else 0
    if MAYBE_AGE in good.columns and older:
        raise _unclear_snapshots(work, older)
    differences = _differences(written, _stood_for(work, written))
    return whole_books(work, tally, kept.values["rows"], differences, older), schema


def _has_older_snapshots(work: Work, good: DataFrame) -> bool:
    return bool(work.table.load.write.partition_by) and not {AGE, MAYBE_AGE}.isdisjoint(good.columns)


def _of_newest_snapshots(work: Work, good: DataFrame, passed_over: Counter) -> DataFrame:
    """The rows that count: for each partition those of the newest snapshot in the batch that has it.

    A rejected row counts too where the partition has one: an older snapshot does not come back for its sake.
    """
    age = AGE if AGE in good.columns else MAYBE_AGE
    partitions = work.table.load.write.partition_by
    of = [quoted(name).alias(_OF + name) for name in partitions]
    youngest = work.checked.judged.groupBy(*of).agg(F.min(age).alias(_YOUNGEST))
    same = reduce(and_, (quoted(name).eqNullSafe(quoted(_OF + name)) for name in partitions))
    counts = (quoted(age) == quoted(_YOUNGEST)).alias(_COUNTS)
    marked = good.join(youngest, same).select(*map(quoted, good.columns), counts)
    return passed_over.on(marked).where(F.col(_COUNTS)).drop(_COUNTS)


def _unclear_snapshots(work: Work, rows: int) -> CommitError:
    return CommitError(
        f"several files have the same partition, and nothing says which of them counts ({rows} rows are in others than "
        "the newest); nothing was written",
        table=work.table.name,
        step="prepare",
        next_step="say in the load file what a snapshot is: `source: {snapshot: file}` (the newest file that has a "
        "partition counts), `folder` or `day` (all files of one count)",
    )


def _stood_for(work: Work, staged: DataFrame) -> DataFrame | None:
    """What of the target the batch stands in for: all, or the partitions in it; None when there is no target yet."""
    target = work.target()
    partitions = work.table.load.write.partition_by
    if target is None or not partitions or work.checked.whole:
        return target
    return having(target, staged.select(*map(quoted, partitions)).distinct(), partitions)


def _differences(staged: DataFrame, old: DataFrame | None) -> dict[str, int]:
    """Counts of rows by comparing the two as multisets of row hashes: `insert`, `unchanged`, `vanished`."""
    new_rows = staged.groupBy(ROW_HASH).agg(F.count("*").alias("new"))
    old_rows = (staged.limit(0) if old is None else old).groupBy(ROW_HASH).agg(F.count("*").alias("old"))
    both = new_rows.join(old_rows, ROW_HASH, "full").fillna(0, ["new", "old"])
    common = F.least("new", "old")
    counts = both.agg(
        F.sum(F.col("new") - common).alias("insert"),
        F.sum(common).alias("unchanged"),
        F.sum(F.col("old") - common).alias("vanished"),
    ).collect()[0]
    return {name: int(counts[name] or 0) for name in ("insert", "unchanged", "vanished")}


def _change_type(work: Work) -> Column:
    """The change that a label stands for. A tombstone takes the place of its row; to a log, it is one more row."""
    is_log = work.table.load.write.mode == "append"
    changes = _CHANGE_TYPES | ({VANISHED: "insert" if is_log else "update_postimage"} if work.missing == "soft" else {})
    change: Column = F.lit(None)
    for label, name in changes.items():
        change = F.when(F.col(LABEL) == label, name).otherwise(change)
    return change.alias(CHANGE_TYPE)


def _operation(work: Work, labels: Counter) -> Operation:
    """A batch that only inserts needs no MERGE."""
    counts = labels.values
    only_inserts = counts[UPDATE] == counts[DELETE] == counts[VANISHED] == 0
    return "append" if work.table.load.write.mode == "append" or only_inserts else "merge"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As the manifest gives it back: plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain


def _write(staged: DataFrame, data: str) -> StructType:
    staged.write.mode("overwrite").parquet(data)
    return staged.schema
