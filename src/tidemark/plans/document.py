"""A plan as a document: for every table what a commit will do to it, and why. Plain values, stored as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from tidemark.backfill.outline import Outline
from tidemark.books import Books
from tidemark.control.runs import GateSummary, TableStatus, Warned
from tidemark.write.manifest import SchemaChange

FORMAT = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publishing(_Model):
    """What a warehouse will get of one table: rows written and removed. `why` says what it lacks besides this plan."""

    target: str
    table: str
    upserts: int
    deletes: int
    why: str | None = None


class Prediction(_Model):
    """What is looked up in the staged rows of a batch.

    `samples`: for each kind of change (`insert`, `update`, `delete`) the keys of some rows; personal values are hidden.
    `partitions`: those that the batch touches, as `column=value/…`; `more_partitions`: there are others.
    """

    samples: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
    partitions: tuple[str, ...] = ()
    more_partitions: bool = False
    publishing: tuple[Publishing, ...] = ()


class TablePlan(_Model):
    """What the plan does to one table.

    `status` is `prepared`, `unchanged`, or what went wrong. `reads` is the window of the source, the number of its
    files, or everything; `inputs` are the versions that a built table reads (None: it does not exist yet). The batch
    was compared with `version` of the table, which `after` was the last batch of, under `epoch`; `table_id` and
    `input_ids` are the Delta ids of these tables. `commits` says whether there is anything to commit. `definition`
    stands for load file, query and contract, `staged` for every file of the batch.
    """

    table: str
    status: TableStatus
    batch_id: str | None = None
    commits: bool = False
    computed: str | None = None
    reads: Mapping[str, Any] = {}
    inputs: Mapping[str, int | None] = {}
    input_ids: Mapping[str, str | None] = {}
    version: int | None = None
    table_id: str | None = None
    after: str | None = None
    epoch: int = 0
    contract_version: str = ""
    definition: str = ""
    books: Books | None = None
    rejected: Mapping[str, int] = {}
    newly_rejected: int | None = None
    schema_changes: tuple[SchemaChange, ...] = ()
    ddl: tuple[str, ...] = ()
    gate: GateSummary | None = None
    error: str | None = None
    predicted: Prediction = Prediction()
    staged: str | None = None

    @property
    def layer(self) -> str:
        return self.table.partition(".")[0]

    @property
    def name(self) -> str:
        return self.table.partition(".")[2]


class PlanDocument(_Model):
    """A whole plan; `plan` is its id, that of the run that made it. Instants are naive UTC.

    That of a `backfill` takes all of its range at once, and cannot be applied.
    """

    plan: str
    environment: str
    date: dt.date
    created_at: dt.datetime
    expires_at: dt.datetime
    tables: tuple[TablePlan, ...]
    warnings: tuple[Warned, ...] = ()
    backfill: Outline | None = None
    format: int = FORMAT

    @property
    def changes(self) -> bool:
        """Whether applying it would commit or publish anything."""
        publishes = any(each.upserts or each.deletes for each in self.publishing)
        return publishes or any(table.commits for table in self.tables)

    @property
    def publishing(self) -> tuple[Publishing, ...]:
        """What the warehouses will get."""
        return tuple(each for table in self.tables for each in table.predicted.publishing)

    @property
    def failed(self) -> tuple[TablePlan, ...]:
        """The tables because of which it cannot be applied."""
        return tuple(table for table in self.tables if table.status not in ("prepared", "unchanged"))

    def to_json(self) -> dict[str, Any]:
        """The stored form; `changes` is told for readers."""
        return {**self.model_dump(mode="json"), "changes": self.changes}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> PlanDocument:
        """What `to_json` gave."""
        return cls.model_validate({name: value for name, value in stored.items() if name != "changes"})
