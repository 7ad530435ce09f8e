"""What decides the rows of a silver or gold table besides its inputs: its query, its load file and its contract."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.project import Table

Transform = Callable[[Mapping[str, "DataFrame"]], "DataFrame"]

_AND = "+"
_OLDER_ROWS = "~"
_WORDS_ONLY = ("path", "description", "owner", "tags", "line", "exception", "service", "references", "erasure", "about")
_ONLY_WHERE_SAID = ("mask_people",)  # as it was signed before there was such a word
_MASKS_VERSION = 2  # what the masks leave of a value changed


def transform_of(table: Table) -> Transform:
    """The function that `transform` names; raises `ConfigError` where there is none, or where it may not be run."""
    module, _, function = (table.load.transform or "").partition(":")
    if not is_from(module, table.transforms):
        raise ConfigError(
            transform_refusal(table), next_step="add its package to `transforms` of the environment's file"
        )
    try:
        found: Transform = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as missing:
        raise ConfigError(
            f"{table.name} is built by {table.load.transform}, which cannot be imported: {missing}",
            next_step="correct `transform: module.path:function` in its load file",
        ) from missing
    if not is_from(getattr(found, "__module__", None) or "", table.transforms):
        raise ConfigError(
            f"{table.name} is built by {table.load.transform}, which {module} only imports",
            next_step="define the function in a package that the environment's file names in `transforms`",
        )
    return found


def is_from(module: str, packages: Sequence[str]) -> bool:
    """Whether a module is one of the packages, or in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def transform_refusal(table: Table) -> str:
    """That the environment does not let the table's transform run."""
    named = ", ".join(table.transforms) or "none"
    return (
        f"{table.name} is built by {table.load.transform}, which is in no package that may be run (transforms: {named})"
    )


def fingerprint(table: Table) -> str:
    """16 hex digits that change when the table has to be built anew, whatever its inputs say.

    They stand for the query (or the whole module of the transform, or neither in bronze), for what the load file says
    of sources, inputs, drift, casts and writing, and for the contract but for its words.
    """
    received = {"source", "watermark"} if table.load.source else set()
    load = table.load.model_dump(mode="json", include={"write", "inputs", "evolution", "drift"} | received)
    if table.load.cast:
        load["cast"] = {name: how.model_dump(mode="json") for name, how in sorted(table.load.cast.items())}
    for spec in load.get("inputs", {}).values():
        if not spec["as_of"]:  # as it was signed before there was such a word
            del spec["as_of"]
    logic = inspect.getsource(_module(table)) if table.load.transform else table.sql
    contract = _without_words(asdict(table.contract))
    told = {"logic": logic, "load": load, "contract": contract} | _masking(table)
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _masking(table: Table) -> dict[str, object]:
    """What decides how gold is masked besides its contract: other masks of the same name, and another key."""
    if table.layer != "gold" or not any(column.mask for column in table.contract.columns):
        return {} if table.masking_key is None else {"masking key": table.masking_key}
    return {"masks": _MASKS_VERSION, "masking key": table.masking_key}


def mixed(others: str, definition: str) -> str:
    """What a table is signed with of which some rows were computed by `definition` and the others by `others`.

    It is no table's fingerprint, that of either neither: whatever the configuration says next, the table is built anew.
    """
    return _AND.join(dict.fromkeys([*others.split(_AND), definition]))


def with_older_rows(definition: str) -> str:
    """What a table is signed with that `definition` computes from now on, and of which other rows stay as they are."""
    return definition + _OLDER_ROWS


def has_older_rows(definition: str | None) -> bool:
    """Whether rows of a table with this signature stay for good as an earlier definition made them."""
    return definition is not None and definition.endswith(_OLDER_ROWS)


def is_by(signed: str | None, definition: str | None) -> bool:
    """Whether what a table is signed with says that this definition computes it, whatever older rows it has."""
    return (signed or "").removesuffix(_OLDER_ROWS) == (definition or "").removesuffix(_OLDER_ROWS)


def is_mixed(definition: str | None) -> bool:
    """Whether rows of a table with this signature were computed by different definitions."""
    return definition is not None and _AND in definition


def _module(table: Table) -> ModuleType:
    found = inspect.getmodule(transform_of(table))
    if found is None:
        raise ConfigError(f"{table.load.transform} of {table.name} has no source code to tell versions of it apart")
    return found


def _without_words(value: object) -> object:
    if isinstance(value, Mapping):
        told = {name: each for name, each in value.items() if each is not None or name not in _ONLY_WHERE_SAID}
        return {name: _without_words(each) for name, each in told.items() if name not in _WORDS_ONLY}
    if isinstance(value, tuple | list):
        return [_without_words(each) for each in value]
    return value
