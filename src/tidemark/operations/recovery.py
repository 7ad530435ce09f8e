"""Commits that were begun and not ended: what is half done, what would end it, and taking it back.

A run that dies while it commits several tables is finished by the next one, from staging. Where that cannot be, a
person ends it: by mending the cause and finishing, or by taking back what was committed. Both can be done again at any
point, as the tables themselves say how far it is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from tidemark.backfill import notes
from tidemark.compute import tables
from tidemark.control import commits, release
from tidemark.control.leases import holder
from tidemark.control.processes import is_gone
from tidemark.delta.going_back import changes_after
from tidemark.delta.table import read_state, version_of
from tidemark.errorlane import replay
from tidemark.errors import CommitError, ConfigError, TidemarkError, UnfinishedError, told_lines
from tidemark.operations import restore, staging
from tidemark.operations.restore import Step
from tidemark.write.rehearsal import rehearse

if TYPE_CHECKING:
    from tidemark.control.commits import Interrupted
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

log = logging.getLogger("tidemark.recovery")

Standing = Literal["committed", "not committed"]
_BY_OTHERS = "were changed after it"


@dataclass(frozen=True)
class TableLeft:
    """Where one table of a commit stands.

    `version`: what it is at now; `back_to`: what taking it back gives it (None: no row, the commit made its first
    ones). `against_finishing` and `against_undoing`: what stands in the way of either.
    """

    table: str
    standing: Standing
    version: int | None
    back_to: int | None = None
    against_finishing: tuple[str, ...] = ()
    against_undoing: tuple[str, ...] = ()


@dataclass(frozen=True)
class HalfDone:
    """A commit that was begun and not ended. `release`: what it was released as, where only its record is left.

    `at_work`: the run that holds one of its leases, and may be ending it right now.
    """

    begun: Interrupted
    tables: tuple[TableLeft, ...]
    release: str | None = None
    at_work: str | None = None

    @property
    def can_finish(self) -> bool:
        return not self.begun.undoing and not any(each.against_finishing for each in self.tables)

    @property
    def can_undo(self) -> bool:
        return self.release is None and not any(each.against_undoing for each in self.tables)

    def standing(self, standing: Standing) -> tuple[str, ...]:
        """The tables that stand so."""
        return tuple(each.table for each in self.tables if each.standing == standing)

    def to_json(self) -> dict[str, Any]:
        begun = self.begun
        return {
            "run_id": begun.run_id,
            "flow": begun.flow,
            "date": begun.date.isoformat(),
            "began_at": begun.began_at,
            "plan": begun.plan,
            "cause": begun.cause,
            "undoing": begun.undoing,
            "release": self.release,
            "at_work": self.at_work,
            "can_finish": self.can_finish,
            "can_undo": self.can_undo,
            "tables": [
                {
                    "table": each.table,
                    "standing": each.standing,
                    "version": each.version,
                    "back_to": each.back_to,
                    "against_finishing": list(each.against_finishing),
                    "against_undoing": list(each.against_undoing),
                }
                for each in self.tables
            ],
        }


def wanted(state: StateStore, run: str | None) -> tuple[Interrupted, ...]:
    """The commits that are half done: that of a run (the start of its id will do), or all of them.

    Raises `ConfigError` where that run has none.
    """
    known = commits.interrupted(state)
    found = tuple(each for each in known if run is None or each.run_id.startswith(run))
    if run is not None and not found:
        ids = ", ".join(each.short_id for each in known) or "none"
        raise ConfigError(f"no commit of a run {run} is half done", next_step=f"tidemark recover shows them: {ids}")
    return found


def look(engine: Engine, begun: Interrupted) -> HalfDone:
    """What is half done, and what stands in the way of either end. Nothing is changed."""
    ended = next((each.name for each in release.every(engine.state) if each.run_id == begun.run_id), None)
    left = tuple(_look(engine, begun, table) for table in begun.batches)
    holders = (holder(engine.state, table, is_gone) for table in begun.batches)
    others = (lease.run_id for lease in holders if lease and lease.run_id != engine.run.run_id)
    return HalfDone(
        begun, left, ended if all(each.standing == "committed" for each in left) else None, next(others, None)
    )


def rest(engine: Engine, begun: Interrupted) -> dict[str, Prepared]:
    """The batches as they are committed to the end, inputs first: those that lie in staging; all that are not
    committed yet must.
    """
    done = frozenset(table for table in begun.batches if committed_as(engine, begun, table) is not None)
    return staging.staged(engine, begun, done)


def committed_as(engine: Engine, begun: Interrupted, table: str) -> int | None:
    """The version that the table's part of the commit has made; None where it is not there, or taken back."""
    return version_of(engine.session(table), engine.table_path(table), begun.batches[table])


def cannot_end(engine: Engine, begun: Interrupted, cause: TidemarkError) -> UnfinishedError:
    """What is told where a commit cannot be brought to its end; the cause is kept for whoever looks."""
    try:
        commits.note_cause(engine.state, begun.run_id, str(without_advice(cause)))
    except TidemarkError as failure:
        log.warning("why the commit of run %s is not ended could not be noted: %s", begun.run_id, failure)
    return UnfinishedError(
        f"run {begun.run_id} was {'taking back' if begun.undoing else 'committing'} {len(begun.batches)} tables when it"
        " ended, and that cannot be brought to its end",
        step="recover",
        seen=[*_standings(engine, begun), *told_lines(without_advice(cause))],
        next_step=f"tidemark recover --run {begun.short_id} shows what can be done, and does it",
    )


