"""Jobs as lineage tells of them: the load of a table, its gate, its publication, and the run around them."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from tidemark.children import variables_for
from tidemark.sql.types import METADATA_COLUMNS
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from tidemark.books import Books
    from tidemark.write.manifest import Prepared

Kind = Literal["LOAD", "RESTORE", "ERASE", "GATE", "PUBLISH", "RUN"]
State = Literal["START", "COMPLETE", "FAIL", "ABORT"]

COMMIT = "TIDEMARK_COMMIT"
"""The variable in which an image says of which commit it is."""
_DIRTY = "-dirty"


@dataclass(frozen=True)
class Job:
    """A job: what it does, to which table, and into which warehouse."""

    kind: Kind
    name: str
    table: str = ""
    target: str = ""

    @classmethod
    def load(cls, table: str) -> Job:
        return cls("LOAD", table, table)

    @classmethod
    def restore(cls, table: str) -> Job:
        return cls("RESTORE", f"{table}.restore", table)

    @classmethod
    def erase(cls, table: str) -> Job:
        return cls("ERASE", f"{table}.erase", table)

    @classmethod
    def gate(cls, table: str) -> Job:
        return cls("GATE", f"{table}.gate", table)

    @classmethod
    def publish(cls, table: str, target: str) -> Job:
        return cls("PUBLISH", f"{table}.publish.{target}", table, target)

    def run_id(self, run_id: str, number: int = 1) -> str:
        """The id of this job's work in a run, which everybody who knows the run can tell; of its `number`th there."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id} {self.kind} {self.name} {number}"))


@dataclass(frozen=True)
class Checked:
    """The outcome of one check of a gate: its name, what came of it, the number that was measured.

    `limit`: it stands for a limit of the table, and not for a check of the contract. `bypass`: who let it pass, why.
    """

    name: str
    outcome: str
    value: str | None = None
    limit: str | None = None
    bypass: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it found nothing."""
        return self.outcome in ("pass", "no rows")


@dataclass(frozen=True)
class Parents:
    """What jobs are a part of: the run of Tidemark (`flow`, `run_id`), and the flow run that Prefect knows, if any.

    `namespace` is that of all of them.
    """

    namespace: str
    flow: str
    run_id: str
    root_flow: str | None = None
    root_run_id: str | None = None


@dataclass(frozen=True)
class Begun:
    """A job at work since an instant (UTC); `part_of`: another run than the one that tells of it."""

    job: Job
    run_id: str
    at: datetime
    part_of: str | None = None


@dataclass(frozen=True)
class Ended:
    """How a job ended, and what it did, as far as that is known.

    `version`: of the table after it. `inputs`: the versions of what was read. `columns`: those that the table has
    beside its contract's, with their types. `checks`: of a gate. `tags`: further words about it.
    """

    state: State
    at: datetime
    error: str | None = None
    books: Books | None = None
    rows: int | None = None
    size: int | None = None
    version: int | None = None
    inputs: Mapping[str, int | None] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Checked] = ()
    tags: Mapping[str, str | None] = field(default_factory=dict)


def of_batch(batch: Prepared) -> dict[str, object]:
    """What a prepared batch says of the load that it is of, by the names of `Ended`."""
    books = batch.books
    return {
        "books": books,
        "rows": books.accepted if batch.operation == "overwrite" else books.inserted + books.updated,
        "size": batch.size,
        "inputs": dict(batch.inputs),
        "columns": _beside(batch),
        "tags": {"batch_id": batch.batch_id, "definition": batch.definition, "contract": batch.contract_version},
    }


def _beside(batch: Prepared) -> dict[str, str]:
    """The columns of the staged rows and their types, without what the engine adds."""
    fields = json.loads(batch.schema)["fields"] if batch.schema else []
    types = {each["name"]: each["type"] for each in fields if isinstance(each["type"], str)}
    own = {*METADATA_COLUMNS, CHANGE_TYPE}
    return {name: types[name] for name in batch.columns if name in types and name not in own}


@dataclass(frozen=True)
class Revision:
    """The configuration's place in version control: the address of the repository, the folder in it, the commit."""

    repository: str | None
    folder: str
    commit: str

    def address(self, path: Path, root: Path) -> str:
        """Where a file of the configuration is found: in the repository, or on this machine."""
        inside = f"{self.folder}{path.relative_to(root).as_posix()}"
        return (
            f"{self.repository}/blob/{self.commit.removesuffix(_DIRTY)}/{inside}"
            if self.repository
            else path.absolute().as_uri()
        )


@lru_cache(maxsize=8)
def revision(config_dir: Path) -> Revision | None:
    """The commit that a configuration folder is of, by git or by the image that it came in; None where nobody knows.

    A checkout with files that are not committed is marked: `…-dirty`.
    """
    built_from = os.environ.get(COMMIT)
    commit = built_from or _git(config_dir, "rev-parse", "HEAD")
    if not commit or commit == "unknown":
        return None
    if not built_from and _git(config_dir, "status", "--porcelain", "--", "."):
        commit = f"{commit}{_DIRTY}"
    repository = browsable(_git(config_dir, "remote", "get-url", "origin") or "")
    return Revision(repository, _git(config_dir, "rev-parse", "--show-prefix") or "", commit)


def browsable(remote: str) -> str | None:
    """The address of a repository as a browser has it, without a login; None for one on a disk."""
    if remote.startswith("git@") and ":" in remote:
        host, _, path = remote.removeprefix("git@").partition(":")
    else:
        parts = urlsplit(remote)
        host, path = parts.hostname or "", parts.path
    return f"https://{host}/{path.strip('/').removesuffix('.git')}" if host and path.strip("/") else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=variables_for("git"),
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
