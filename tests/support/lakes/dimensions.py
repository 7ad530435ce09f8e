"""Histories: made by the engine of a literal frame, and by a person who has read the guide and has no Spark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tidemark.compute import histories
from tidemark.config.contract.model import Column, Contract
from tidemark.config.load import Load
from tidemark.config.project import Table
from tidemark.rows import ORIGIN
from tidemark.write.batch import Checked

Row = dict[str, Any]


def checked(
    versions: DataFrame,
    columns: str,
    write: Mapping[str, Any],
    cast: Mapping[str, Any] | None = None,
    **rules: Mapping[str, Any],
) -> Checked:
    """The history that the engine makes of the frame: `columns` are the table's, each `name type`; `!` is required."""
    words = [each.strip().rsplit(" ", 1) for each in columns.split(", ")]
    described = [
        Column(name.rstrip("!"), type_, required=name.endswith("!"), **rules.get(name.rstrip("!"), {}))
        for name, type_ in words
    ]
    contract = Contract("silver.dim", "1.0.0", tuple(described), (), (), None, (), Path("dim.contract.yaml"))
    load = Load.model_validate({"write": {"mode": "scd2", "surrogate_key": "sk", **write}, "cast": cast or {}})
    table = Table("silver.dim", contract, load)
    marked = histories.identified(versions, table).withColumn(ORIGIN, F.lit("test://dim"))
    return histories.check(table, marked, None, source_system="test")


def told(
    versions: Iterable[Mapping[str, Any]],
    *,
    key: str,
    start: str,
    track: Sequence[str],
    overwrite: Sequence[str] = (),
    sequence: Sequence[str] = (),
    flag: str = "is_deleted",
    good: Any = lambda version: True,
) -> list[Row]:
    """What `docs/histories.md` says of these versions: rows with valid_from, valid_to (None: open) and is_current."""
    by_key: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for version in versions:
        if good(version):
            by_key[version[key]].append(version)
    rows: list[Row] = []
    for received in by_key.values():
        in_order = sorted(received, key=lambda v: (v[start], *(v[name] for name in sequence), bool(v[flag])))
        last_of_each_instant = {version[start]: version for version in in_order}.values()
        open_row: Row | None = None
        for version in last_of_each_instant:
            same = open_row is not None and all(open_row[name] == version[name] for name in track)
            if open_row is not None and same and not version[flag]:
                open_row.update({name: version[name] for name in overwrite})
                continue
            if open_row is not None:
                open_row.update(valid_to=version[start], is_current=False)
                open_row = None
            if not version[flag]:
                open_row = {**version, "valid_from": version[start], "valid_to": None, "is_current": True}
                rows.append(open_row)
    return rows
