"""Back to an earlier release: every table as it was then, its watermark with it, recorded as a new release.

Tables are taken back one after the other. A restore that dies on the way is done again; a run that comes in between
finds from each table's own bookkeeping, as ever, what it has to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.backfill import notes
from tidemark.compute import tables
from tidemark.control import erasures, release
from tidemark.delta.table import id_at, read_state
from tidemark.errorlane import replay
from tidemark.errors import CommitError, ConfigError
from tidemark.write.commit import restore as restore_version

if TYPE_CHECKING:
    from tidemark.control.release import Release
    from tidemark.control.state import StateStore
    from tidemark.delta.table import TargetState
    from tidemark.engine import Engine


@dataclass(frozen=True)
class Step:
    """What a restore does to one table: the version that it has, and the one it goes back to."""

    table: str
    now: int
    then: int


def wanted(state: StateStore, run: str) -> Release:
    """The release that a run made (by the start of its id), or of this name (`r31`).

    Raises `ConfigError` when there is none, or several.
    """
    known = release.every(state)
    found = [each for each in known if each.name == run or each.run_id.startswith(run)]
    if len(found) == 1:
        erasures.refuse_before(state, found[0], "restore")
        return found[0]
    names = ", ".join(f"{each.name} ({each.run_id[:8]}, {each.date})" for each in known[-5:]) or "there are none"
    what = "no release is" if not found else f"{len(found)} releases are"
    raise ConfigError(f"{what} of a run {run}", next_step=f"the last releases: {names}")


def steps(engine: Engine, back_to: Release) -> tuple[Step, ...]:
    """The tables that are not as the release has them. A table that did not exist then is left as it is."""
    found = []
    for table, then in back_to.tables.items():
        if table not in engine.project.tables:
            continue
        now = read_state(engine.session(table), engine.table_path(table))
        _refuse_another_table(engine, back_to, table, now)
        if now.version is not None and now.version != then:
            found.append(Step(table, now.version, then))
    return tuple(found)


def _refuse_another_table(engine: Engine, back_to: Release, table: str, now: TargetState) -> None:
    """Raises `CommitError` where the release has a table that was dropped since, and another stands at its place."""
    known, then = back_to.ids.get(table), back_to.tables[table]
    if known is None or now.version is None or now.table_id == known:
        return
    found = id_at(engine.session(table), engine.table_path(table), then)
    if found != known:
        raise CommitError(
            f"{back_to.name} has a table that is not there any more: it was dropped and made anew since; nothing was "
            "restored",
            table=table,
            step="restore",
            seen=[f"{back_to.name} has version {then} of table {known}; here stands table {now.table_id}"],
            evidence=engine.table_path(table),
            next_step="restore a later release, or bring the folder of the table back from a backup first",
        )


def _undone(engine: Engine, step: Step) -> set[str]:
    """The batches that the restore takes back."""
    spark, path = engine.session(step.table), engine.table_path(step.table)
    since = {read_state(spark, path, at=version).batch_id for version in range(step.then + 1, step.now + 1)}
    return {str(batch) for batch in since - {None, read_state(spark, path, at=step.then).batch_id}}


def restore(engine: Engine, step: Step, back_to: Release) -> int:
    """Takes one table back; gives its new version, which has the rows of the old one.

    Errors whose rows came in by what is undone are open again: nothing rejected is lost.
    """
    lease = engine.leases.confirm(step.table)
    signed = {"run_id": engine.run.run_id, "fence": lease.token, "restored": back_to.name}
    replay.begin_undoing(engine, step.table, _undone(engine, step))
    version = restore_version(engine.session(step.table), engine.table_path(step.table), step.then, signed)
    faults.reach(f"{step.table}: restored, its errors not open again")
    tables.note_version(engine, step.table, version)
    replay.settle(engine, step.table)
    notes.forget(engine.state, step.table)
    engine.leases.release(step.table)
    return version
