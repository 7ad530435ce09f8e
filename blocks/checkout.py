"""Steps of `prefect deploy`: which commit is deployed, so that what runs later is what was looked at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tidemark.children import variables_for
from tidemark.errors import ConfigError

COMMIT = "TIDEMARK_COMMIT"
"""The variable in which an image says of which commit it is."""

UNKNOWN, DIRTY = "unknown", "-dirty"
_TOLD_FILES = 5


def commit(image: str = "") -> dict[str, str]:
    """The commit of this checkout, or of the image that this runs in, as `sha`.

    Containers run the image of that commit. So where deployments have an image, what is not committed would be deployed
    and never run: that raises `ConfigError`. A work pool without one runs the checkout as it is; then the commit is
    marked (`…-dirty`).
    """
    built_from = os.environ.get(COMMIT)
    sha = built_from or _git("rev-parse", "HEAD") or UNKNOWN
    changed = () if built_from or sha == UNKNOWN else _changed()
    if image and sha == UNKNOWN:
        raise ConfigError(
            f"of which commit {image} has to be cannot be told: {Path.cwd()} is no checkout, and {COMMIT} is not set",
            next_step="deploy from a checkout, or from an image that was built with --build-arg GIT_SHA=…",
        )
    if image and changed:
        told = ", ".join(changed[:_TOLD_FILES]) + (" …" if len(changed) > _TOLD_FILES else "")
        raise ConfigError(
            f"{len(changed)} files of the checkout are not committed ({told}): no image of {image} has them",
            next_step="commit them and build the image of that commit, or put them aside (git stash -u), then deploy",
        )
    return {"sha": f"{sha}{DIRTY}" if changed else sha}


def _changed() -> tuple[str, ...]:
    """Files that differ from the commit, or are not in it and not ignored."""
    answer = _git("status", "--porcelain", "--untracked-files=normal") or ""
    return tuple(line[2:].strip() for line in answer.splitlines())


def _git(*arguments: str) -> str | None:
    """What git answers here; None where there is no git, or no checkout."""
    try:
        asked = subprocess.run(
            ["git", *arguments], env=variables_for("git"), capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError:
        return None
    return asked.stdout.rstrip() if asked.returncode == 0 else None
