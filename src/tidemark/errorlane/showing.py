"""What of a rejected row people see: personal values are hidden, unless they are asked for, which is noted."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tidemark.errorlane.rejects import Reason, RejectedRow, noted_at
from tidemark.lint.privacy.personal import Sight

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.project import Table

ACCESS = "_access"
HIDDEN = "***"
log = logging.getLogger(__name__)


class Shown:
    """Rejected rows as they may be printed.

    A value is shown where its column is in the contract and nothing personal can be seen in it. Of a table with
    personal columns what has no column (a record that cannot be read, a field that the contract lacks) is hidden too,
    and of a table that is not in the configuration everything.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._sight = Sight(tables)

    def hidden(self, row: RejectedRow) -> RejectedRow:
        """The row without its personal values."""
        table = self._tables.get(row.table)
        open_names = self._open(table) if table is not None else frozenset()
        if open_names is None:
            return row
        reasons = tuple(self._reason(reason, open_names) for reason in row.reasons)
        return replace(row, reasons=reasons, payload=_payload(row.payload, open_names))

    def _open(self, table: Table) -> frozenset[str] | None:
        """The names of fields that may be shown, in lower case; None: all of them."""
        given = self._sight.given(table.name)
        if not given.all:
            return None
        fields = table.load.source.fields if table.load.source else {}
        names = [name for name in given.names if not given.seen(name)]
        return frozenset(name.lower() for each in names for name in (each, fields.get(each, each)))

    def _reason(self, reason: Reason, open_names: frozenset[str]) -> Reason:
        shows = reason.value is None or reason.column.lower() in open_names
        return reason if shows else replace(reason, value=HIDDEN)


def note_access(lanes: Folder, who: str, rows: Sequence[RejectedRow]) -> str:
    """Notes in the error lane that somebody saw rows with their personal values; gives where."""
    tables = sorted({row.table for row in rows})
    path = write_access(lanes, who, {"tables": tables, "errors": [row.error_id for row in rows]})
    log.warning("%s saw %d rejected rows of %s unmasked; noted in %s", who, len(rows), ", ".join(tables), path)
    return path


def write_access(lanes: Folder, who: str, seen: Mapping[str, Any]) -> str:
    """Writes down in the error lane who has seen what of personal data, and when; gives where."""
    at = noted_at()
    return lanes.write_text(
        f"{ACCESS}/{at[:10]}-{uuid.uuid4()}.json", json.dumps({"at": at, "who": who, **seen}) + "\n"
    )


def _payload(text: str, open_names: frozenset[str]) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return HIDDEN
    if not isinstance(found, dict):
        return HIDDEN
    shown: dict[str, Any] = {
        name: value if value is None or name.lower() in open_names else HIDDEN for name, value in found.items()
    }
    return json.dumps(shown, ensure_ascii=False)
