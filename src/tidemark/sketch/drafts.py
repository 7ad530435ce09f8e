"""A contract and a load file as text, from what was seen of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from tidemark.config.contract.properties import NAME, RESERVED
from tidemark.config.schemas import FOLDER, SUFFIX
from tidemark.shown import visible, yaml_comment
from tidemark.sketch.personal import mask_of
from tidemark.sketch.sample import Sample, SeenColumn
from tidemark.sql.types import HELPER_PREFIX, logical_type

OWNER = "data"
_WORD = re.compile(r"[a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Column:
    """A column of a contract to be; `source`: what the source calls it, where that is something else."""

    name: str
    type: str
    logical: str
    source: str | None = None
    key: int | None = None
    mask: str | None = None
    is_empty: bool = False


@dataclass(frozen=True)
class Draft:
    """A table to be: its columns, and what its load file says."""

    table: str
    columns: tuple[Column, ...]
    load: Mapping[str, Any]
    seen: str
    hints: tuple[str, ...] = field(default=())
    unique: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.key)

    @property
    def personal(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.mask)


def columns_of(sample: Sample, keys: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a contract: names that it may have, types, keys, personal data."""
    taken: set[str] = set()
    found = []
    for seen in sample.columns:
        name = _free(column_name(seen.name), taken)
        taken.add(name)
        found.append(_column(seen, name, keys.index(seen.name) + 1 if seen.name in keys else None))
    return tuple(found)


def _column(seen: SeenColumn, name: str, key: int | None) -> Column:
    renamed = None if seen.name.lower() == name else seen.name
    logical = seen.nested or logical_type(seen.type)
    return Column(name, seen.type, logical, renamed, key, mask_of(seen, name), seen.is_empty)


def column_name(source: str) -> str:
    """A name for a column that the source calls `source`: `Supplier ID` → `supplier_id`, `orderDate` → `orderdate`.

    Columns are found in any case, so a name that only needs to be folded is left in one piece.
    """
    if NAME.fullmatch(source.lower()):
        name = source.lower()
    else:
        name = "_".join(_WORD.findall(_HUMP.sub("_", source).lower())) or "column"
        name = name if NAME.fullmatch(name) else f"_{name}"
    return f"source{name}" if name in RESERVED or name.startswith(HELPER_PREFIX) else name


def _free(name: str, taken: Iterable[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def contract_text(draft: Draft) -> str:
    """The contract file."""
    name = draft.table.partition(".")[2]
    lines = [
        f"# yaml-language-server: $schema=../{FOLDER}/contract{SUFFIX}",
        yaml_comment(f"{draft.seen} Types, keys and personal data are guesses: look through them."),
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {_flow(draft.table)}",
        "version: 1.0.0",
        "status: draft",
        f"team: {{name: {OWNER}}}",
        "schema:",
        f"  - name: {_flow(name)}",
        "    logicalType: object",
        "    properties:",
        *(f"      - {_property(column)}" for column in draft.columns),
        "    quality:",
        "      - {metric: rowCount, mustBeGreaterThan: 0, severity: warning}",
    ]
    if draft.unique:
        told = _flow({"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": [*draft.unique]}})
        lines.append(f"      - {told}")
    return "\n".join(lines) + "\n"


def _property(column: Column) -> str:
    told: dict[str, Any] = {"name": column.name, "logicalType": column.logical, "physicalType": column.type}
    if column.key:
        told |= {"primaryKey": True, "primaryKeyPosition": column.key, "required": True}
    if column.mask:
        told |= {"classification": "personal", "customProperties": [{"property": "mask", "value": column.mask}]}
    return _flow(told) + ("  # no value was seen" if column.is_empty else "")


def load_text(draft: Draft) -> str:
    """The load file."""
    lines = [f"# yaml-language-server: $schema=../{FOLDER}/load{SUFFIX}"]
    for key, value in draft.load.items():
        if key == "inputs":
            lines += ["inputs:", *(f"  {name}: {_flow(spec)}" for name, spec in value.items())]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join([*lines, *map(yaml_comment, draft.hints)]) + "\n"


def _flow(value: Any) -> str:
    """A value as YAML in one line."""
    text = _dumped(value, allow_unicode=True)
    if visible(text) != text:  # whoever looks through it sees all that is in it
        text = _dumped(value, allow_unicode=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _dumped(value: Any, *, allow_unicode: bool) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=100_000, sort_keys=False, allow_unicode=allow_unicode
    )
    return text
