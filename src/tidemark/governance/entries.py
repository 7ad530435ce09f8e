"""What Glue is told of a released table: native Delta, with the columns that are stored and the contract's words.

Lake Formation lets readers see the columns that Glue knows, so these are the ones of the released version, those of the
engine and drifted ones among them; Athena itself reads the table by its log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidemark.errors import TidemarkError
from tidemark.shown import comment

if TYPE_CHECKING:
    from tidemark.config.contract import Contract
    from tidemark.serving.lake import Layout

DIGEST = "tidemark.digest"
"""Of an entry, as a parameter of its own: what has it is ours, and what has another one is of before."""

_COMMENT, _DESCRIPTION = 255, 2048  # characters that Glue takes
_TYPES = {
    "string": "string", "long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "float": "float",
    "double": "double", "boolean": "boolean", "binary": "binary", "date": "date", "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
}  # fmt: skip
_NATIVE = {"table_type": "DELTA", "spark.sql.sources.provider": "delta", "classification": "delta", "EXTERNAL": "TRUE"}


@dataclass(frozen=True)
class Entry:
    """A table as Glue has it; `columns` are (name, Hive type, comment), those of `partitions` among them."""

    table: str
    database: str
    name: str
    location: str
    description: str
    columns: tuple[tuple[str, str, str], ...]
    partitions: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The same for entries that say the same."""
        told = [self.location, self.description, self.columns, self.partitions]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def to_input(self) -> dict[str, Any]:
        """`TableInput` of Glue's `CreateTable` and `UpdateTable`."""
        return {
            "Name": self.name,
            "Description": self.description,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {**_NATIVE, DIGEST: self.digest},
            "PartitionKeys": [_column(each) for each in self.columns if each[0] in self.partitions],
            "StorageDescriptor": {
                "Location": self.location,
                "Columns": [_column(each) for each in self.columns if each[0] not in self.partitions],
            },
        }


def entry(table: str, database: str, location: str, layout: Layout, contract: Contract) -> Entry:
    """The entry of a released table; raises `TidemarkError` for a column that Glue has no type for."""
    told = {column.name: column.description or "" for column in contract.columns}
    columns = tuple(
        (str(field["name"]), _hive(table, field["name"], field["type"]), comment(told.get(field["name"], ""), _COMMENT))
        for field in layout.fields
    )
    _refuse_twins(table, [name for name, _, _ in columns])
    description = comment(contract.description or "", _DESCRIPTION)
    name = table.partition(".")[2]
    return Entry(table, database, name, location, description, columns, tuple(layout.partitions))


def _column(told: tuple[str, str, str]) -> dict[str, str]:
    name, type_, about = told
    return {"Name": name, "Type": type_, "Comment": about}


def _hive(table: str, column: str, type_: str | Mapping[str, Any]) -> str:
    """A type of Delta's schema, as Hive writes it."""
    if isinstance(type_, str):
        if type_.startswith("decimal"):
            return type_.replace(" ", "")
        if type_ in _TYPES:
            return _TYPES[type_]
    elif type_["type"] == "array":
        return f"array<{_hive(table, column, type_['elementType'])}>"
    elif type_["type"] == "map":
        return f"map<{_hive(table, column, type_['keyType'])},{_hive(table, column, type_['valueType'])}>"
    elif type_["type"] == "struct":
        fields = (f"{each['name']}:{_hive(table, column, each['type'])}" for each in type_["fields"])
        return f"struct<{','.join(fields)}>"
    raise TidemarkError(
        f"column {column} has a type that Glue does not know: {json.dumps(type_)}",
        table=table,
        step="register",
        next_step="cast the column in the table's query, or leave the table's layer out of glue.databases",
    )


def _refuse_twins(table: str, names: Sequence[str]) -> None:
    """Glue keeps names in small letters."""
    twins = sorted({name for name in names if [each.lower() for each in names].count(name.lower()) > 1})
    if twins:
        raise TidemarkError(
            f"columns that Glue cannot tell apart: {', '.join(twins)}",
            table=table,
            step="register",
            next_step="rename one of them in the contract",
        )