def _standings(engine: Engine, begun: Interrupted) -> list[str]:
    """Which tables are committed and which are not, as far as they can be read: that may be the very trouble."""
    try:
        done = [table for table in begun.batches if committed_as(engine, begun, table) is not None]
    except (Py4JError, PySparkException) as failure:
        return [f"tables: {', '.join(begun.batches)}; where they stand could not be read: {type(failure).__name__}"]
    left = [table for table in begun.batches if table not in done]
    return [f"committed: {', '.join(done) or 'none'}", f"not committed: {', '.join(left) or 'none'}"]


def without_advice(cause: TidemarkError) -> TidemarkError:
    """The cause without its own advice, which is meant for a run that prepares its batches itself."""
    return TidemarkError(cause.summary, table=cause.table, step=cause.step, seen=cause.seen, evidence=cause.evidence)


def steps_back(engine: Engine, begun: Interrupted, leave: Collection[str] = ()) -> tuple[Step, ...]:
    """What taking the commit back does, last table first: to those that are committed, and not to those to `leave`."""
    found = []
    for table in reversed(tuple(begun.batches)):
        made = None if table in leave else committed_as(engine, begun, table)
        if made is not None:
            now = read_state(engine.session(table), engine.table_path(table)).version
            found.append(Step(table, now, made - 1 if made else None))
    return tuple(found)


def look_before_undoing(engine: Engine, begun: Interrupted, *, over_others: bool = False) -> tuple[Step, ...]:
    """What taking the commit back does; raises `CommitError` where it cannot be done, before anything is changed.

    Rows that others have changed since would be taken back too: only with `over_others`.
    """
    released = next((each for each in release.every(engine.state) if each.run_id == begun.run_id), None)
    todo = steps_back(engine, begun)
    if released is not None and len(todo) == len(begun.batches):
        raise _cannot_undo(begun, [f"readers have it already: it is release {released.name}"], _finish(begun))
    found = against_undoing(engine, begun, todo, over_others=over_others)
    if found:
        only_others = all(_BY_OTHERS in line for lines in found.values() for line in lines)
        raise _cannot_undo(begun, restore.told(found), _instead(engine, begun, only_others=only_others))
    return todo


def against_undoing(
    engine: Engine, begun: Interrupted, todo: Collection[Step], *, over_others: bool = False
) -> dict[str, tuple[str, ...]]:
    """Why tables cannot be taken back: files are gone, or others have changed rows since."""
    found = dict(restore.in_the_way(engine, todo))
    for step in () if over_others else todo:
        made = committed_as(engine, begun, step.table)
        later = changes_after(engine.session(step.table), engine.table_path(step.table), made or 0)
        if later:
            told = f"rows {_BY_OTHERS}, and that would be taken back with it: {', '.join(later)}"
            found[step.table] = (*found.get(step.table, ()), told)
    return found


def settle_undone(engine: Engine, table: str) -> None:
    """Ends what a run that died was doing with a table which needs not be taken back, or is taken back already."""
    note_standing(engine, table)
    replay.settle(engine, table)
    notes.forget(engine.state, table)


def note_committed(engine: Engine, table: str) -> int | None:
    """Brings the index up to the version of the table's last batch, and gives it.

    What others have committed above it belongs to no release yet.
    """
    version = read_state(engine.session(table), engine.table_path(table)).batch_version
    tables.note_version(engine, table, version)
    return version


def note_standing(engine: Engine, table: str) -> None:
    """Brings the index up to the table, whatever a run that died has left in it."""
    tables.note_version(engine, table, read_state(engine.session(table), engine.table_path(table)).version)


def _look(engine: Engine, begun: Interrupted, table: str) -> TableLeft:
    made = committed_as(engine, begun, table)
    version = read_state(engine.session(table), engine.table_path(table)).version
    if made is None:
        return TableLeft(table, "not committed", version, version, _against_finishing(engine, begun, table))
    back_to = made - 1 if made else None
    against = against_undoing(engine, begun, [Step(table, version, back_to)])
    return TableLeft(table, "committed", version, back_to, (), against.get(table, ()))


def _against_finishing(engine: Engine, begun: Interrupted, table: str) -> tuple[str, ...]:
    try:
        only = replace(begun, batches={table: begun.batches[table]})
        (batch,) = staging.staged(engine, only).values()
        spark, path = engine.session(table), engine.table_path(table)
        rehearse(spark, engine.table(table), path, replace(batch, fence=sys.maxsize), writes=False)
    except TidemarkError as cause:
        return tuple(line.strip() for line in str(without_advice(cause)).removeprefix(f"{table}: ").splitlines())
    return ()


def _cannot_undo(begun: Interrupted, seen: list[str], next_step: str) -> CommitError:
    return CommitError(
        f"what run {begun.run_id} has committed cannot be taken back; nothing was changed",
        step="recover",
        seen=seen,
        next_step=next_step,
    )


def _finish(begun: Interrupted) -> str:
    return f"tidemark recover --run {begun.short_id} --finish ends it"


def _instead(engine: Engine, begun: Interrupted, *, only_others: bool) -> str:
    """What ends a commit that cannot be taken back: finishing it, all the same, or a release of before."""
    if look(engine, begun).can_finish:
        return _finish(begun)
    if only_others:
        return (
            f"tidemark recover --run {begun.short_id} --undo --over-others takes that back too; "
            "save first what is to stay"
        )
    if known := restore.restorable(engine):
        return f"tidemark restore --run {known.name} takes all tables back, and ends it"
    return f"mend what is told above, then {_finish(begun)}"
