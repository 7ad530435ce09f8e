"""How much of a table one batch may delete, how much of itself it may reject, and whether it may be empty.

What a batch does beyond that is more likely a source that broke than a source that changed: the batch fails its gate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

LimitName = Literal["deleted", "rejected", "empty"]
LIMITS: tuple[LimitName, ...] = get_args(LimitName)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class Limit:
    """So many rows at most: `rows`, or a `share` of all there are (0.2), which counts from `least` rows on."""

    share: float | None = None
    rows: int | None = None
    least: int = 1

    def is_passed_by(self, count: int, total: int) -> bool:
        """Whether `count` rows of `total` are too many."""
        if self.rows is not None:
            return count > self.rows
        return count >= self.least and count > (self.share or 0.0) * total

    def __str__(self) -> str:
        if self.rows is not None:
            return str(self.rows)
        share = f"{(self.share or 0.0) * 100:.6g} %"
        return share if self.least == 1 else f"{share} (from {self.least} rows on)"


def parse_limit(text: object) -> Limit:
    """`20%` or `500` as a limit; raises `ValueError` for anything else."""
    if isinstance(text, Limit):
        return text
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return Limit(rows=text)
    match = _SHARE.fullmatch(str(text).strip())
    if match is None or float(match[1]) > 100:
        raise ValueError("write a share of the rows, or a number of rows: 20% or 500")
    return Limit(share=float(match[1]) / 100)


_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$"}]}
RowLimit = Annotated[Limit, BeforeValidator(parse_limit), PlainSerializer(str), WithJsonSchema(_SCHEMA)]

# Of a few rows any is a large share: an absent row of three is no broken source.
DELETED = Limit(share=0.2, least=10)
REJECTED = Limit(share=0.1, least=1000)


class LimitsSpec(BaseModel):
    """The limits that a load file sets; what it does not set has a default, or none (see `Limits.of`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deleted: RowLimit | None = Field(
        default=None,
        description=(
            "How many rows may go or become tombstones, of all that could. Without a word 20 % where absence is "
            "deletion: `deletes: {missing: …}`, and `mode: replace` from a source."
        ),
        examples=["20%", 500],
    )
    rejected: RowLimit | None = Field(
        default=None,
        description=(
            "How many rows may be rejected, of those that came. Without a word 10 % for tables with a source, from "
            "1000 rejected rows on."
        ),
        examples=["10%", 500],
    )
    empty: Literal["refuse", "allow"] | None = Field(
        default=None,
        description=(
            "Whether an extract without a row is taken, for a table that has some. Without a word `refuse` where "
            "absence is deletion."
        ),
        examples=["allow"],
    )


@dataclass(frozen=True)
class Limits:
    """What holds for a table; None: no limit. `told` are the names of those that its load file sets itself."""

    deleted: Limit | None
    rejected: Limit | None
    may_be_empty: bool
    told: frozenset[str]

    @classmethod
    def of(cls, spec: LimitsSpec, *, concludes_absence: bool, receives: bool) -> Limits:
        """What a load file says, and what goes without saying.

        `concludes_absence`: what an extract lacks is not in the table after it; `receives`: the table has a source.
        """
        empty = spec.empty or ("refuse" if concludes_absence else "allow")
        return cls(
            deleted=spec.deleted or (DELETED if concludes_absence else None),
            rejected=spec.rejected or (REJECTED if receives else None),
            may_be_empty=empty == "allow",
            told=frozenset(name for name in ("deleted", "rejected", "empty") if getattr(spec, name) is not None),
        )
