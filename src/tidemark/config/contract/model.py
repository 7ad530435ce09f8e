"""What a contract says, frozen: columns with their rules, table checks, freshness."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

LAYERS = ("bronze", "silver", "gold")
TABLE_NAME = re.compile(rf"\b(?:{'|'.join(LAYERS)})\.[a-z_][a-z0-9_]*")
NOT_PERSONAL = ("public", "internal")
"""Classifications that readers of gold may see as they are."""

TEXT_MASKS = ("email", "phone", "name", "postcode", "hmac", "sha256")
DATE_MASKS = ("month", "year")
MASKS = (*TEXT_MASKS, *DATE_MASKS, "redact")
KEYED_MASKS = ("hmac", "sha256")
"""Masks that need the environment's masking key: both are HMAC-SHA-256, `sha256` is its older name."""

RULES = (
    "required", "type", "characters", "pattern", "format", "enum", "minLength", "maxLength",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
)  # fmt: skip
"""What the rules of a column are called in the error lane."""

SUFFIX = ".contract.yaml"
GOING = ("deprecated", "retired")
"""Words of `status` for a table that will be removed."""

Severity = Literal["error", "warning"]
Operator = Literal["=", "!=", ">", ">=", "<", "<=", "between", "not between"]
Nested = Literal["array", "object"]
CheckKind = Literal["metric", "sql", "custom"]


@dataclass(frozen=True)
class PersonalException:
    """Why a column may show what comes of personal data, who said so, and the last day on which that holds."""

    reason: str
    approved_by: str
    until: date | None = None

    def holds(self, today: date) -> bool:
        return self.until is None or today <= self.until


@dataclass(frozen=True)
class Erasure:
    """What becomes of a row that names an erased person in this column: it is deleted, or the value is cleared or
    replaced by another (`replace_by`), and the row's personal columns are cleared.
    """

    action: Literal["delete", "clear", "replace"]
    replace_by: str | None = None


@dataclass(frozen=True)
class Column:
    """One column: its Spark type, the rules each of its values keeps, and how sensitive it is.

    `nested` says that its text is a JSON array or object. Bounds are kept as they are written, so that `0.1` stays a
    tenth. `zone`: times that come without an offset are of this time zone (None: UTC, unless the load file says
    otherwise). `classification` and `mask` mark personal data; `mask_people`: a domain that fewer people share is
    hidden too. `exception` lets it show what comes of personal data. `erasure`: what becomes of rows that
    name an erased person in it.
    """

    name: str
    type: str
    required: bool = False
    key_position: int | None = None
    unique: bool = False
    pattern: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    exclusive_minimum: str | None = None
    exclusive_maximum: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    format: str | None = None
    enum: tuple[str, ...] = ()
    zone: str | None = None
    classification: str | None = None
    mask: str | None = None
    mask_people: int | None = None
    exception: PersonalException | None = None
    erasure: Erasure | None = None
    description: str | None = None
    nested: Nested | None = None
    line: int = 1

    @property
    def is_personal(self) -> bool:
        """Whether its own contract marks it as personal data."""
        return self.mask is not None or self.is_classified

    @property
    def is_classified(self) -> bool:
        """Whether its classification says that it is not for everybody."""
        return self.classification is not None and self.classification.strip().lower() not in NOT_PERSONAL


@dataclass(frozen=True)
class Comparison:
    """What a check's number must be; two values for `between` and `not between`, one for the others."""

    operator: Operator
    values: tuple[Decimal, ...]


@dataclass(frozen=True)
class Check:
    """One entry of `quality`: a library metric, a query that gives one number, or SodaCL as it is.

    `column` is set for a check that stands under a property; `unit` is `percent` or None (rows).
    """

    kind: CheckKind
    name: str
    severity: Severity = "error"
    metric: str | None = None
    column: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    comparison: Comparison | None = None
    unit: str | None = None
    query: str | None = None
    implementation: str | None = None
    line: int = 1

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables (`layer.table`) that its SQL or SodaCL names."""
        text = f"{self.query or ''}\n{self.implementation or ''}".lower().replace("`", "")
        return tuple(dict.fromkeys(TABLE_NAME.findall(text)))


@dataclass(frozen=True)
class Freshness:
    """The newest value of `column` is at most `hours` old."""

    column: str
    hours: Decimal
    severity: Severity = "warning"
    line: int = 1


@dataclass(frozen=True)
class Reference:
    """The columns are those `to` of another table, or of this one: a foreign key, which nobody enforces."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]
    line: int = 1


@dataclass(frozen=True)
class Service:
    """What else is promised of a table: so many seconds a load takes at most, so many rows a day brings at least."""

    seconds: float | None = None
    records: int | None = None
    severity: Severity = "warning"


@dataclass(frozen=True)
class About:
    """What a contract says for people alone: words from which nothing is compiled."""

    title: str | None = None
    domain: str | None = None
    status: str | None = None
    usage: str | None = None
    limitations: str | None = None
    grain: str | None = None

    @property
    def is_going(self) -> bool:
        """Whether the contract says that nobody should count on the table any more."""
        return (self.status or "").strip().lower() in GOING


@dataclass(frozen=True)
class Contract:
    """A table's contract; `keys` are the primary key's columns by position."""

    table: str
    version: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    checks: tuple[Check, ...]
    freshness: Freshness | None
    tags: tuple[str, ...]
    path: Path
    description: str | None = None
    owner: str | None = None
    service: Service | None = None
    references: tuple[Reference, ...] = ()
    about: About = About()

    @property
    def layer(self) -> str:
        return self.table.partition(".")[0]

    @property
    def name(self) -> str:
        return self.table.partition(".")[2]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of this name; raises `KeyError` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.table} has no column {name}")
