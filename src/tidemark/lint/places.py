"""Where an environment's file lets raw data rest: rejected rows not among the tables that people may read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemark.config.environment import FOLDER
from tidemark.config.files.yamltext import parse
from tidemark.errors import Finding
from tidemark.lint.inspection import Inspection


def find(inspection: Inspection, folder: Path) -> Iterator[Finding]:
    """A warning where the error lane lies below the lake in a bucket: who may read the one can read the other.

    On a disk the lane's folder is its owner's alone.
    """
    environment = inspection.environment
    if environment is None:
        return
    lake, errors = environment.roots.lake, environment.roots.errors
    if "://" not in lake or not _address(errors).startswith(_address(lake)):
        return
    document = parse(folder / FOLDER / f"{environment.name}.yaml")
    yield document.finding(
        ("roots", "errors"),
        f"rejected rows rest in {errors}, below the lake: who may read that prefix reads people as they are",
        "keep them in a bucket of their own: roots: {errors: s3a://…-errors}",
        "warning",
    )


def _address(root: str) -> str:
    """A place without the scheme, of which S3 has several, and with an end."""
    return f"{root.partition('://')[2].rstrip('/')}/"
