"""Whose a lake is: it notes the environment that used it first, and serves no other.

Two environment files that name one lake, as after a copy, would write its tables under two locks. The control store
does the same (`state.open_state`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tidemark.aws.folder import make_private, open_folder
from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

LAKE_FILE = "_environment.json"
_RESTORING = "restoring"


def claim_lake(environment: Environment) -> None:
    """Makes a lake this environment's; raises `ConfigError` when it is another's."""
    _keep_private(environment)
    noted = _noted(environment)
    if noted is None:
        _note(environment)
        return
    _refuse_other(environment, noted)
    if begun := noted.get(_RESTORING):
        raise TidemarkError(
            f"the lake {environment.roots.lake} is being filled with the snapshot {begun}, and cannot be used before "
            "that is over",
            next_step=f"tidemark snapshot restore {begun} goes on with it",
        )


def restoring(environment: Environment) -> str | None:
    """The snapshot that a lake is being filled with; raises `ConfigError` when the lake is another environment's."""
    noted = _noted(environment)
    if noted is None:
        return None
    _refuse_other(environment, noted)
    return noted.get(_RESTORING)


def begin_restoring(environment: Environment, snapshot: str) -> None:
    """Makes a lake this environment's, which no run may use until it is filled."""
    _keep_private(environment)
    _note(environment, {_RESTORING: snapshot})


def end_restoring(environment: Environment) -> None:
    """The lake is filled, and may be used."""
    _note(environment)


def _noted(environment: Environment) -> dict[str, str] | None:
    folder = open_folder(environment.roots.lake, environment.aws)
    try:
        text = folder.read_text(LAKE_FILE)
    except OSError as failure:
        raise TidemarkError(
            f"the lake {environment.roots.lake} cannot be read: {failure}",
            next_step="check that the folder or bucket is there, and may be read and written",
        ) from failure
    return None if text is None else dict(json.loads(text))


def _note(environment: Environment, also: Mapping[str, str] | None = None) -> None:
    noted = {"environment": environment.name, **(also or {})}
    open_folder(environment.roots.lake, environment.aws).write_text(LAKE_FILE, json.dumps(noted))


def _refuse_other(environment: Environment, noted: Mapping[str, str]) -> None:
    owner = noted["environment"]
    if owner != environment.name:
        raise ConfigError(
            f"the lake {environment.roots.lake} belongs to the environment {owner}, not to {environment.name}; "
            "nothing was read or written",
            next_step=f"correct home or roots.lake in env/{environment.name}.yaml; an environment keeps its name as "
            "long as its lake",
        )


def _keep_private(environment: Environment) -> None:
    """Makes the folders on this machine's disk for their owner alone, but for gold, which is masked.

    The snapshots' and the control store's are made so where these begin.
    """
    roots = environment.roots
    raw = (
        roots.errors,
        roots.staging,
        environment.exchange,
        *(f"{roots.lake}/{layer}" for layer in ("bronze", "silver")),
    )
    of_runs = (roots.runs, roots.logs, roots.dq_results, roots.lineage)
    for root in (*raw, *of_runs):
        if "://" not in root:
            make_private(root)
