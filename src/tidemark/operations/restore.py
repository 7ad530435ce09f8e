"""Back to an earlier release: every table as it was then, its watermark with it, recorded as a new release.

Whether every table can go back is looked at before the first one does. Then they are taken back one after the other. A
restore that dies on the way is done again; a run that comes in between finds from each table's own bookkeeping, as
ever, what it has to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.backfill import notes
from tidemark.compute import tables
from tidemark.control import erasures, release
from tidemark.delta.going_back import obstacles
from tidemark.delta.table import read_state
from tidemark.errorlane import replay
from tidemark.errors import CommitError, ConfigError
from tidemark.write.commit import restore as restore_version

if TYPE_CHECKING:
    from tidemark.control.release import Release
    from tidemark.control.state import StateStore
    from tidemark.engine import Engine

_LOOKED_AT = 10  # releases, for one that can be restored


@dataclass(frozen=True)
class Step:
    """What is done to one table: the version that it has, and the one it goes back to.

    `then` None: back before its first batch, to no row. `now` None: there is no table any more. `known_as`: Delta's id
    of the table that the version is of, where that is known.
    """

    table: str
    now: int | None
    then: int | None
    known_as: str | None = None


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


def steps(engine: Engine, back_to: Release, leave: Collection[str] = ()) -> tuple[Step, ...]:
    """The tables that are not as the release has them, but for those to `leave`.

    A table that did not exist then is left as it is.
    """
    found = []
    for table, then in back_to.tables.items():
        if table not in engine.project.tables or table in leave:
            continue
        now, known_as = read_state(engine.session(table), engine.table_path(table)), back_to.ids.get(table)
        is_another = known_as is not None and known_as != now.table_id
        if now.version != then or is_another:
            found.append(Step(table, now.version, then, known_as))
    return tuple(found)


def in_the_way(engine: Engine, todo: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """Why tables cannot go back: their versions, or files of these, are gone, or the tables themselves."""
    found = {}
    for step in todo:
        spark, path = engine.session(step.table), engine.table_path(step.table)
        if step.then is None:
            continue
        if told := obstacles(spark, path, step.then, step.known_as):
            found[step.table] = told
        elif read_state(spark, path, at=step.then).lost:
            found[step.table] = (f"its log no longer has what the batch of version {step.then} says of itself",)
    return found


def look_first(engine: Engine, back_to: Release, todo: Iterable[Step]) -> None:
    """Raises `CommitError` that names every table which cannot go back. To be called before the first one does."""
    found = in_the_way(engine, todo)
    if not found:
        return
    raise CommitError(
        f"{len(found)} tables cannot be taken back to {back_to.name}; nothing was changed",
        step="restore",
        seen=told(found),
        evidence=", ".join(engine.table_path(table) for table in found),
        next_step=_what_can_be_done(engine, back_to, found),
    )


def told(found: Mapping[str, Collection[str]]) -> list[str]:
    """What stands in the way of tables, a line each."""
    return [f"{table}: {line}" for table, lines in found.items() for line in lines]


def _what_can_be_done(engine: Engine, back_to: Release, found: Collection[str]) -> str:
    leaving = " ".join(f"--leave {table}" for table in sorted(found))
    others = f"tidemark restore --run {back_to.name} {leaving} takes the others back, and the next run builds on that"
    other = restorable(engine, but=back_to)
    return f"tidemark restore --run {other.name} (of {other.date}) can be done; or {others}" if other else others


def restorable(engine: Engine, but: Release | None = None) -> Release | None:
    """The newest of the last releases to which every table can go back; `but` is not looked at."""
    newest = release.latest(engine.state)
    numbers = range(newest.number, max(newest.number - _LOOKED_AT, 0), -1) if newest else ()
    known = (release.find(engine.state, f"r{number}") for number in numbers)
    found = (each for each in known if each and (but is None or each.number != but.number))
    return next((each for each in found if not in_the_way(engine, steps(engine, each))), None)


def _undone(engine: Engine, step: Step) -> set[str]:
    """The batches that the restore takes back."""
    spark, path = engine.session(step.table), engine.table_path(step.table)
    first = 0 if step.then is None else step.then + 1
    last = read_state(spark, path).version or 0
    since = {read_state(spark, path, at=version).batch_id for version in range(first, last + 1)}
    stays = None if step.then is None else read_state(spark, path, at=step.then).batch_id
    return {str(batch) for batch in since - {None, stays}}


def restore(engine: Engine, step: Step, restored: str, *, keeps_lease: bool = False) -> int:
    """Takes one table back; gives its new version, which has the rows of the old one. With `keeps_lease` its lease is
    not given back.

    The commit says what was `restored`: the name of a release, or the run before which it was. Errors whose rows came
    in by what is undone are open again: nothing rejected is lost.
    """
    lease = engine.leases.confirm(step.table)
    signed = {"run_id": engine.run.run_id, "fence": lease.token, "restored": restored}
    replay.begin_undoing(engine, step.table, _undone(engine, step))
    version = restore_version(engine.session(step.table), engine.table_path(step.table), step.then, signed)
    faults.reach(f"{step.table}: restored, its errors not open again")
    tables.note_version(engine, step.table, version)
    replay.settle(engine, step.table)
    notes.forget(engine.state, step.table)
    if not keeps_lease:
        engine.leases.release(step.table)
    return version
