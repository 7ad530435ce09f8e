"""A commit up to its last step: everything that can fail in it is tried, and nothing changes.

Tables that are committed together are rehearsed before the first of them commits: one that cannot be committed then
leaves nothing behind in the others. What a rehearsal cannot see (a disk that fills up, a network that goes) is left to
whoever ends a commit that was begun.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from tidemark.delta import deltalog, footers
from tidemark.delta.table import read_state
from tidemark.errors import CommitError
from tidemark.retry import RetryPolicy
from tidemark.rows import quoted
from tidemark.spark import storage
from tidemark.write import standing
from tidemark.write.commit import CONFLICTS
from tidemark.write.manifest import CHANGE_TYPE, Prepared
from tidemark.write.way import is_new, put, way_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.project import Table
    from tidemark.delta.table import TargetState

_ATTEMPTS = RetryPolicy(attempts=3, first_wait=0.2, longest_wait=1.0)
_PROBE = ".tidemark-probe"  # no name that Delta reads


def rehearse(spark: SparkSession, table: Table, path: str, prepared: Prepared, *, writes: bool = True) -> None:
    """Tries the commit of `prepared`, all but its last step. Raises `CommitError` that says why it would fail.

    With `writes` a small file is written beside the table's log and removed again: whether that may be done is seen in
    no other way.
    """
    _ATTEMPTS.call(lambda: _rehearse_once(spark, table, path, prepared, writes=writes), passing=_is_conflict)


def _is_conflict(failure: BaseException) -> bool:
    return isinstance(failure, CONFLICTS)


def _rehearse_once(spark: SparkSession, table: Table, path: str, prepared: Prepared, *, writes: bool) -> None:
    state = read_state(spark, path)
    if state.batch_id == prepared.batch_id:
        return
    standing.refuse_moved(spark, path, prepared, state, is_new=is_new(spark, path, state))
    if prepared.changes_nothing and state.version is not None:
        return
    try:
        if writes:
            _probe(spark, path, prepared)
        _try(spark, table, path, prepared, state)
    except (PySparkException, Py4JError) as refused:
        raise _refusal(prepared, [_core(refused)]) from refused


def _try(spark: SparkSession, table: Table, path: str, prepared: Prepared, state: TargetState) -> None:
    way = way_of(spark, table, path, prepared, state)
    if way.by_own_entry:
        seen = deltalog.NO_TABLE if state.version is None else state.version
        put(spark, table, path, way, seen=seen, only_try=True)
        return
    footers.expect_rows(footers.count_rows(spark, prepared.data), prepared.staged, prepared.data)
    if way.new is not None:
        deltalog.create(spark, path, way.new, only_try=True)
    else:
        _try_write(spark, path, prepared)


def _try_write(spark: SparkSession, path: str, prepared: Prepared) -> None:
    """What Delta's own writer would look at in an existing table, beside its terms: types and keys."""
    snapshot = deltalog.snapshot(spark, path)
    grows = {change.column.lower() for change in prepared.schema_changes}
    stored = {field.name.lower(): field.dataType.simpleString() for field in deltalog.schema(snapshot).fields}
    staged = {
        field.name: field.dataType.simpleString() for field in prepared.rows(spark).drop(CHANGE_TYPE).schema.fields
    }
    others = [
        f"{name} is {stored[name.lower()]} in the table and {type_} in the batch"
        for name, type_ in staged.items()
        if name.lower() not in grows and stored.get(name.lower(), type_) != type_
    ]
    if others:
        raise _refusal(prepared, others)
    if prepared.operation == "merge":
        _try_keys(spark, prepared)


def _try_keys(spark: SparkSession, prepared: Prepared) -> None:
    """A MERGE takes one row of the batch for a row of the table: several, as where keys are doubled there, fail."""
    doubled = prepared.rows(spark).groupBy(*map(quoted, prepared.keys)).count().where("count > 1").limit(1)
    if not doubled.isEmpty():
        keys = ", ".join(prepared.keys)
        raise _refusal(prepared, [f"several of its rows have the same key ({keys}): are there doubles in the table?"])


def _probe(spark: SparkSession, path: str, prepared: Prepared) -> None:
    """Writes where the commit would: into the log of the table, or beside it, where there is none yet."""
    places = (f"{path}/_delta_log", path, path.rpartition("/")[0])
    beside = next((place for place in places if storage.exists(spark, place)), places[-1])
    storage.try_to_write(spark, f"{beside}/{_PROBE}-{prepared.batch_id}")


def _refusal(prepared: Prepared, seen: list[str]) -> CommitError:
    return CommitError(
        "the batch cannot be committed: it was tried, and nothing was written",
        table=prepared.table,
        step="commit",
        seen=seen,
        evidence=prepared.path,
        next_step="see to what is told above, then run again: the batch is prepared anew",
    )


def _core(refused: PySparkException | Py4JError) -> str:
    told = refused.java_exception.toString() if isinstance(refused, Py4JJavaError) else str(refused)
    return str(told).strip().partition("\n")[0]
