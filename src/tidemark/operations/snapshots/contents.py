"""What of a lake goes into a snapshot of a release, as files that were listed just now.

Of a table these are the files of its released version, its log until there, the pages of its book of files, and what
changed since the versions that tables computed from it have seen: so that the next run goes on by what changed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidemark.aws.folder import open_folder
from tidemark.aws.objects import Listed, Objects, VanishedError, open_objects
from tidemark.compute.incremental import basis
from tidemark.delta import deltalog, held
from tidemark.delta.going_back import obstacles
from tidemark.delta.table import TargetState, read_state
from tidemark.errorlane.compaction import closing_batches
from tidemark.errors import TidemarkError
from tidemark.observe import drift
from tidemark.operations.snapshots.document import CONFIG, ERRORS, RUNS
from tidemark.sources.landing import shelf

if TYPE_CHECKING:
    from tidemark.control.release import Release
    from tidemark.engine import Engine

_SHOWN = 3
_NO_FILES = ("_SUCCESS", "*.pyc", "*.partial")
_NEXT = "tidemark snapshot export takes the newest release"


@dataclass(frozen=True)
class Content:
    """The files of a part of a snapshot, below one root. `told`: what is not among them that a run could have used."""

    part: str
    source: Objects
    files: tuple[Listed, ...]
    told: tuple[str, ...] = ()


def states(engine: Engine, release: Release) -> dict[str, TargetState]:
    """What the tables of the release say of themselves at its versions; raises `TidemarkError` where one cannot."""
    found = {}
    for table, version in release.tables.items():
        if told := _obstacles(engine, table, version, release.ids.get(table)):
            raise TidemarkError(
                f"{release.name} cannot be exported: its version {version} of the table is not whole",
                table=table,
                step="snapshot",
                seen=told,
                evidence=engine.table_path(table),
                next_step=f"{_NEXT}; where that is this one, the table itself has to be mended first",
            )
        found[table] = read_state(engine.session(table), engine.table_path(table), at=version)
    return found


def _obstacles(engine: Engine, table: str, version: int, known_as: str | None) -> tuple[str, ...]:
    """Why a version cannot be read any more. Of the one that the table has now, its files are looked for later."""
    spark, path = engine.session(table), engine.table_path(table)
    if deltalog.latest_version(spark, path, hint=version) == version:
        known = deltalog.table_id(deltalog.snapshot(spark, path))
        if known_as in (None, known):
            return ()
    return obstacles(spark, path, version, known_as)


def seen(engine: Engine, known: Mapping[str, TargetState]) -> dict[str, int]:
    """The oldest version of each table that another one is computed from as it is; versions before nobody looks at."""
    found: dict[str, int] = {}
    for name, state in known.items():
        table = engine.project.tables.get(name)
        if table is None or not table.inputs:
            continue
        for read, version in (basis(engine, table, state).get("inputs") or {}).items():
            if version is not None:
                found[read] = min(int(version), found.get(read, int(version)))
    return found


def of_table(engine: Engine, table: str, version: int, state: TargetState, since: int) -> Content:
    """The files of a table at `version`, with what changed after the version `since`.

    Raises `TidemarkError` where a file of it is gone.
    """
    spark, path = engine.session(table), engine.table_path(table)
    needed = held.files_at(spark, path, version)
    _refuse_elsewhere(table, path, needed)
    needed |= {f"{shelf.FOLDER}/{page}" for page in shelf.page_names(state.watermark)}
    source = open_objects(path, engine.environment.aws)
    there = {file.name: file for file in source.listed()}
    log, lacking = held.log_until(there, version)
    gone = sorted(needed - there.keys()) + [f"{held.LOG}/{each:020d}.json" for each in lacking]
    if gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        raise TidemarkError(
            f"{len(gone)} files of version {version} are gone; there is no snapshot of this release",
            table=table,
            step="snapshot",
            seen=[f"{', '.join(gone[:_SHOWN])}{more}"],
            evidence=path,
            next_step=f"look who has removed them (a VACUUM that keeps nothing?); {_NEXT}",
        )
    changed, told = _changed(source, there, range(since + 1, version + 1))
    names = needed | log | (changed & there.keys())
    lost = len(changed - there.keys())
    if lost:
        told += (f"{lost} files of what changed after version {since} were vacuumed",)
    said = tuple(f"{table}: {each}; tables computed from it are computed anew after a restore" for each in told)
    return Content(table, source, tuple(there[name] for name in sorted(names)), said)


def of_drift(engine: Engine) -> Content | None:
    """The log of what columns sources have gained and lost, which is a table without a contract."""
    spark, path = engine.spark, drift.log_path(engine)
    version = deltalog.latest_version(spark, path)
    return None if version is None else of_log(engine, drift.LOG, path, version)


def of_log(engine: Engine, name: str, path: str, version: int) -> Content:
    """The files of a table that nobody reads by what changed."""
    source = open_objects(path, engine.environment.aws)
    there = {file.name: file for file in source.listed()}
    wanted = held.files_at(engine.spark, path, version) | held.log_until(there, version)[0]
    return Content(name, source, tuple(there[each] for each in sorted(wanted & there.keys())))


def of_errors(engine: Engine) -> Content:
    """The rejected rows of all tables, and what became of them."""
    return _all(ERRORS, open_objects(engine.environment.roots.errors, engine.environment.aws))


def of_runs(engine: Engine) -> Content:
    """The reports of runs, with their books, but for that of this run, which is not over."""
    source = open_objects(engine.environment.roots.runs, engine.environment.aws)
    found = _all(RUNS, source)
    return Content(RUNS, source, tuple(file for file in found.files if engine.run.run_id not in file.name))


def of_config(engine: Engine) -> Content:
    """The configuration's files."""
    source = open_objects(str(engine.project.config_dir.absolute()))
    found = _all(CONFIG, source)
    plain = [file for file in found.files if not any(part.startswith((".", "__")) for part in file.name.split("/"))]
    return Content(CONFIG, source, tuple(plain))


