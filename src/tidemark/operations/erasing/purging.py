"""Removes the files that held a person: sealed first, released and published then, and purged at last.

A table is sealed by an entry of its log that tells of no row. Once the versions that were sealed are released and
published, nobody needs earlier ones: what the logs say of these, and the files that only they have, is removed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tidemark import faults
from tidemark.aws.folder import open_folder
from tidemark.compute import tables
from tidemark.control import erasures, release
from tidemark.delta import addedfiles, deltalog
from tidemark.delta.purging import forget_before, hidden_files, remove_unheld
from tidemark.delta.table import read_state
from tidemark.errors import TidemarkError
from tidemark.operations.upkeep import seal as seal_table
from tidemark.operations.upkeep import vacuum

if TYPE_CHECKING:
    from tidemark.control.erasures import Receipt
    from tidemark.control.release import Release
    from tidemark.engine import Engine
    from tidemark.operations.erasing.person import Person


def seal(engine: Engine, who: Person, table: str) -> None:
    """Seals a table, unless its last entry is a seal of this erasure already. To be called with the table's lease."""
    spark, path = engine.session(table), engine.table_path(table)
    state = read_state(spark, path)
    if state.version is None:
        return
    lease, sealed = engine.leases.confirm(table), who.receipt.receipt_id
    unknown = addedfiles.unknown_to_vacuum(deltalog.snapshot(spark, path))  # as a version of before has sealed it
    if state.metadata.get("sealed") != sealed or state.touched or unknown:
        seal_table(spark, path, {"fence": lease.token}, sealed)
        faults.reach(f"{table}: sealed, not in the index")
    tables.note_version(engine, table, read_state(spark, path).version)


def close_releases(engine: Engine, receipt: Receipt) -> tuple[Receipt, Release]:
    """Records the release of what was sealed; from now on nobody goes back to those before it."""
    recorded, _ = release.record(engine.state, engine.run, engine.committed)
    noted = replace(receipt, until=recorded.number - 1, run_id=engine.run.run_id)
    erasures.note(engine.state, noted)
    return noted, recorded


def purge(engine: Engine, table: str) -> None:
    """Removes what the table's log says of earlier versions, and every file that it has no more.

    To be called with the table's lease, and when the table was sealed.
    """
    spark, path = engine.session(table), engine.table_path(table)
    state = read_state(spark, path)
    if state.version is None:
        return
    if not state.metadata.get("sealed") or state.touched:
        raise TidemarkError(
            "somebody has written the table since it was sealed: its files were not purged",
            table=table,
            step="erase",
            evidence=path,
            next_step="erase again: it goes on from here",
        )
    engine.leases.confirm(table)
    if not vacuum(spark, path, timedelta(0)):
        raise TidemarkError(
            "its log names files as Delta does not know them: files that it has no more were not purged",
            table=table,
            step="erase",
            evidence=path,
            next_step="erase again: it goes on from here, and names them anew",
        )
    faults.reach(f"{table}: vacuumed, its log not purged")
    folder = open_folder(path, engine.environment.aws)
    remove_unheld(spark, path, folder, hidden_files(folder))
    forget_before(spark, path, folder)


def finish(engine: Engine, receipt: Receipt) -> Receipt:
    """The receipt of an erasure that is over and proven."""
    done = replace(receipt, status="done", ended_at=erasures.noted_at(), run_id=engine.run.run_id)
    erasures.note(engine.state, done)
    return done
