"""Whose a lake is: it notes the environment that used it first, and serves no other.

Two environment files that name one lake, as after a copy, would write its tables under two locks. The control store
does the same (`state.open_state`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tidemark.aws.folder import open_folder
from tidemark.errors import ConfigError, TidemarkError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

LAKE_FILE = "_environment.json"
_PRIVATE = 0o700


def claim_lake(environment: Environment) -> None:
    """Makes a lake this environment's; raises `ConfigError` when it is another's."""
    _keep_private(environment)
    folder = open_folder(environment.roots.lake, environment.aws)
    try:
        noted = folder.read_text(LAKE_FILE)
    except OSError as failure:
        raise TidemarkError(
            f"the lake {environment.roots.lake} cannot be read: {failure}",
            next_step="check that the folder or bucket is there, and may be read and written",
        ) from failure
    if noted is None:
        folder.write_text(LAKE_FILE, json.dumps({"environment": environment.name}))
        return
    owner = str(json.loads(noted)["environment"])
    if owner != environment.name:
        raise ConfigError(
            f"the lake {environment.roots.lake} belongs to the environment {owner}, not to {environment.name}; "
            "nothing was read or written",
            next_step=f"correct home or roots.lake in env/{environment.name}.yaml; an environment keeps its name as "
            "long as its lake",
        )


def _keep_private(environment: Environment) -> None:
    """Makes the folders on this machine's disk that hold raw data, for their owner alone.

    One that is there already stays as somebody has made it.
    """
    roots = environment.roots
    raw = (
        roots.errors,
        roots.staging,
        environment.exchange,
        *(f"{roots.lake}/{layer}" for layer in ("bronze", "silver")),
    )
    for root in raw:
        if "://" not in root and not Path(root).exists():
            Path(root).mkdir(parents=True)
            Path(root).chmod(_PRIVATE)
