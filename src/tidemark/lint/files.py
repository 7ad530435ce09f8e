"""Files of a configuration folder that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidemark.config import contract, load
from tidemark.config.contract import LAYERS
from tidemark.config.project import SQL_SUFFIX
from tidemark.errors import Finding
from tidemark.suggest import choose

_SUFFIXES = (contract.SUFFIX, load.SUFFIX, SQL_SUFFIX)


def find(folder: Path) -> Iterator[Finding]:
    """A finding for each file of a layer whose name means nothing, and for folders that are nearly a layer's."""
    for layer in LAYERS:
        for path in sorted((folder / layer).glob("*")):
            if path.is_dir():
                yield Finding(path, 1, "a folder inside a layer is not read", f"move its files to {layer}/")
            elif not path.name.endswith(_SUFFIXES) and not path.name.startswith("."):
                stem, _, suffix = path.name.partition(".")
                fix = f"rename it to {stem} with {choose(f'.{suffix}', _SUFFIXES)}"
                yield Finding(path, 1, f"{path.name} is not read", fix)
    for path in sorted(folder.iterdir()):
        tables = path.is_dir() and path.name not in LAYERS and any(path.glob(f"*{contract.SUFFIX}"))
        if tables:
            yield Finding(path, 1, f"`{path.name}` is no layer, its tables are not read", choose(path.name, LAYERS))