def reopened(engine: Engine, release: Release) -> dict[str, tuple[str, ...]]:
    """The batches after the release that have closed rejected rows, by table: after a restore these are open again.

    To be asked once the error lane was listed: what stands there then was committed before.
    """
    found = {}
    for table, version in release.tables.items():
        spark, path = engine.session(table), engine.table_path(table)
        latest = read_state(spark, path).version or version
        if table not in engine.project.tables or latest <= version:
            continue
        since = {read_state(spark, path, at=each).batch_id for each in range(version + 1, latest + 1)}
        later = since - {None, read_state(spark, path, at=version).batch_id}
        closing = closing_batches(open_folder(engine.errors_path(table), engine.environment.aws)) if later else set()
        if closed := sorted(closing.intersection(map(str, later))):
            found[table] = tuple(closed)
    return found


def _all(part: str, source: Objects) -> Content:
    files = (file for file in source.listed() if not _is_none(file.name.rpartition("/")[2]))
    return Content(part, source, tuple(sorted(files, key=lambda file: file.name)))


def _is_none(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in _NO_FILES)


def _refuse_elsewhere(table: str, path: str, files: Collection[str]) -> None:
    elsewhere = sorted(file for file in files if held.is_elsewhere(file))
    if elsewhere:
        raise TidemarkError(
            f"{len(elsewhere)} files of the table lie in another place, as those of a shallow clone do; there is no "
            "snapshot of this release",
            table=table,
            step="snapshot",
            seen=elsewhere[:_SHOWN],
            evidence=path,
            next_step="write the table anew (tidemark run --full-refresh), so that its files are its own",
        )


def _changed(source: Objects, there: Collection[str], versions: range) -> tuple[set[str], tuple[str, ...]]:
    """The files in which the entries of these versions have what they changed; and what is to say of those gone."""
    found: set[str] = set()
    for version in versions:
        name = f"{held.LOG}/{version:020d}.json"
        if name not in there:
            return set(), (f"its log has no entry {version} any more, of what changed",)
        found |= set(held.files_changed(_lines(source, name)))
    return {file for file in found if not held.is_elsewhere(file)}, ()


def _lines(source: Objects, name: str) -> Iterator[str]:
    rest = b""
    try:
        for piece in source.pieces(name):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode() for line in lines)
    except VanishedError:
        return  # it is among the files to copy: that tells
    yield rest.decode()
