"""The look at a source that belongs to a table's last batch: an index entry, which lost costs one more reading.

It counts as long as that batch is the table's last (a replay or a restore ends it), and as long as nothing that decides
about rows has changed: under another contract, rows that were rejected may be good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidemark.config.definition import fingerprint
from tidemark.delta.table import read_state

if TYPE_CHECKING:
    from tidemark.config.project import Table
    from tidemark.delta.table import TargetState
    from tidemark.engine import Engine
    from tidemark.write.manifest import Prepared

KIND = "look"


def known(engine: Engine, table: Table, state: TargetState) -> Mapping[str, Any]:
    """The look that was taken before the rows of the table's last batch were read; {} where none counts."""
    noted = engine.state.get(KIND, table.name)
    if noted is None or {**noted.value, "look": None} != _entry(table, state, None):
        return {}
    look: Mapping[str, Any] = noted.value["look"]
    return look


def note(engine: Engine, prepared: Prepared) -> None:
    """Keeps the batch's look, once the batch is in the table or has changed nothing there."""
    if not prepared.look:
        return
    table = engine.table(prepared.table)
    state = read_state(engine.session(table.name), engine.table_path(table.name))
    entry = _entry(table, state, prepared.look)
    noted = engine.state.get(KIND, table.name)
    if noted is None or noted.value != entry:
        engine.state.put(KIND, table.name, entry)


def _entry(table: Table, state: TargetState, look: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"after": state.batch_id, "epoch": state.epoch, "definition": fingerprint(table), "look": look}
