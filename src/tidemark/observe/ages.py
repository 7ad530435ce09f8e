"""How old tables are, as the control store has noted it: without Spark, and without a look at the tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from tidemark.control.release import NEWEST, TABLE

if TYPE_CHECKING:
    from tidemark.config.project import Table
    from tidemark.control.state import StateStore


def newest_rows(tables: Iterable[Table], state: StateStore) -> dict[str, datetime]:
    """The newest value (UTC) of the column that each table's freshness is promised of.

    Tables of which nothing is noted for their last batch are left out: nothing is known of them.
    """
    batches = {record.key: record.value.get("batch_id") for record in state.list(TABLE)}
    noted = {record.key: record.value for record in state.list(NEWEST)}
    found = {}
    for table in tables:
        freshness, known = table.contract.freshness, noted.get(table.name)
        if freshness is None or known is None or table.name not in batches:
            continue
        if (known["column"], known["batch_id"]) == (freshness.column, batches[table.name]):
            found[table.name] = datetime.fromisoformat(known["at"])
    return found
