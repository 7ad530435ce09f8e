"""What decides the rows of a silver or gold table besides its inputs: its query, its load file and its contract."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import ModuleType
from typing import TYPE_CHECKING

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.config.project import Table

Transform = Callable[[Mapping[str, "DataFrame"]], "DataFrame"]

_AND = "+"
_WORDS_ONLY = ("path", "description", "owner", "tags", "line")


def transform_of(table: Table) -> Transform:
    """The function that `transform` names; raises `ConfigError` where there is none."""
    module, _, function = (table.load.transform or "").partition(":")
    try:
        found: Transform = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as missing:
        raise ConfigError(
            f"{table.name} is built by {table.load.transform}, which cannot be imported: {missing}",
            next_step="correct `transform: module.path:function` in its load file",
        ) from missing
    return found


def fingerprint(table: Table) -> str:
    """16 hex digits that change when the table has to be built anew, whatever its inputs say.

    They stand for the query (or the whole module of the transform, or neither in bronze), for what the load file says
    of sources, inputs, drift and writing, and for the contract but for its words.
    """
    received = {"source", "watermark"} if table.load.source else set()
    load = table.load.model_dump(mode="json", include={"write", "inputs", "evolution", "drift"} | received)
    for spec in load.get("inputs", {}).values():
        if not spec["as_of"]:  # as it was signed before there was such a word
            del spec["as_of"]
    logic = inspect.getsource(_module(table)) if table.load.transform else table.sql
    told = {"logic": logic, "load": load, "contract": _without_words(asdict(table.contract))}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def mixed(others: str, definition: str) -> str:
    """What a table is signed with of which some rows were computed by `definition` and the others by `others`.

    It is no table's fingerprint, that of either neither: whatever the configuration says next, the table is built anew.
    """
    return _AND.join(dict.fromkeys([*others.split(_AND), definition]))


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
        return {name: _without_words(each) for name, each in value.items() if name not in _WORDS_ONLY}
    if isinstance(value, tuple | list):
        return [_without_words(each) for each in value]
    return value
