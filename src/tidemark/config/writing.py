"""How rows enter a table: the word `write` of a load file, with what it says of deletes and of histories."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

Names = tuple[str, ...]

_ALL = re.compile(r"all(?:\s+but\s+(.+))?")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _all_but(value: object) -> object:
    """`all` and `all but a, b` as a mapping; what else is written is left to the model."""
    if not isinstance(value, str):
        return value
    match = _ALL.fullmatch(value.strip())
    if match is None:
        raise ValueError("write `all`, `all but a, b`, or a list of columns")
    return {"all_but": [name.strip() for name in (match[1] or "").split(",") if name.strip()]}


class DeleteSpec(_Model):
    """What is deleted: a row with a true `flag`, or a key `missing` from a full extract (soft: kept as a tombstone).

    `at` belongs to histories: the column that says when a row was received. A delete counts from then, and so does the
    version after it, where its own time is earlier.
    `within` names columns: only keys can be missing whose values in them occur in the extract.
    """

    flag: str | None = None
    missing: Literal["soft", "hard"] | None = None
    at: str | None = None
    within: Names = ()

    @model_validator(mode="after")
    def _says_something(self) -> DeleteSpec:
        if self.flag is None and self.missing is None:
            raise ValueError("say what is deleted: `flag: column` or `missing: soft`")
        if self.missing == "soft" and self.flag is None:
            raise ValueError("`missing: soft` needs `flag: column`, the column that marks the tombstone")
        if self.within and self.missing is None:
            raise ValueError("`within` belongs to `missing`: say `missing: soft`, or leave it out")
        return self

    @model_serializer(mode="wrap")
    def _without_nothing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What says nothing is left out: a table's definition stays what it was before there was such a word."""
        data: dict[str, Any] = serialize(self)
        return data if self.within else {name: value for name, value in data.items() if name != "within"}


class AllBut(_Model):
    """All columns that can be meant but these; in YAML also the text `all`, or `all but a, b`."""

    all_but: Names = ()


class Validity(_Model):
    """The columns that say when a row of a history is valid, and what stands for an end that is open (else null)."""

    start: str = Field(default="valid_from", alias="from")
    end: str = Field(default="valid_to", alias="to")
    current: str = "is_current"
    open_end: str | int | None = None


class WriteSpec(_Model):
    """How rows enter the table. `order_by`: of rows with equal keys the newest wins, all columns descending.

    In a history, `order_by` says which of several versions of one instant is the last; `overwrite` names the columns
    that follow the newest version without beginning a new row (true: all that are not tracked).
    """

    mode: Literal["append", "replace", "upsert", "scd2"]
    keys: Names = ()
    order_by: Names = ()
    deletes: DeleteSpec | None = None
    effective_from: str | None = None
    surrogate_key: str | None = None
    track: Annotated[Names | AllBut, BeforeValidator(_all_but)] = ()
    overwrite: bool | Names = False
    validity: Validity = Validity()
    unknown_member: bool | dict[str, str | int | float | bool] = False
    partition_by: Names = ()

    @model_validator(mode="before")
    @classmethod
    def _several_sequences(cls, data: Any) -> Any:
        """`effective_from: [a, b]`: a version is valid from the first; the others order those of one instant."""
        if (
            not isinstance(data, Mapping)
            or not isinstance(data.get("effective_from"), list)
            or not data["effective_from"]
        ):
            return data
        first, *others = data["effective_from"]
        return {**data, "effective_from": first, "order_by": [*others, *(data.get("order_by") or ())]}

    @model_validator(mode="after")
    def _fits_the_mode(self) -> WriteSpec:
        if self.mode in ("upsert", "scd2") and not self.keys:
            raise ValueError(f"mode {self.mode} needs `keys: […]`")
        for name in ("effective_from", "surrogate_key", "track"):
            if self.mode == "scd2" and not getattr(self, name):
                raise ValueError(f"mode scd2 needs `{name}:`")
        of_histories = {"effective_from", "surrogate_key", "track", "overwrite", "validity", "unknown_member"}
        for name in sorted(of_histories & self.model_fields_set):
            if self.mode != "scd2" and getattr(self, name):
                raise ValueError(f"`{name}` belongs to mode scd2, the mode is {self.mode}")
        if self.deletes and self.deletes.at and (self.mode != "scd2" or self.deletes.flag is None):
            raise ValueError("`deletes.at` belongs to mode scd2 with `deletes.flag`")
        if self.partition_by and self.mode != "replace":
            raise ValueError(f"`write.partition_by` belongs to mode replace, the mode is {self.mode}")
        return self

    @model_validator(mode="after")
    def _columns_have_one_part(self) -> WriteSpec:
        if self.mode != "scd2":
            return self
        if len({*self.made}) < len(self.made):
            raise ValueError(f"the columns that the engine fills need names of their own: {', '.join(self.made)}")
        named = {
            "keys": self.keys,
            "track": self.track if isinstance(self.track, tuple) else (),
            "overwrite": self.overwrite if isinstance(self.overwrite, tuple) else (),
        }
        for other in ("keys", "track"):
            if both := sorted({*named[other]} & {*named["overwrite"]}):
                raise ValueError(f"`{both[0]}` is in `{other}` and in `overwrite`: keep it in one of them")
        for name, columns in named.items():
            if filled := sorted({*columns} & {*self.made}):
                raise ValueError(f"`{filled[0]}` in `{name}` is filled by the engine")
        return self

    @property
    def made(self) -> Names:
        """The columns of a history that the engine fills: surrogate key, start, end, whether it is current."""
        key = (self.surrogate_key,) if self.surrogate_key else ()
        return (*key, self.validity.start, self.validity.end, self.validity.current)

    @property
    def helpers(self) -> Names:
        """The columns that are used to write and need not be in the table."""
        at_deletes = (self.deletes.flag, self.deletes.at) if self.deletes else ()
        return tuple(dict.fromkeys(name for name in (*self.order_by, self.effective_from, *at_deletes) if name))

    def tracked(self, columns: Sequence[str]) -> Names:
        """Of the contract's columns those whose change begins a row of the history; where there is none, the keys."""
        if isinstance(self.track, tuple):
            return self.track
        overwritten = self.overwrite if isinstance(self.overwrite, tuple) else ()
        left_out = {*self.track.all_but, *self.keys, *self.made, *self.helpers, *overwritten}
        return tuple(name for name in columns if name not in left_out) or self.keys

    def overwritten(self, columns: Sequence[str]) -> Names:
        """Of the contract's columns those that follow the newest version of a row's time."""
        if isinstance(self.overwrite, tuple):
            return self.overwrite
        left_out = {*self.tracked(columns), *self.keys, *self.made}
        return tuple(name for name in columns if name not in left_out) if self.overwrite else ()
