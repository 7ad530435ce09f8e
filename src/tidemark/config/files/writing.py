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
    WithJsonSchema,
    model_serializer,
    model_validator,
)

Names = tuple[str, ...]

_NAMES = {"type": "array", "items": {"type": "string"}}
ONE_OR_SEVERAL = {"anyOf": [{"type": "string"}, _NAMES, {"type": "null"}]}
"""Of a key that is one column in the model and may be a list in a file, as JSON Schema."""
_ALL_BUT = {"type": "object", "additionalProperties": False, "properties": {"all_but": _NAMES}}
_TRACK = {"anyOf": [_NAMES, {"type": "string", "pattern": r"^\s*all(\s+but\s+.+)?\s*$"}, _ALL_BUT]}

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
    """What is deleted: a row with a true `flag`, or a key `missing` from a full extract."""

    flag: str | None = Field(
        default=None,
        description="The column that marks deletes: a row in which it is true deletes its key, or is its tombstone.",
        examples=["is_deleted"],
    )
    missing: Literal["soft", "hard"] | None = Field(
        default=None,
        description="What becomes of a key that a full extract lacks: it is kept as a tombstone, or it goes.",
        examples=["soft"],
    )
    at: str | None = Field(
        default=None,
        description=(
            "In a history, the column that says when a row was received: a delete counts from then, and so does the "
            "version after it, where its own time is earlier."
        ),
        examples=["received_at"],
    )
    within: Names = Field(
        default=(),
        description="Only keys can be missing whose values in these columns occur in the extract.",
        examples=[["country"]],
    )

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

    all_but: Names = Field(default=(), description="The columns that are not meant.", examples=[["comment"]])


class Validity(_Model):
    """The columns that say when a row of a history is valid."""

    start: str = Field(
        default="valid_from", alias="from", description="From when it is valid (inclusive).", examples=["start_ts"]
    )
    end: str = Field(
        default="valid_to", alias="to", description="Until when it is valid (exclusive).", examples=["end_ts"]
    )
    current: str = Field(default="is_current", description="Whether it is valid now.", examples=["is_active"])
    open_end: str | int | None = Field(
        default=None,
        description="What stands for an end that is open; without a word null.",
        examples=["9999-12-31"],
    )


class WriteSpec(_Model):
    """How rows enter the table."""

    mode: Literal["append", "replace", "upsert", "scd2"] = Field(
        description=(
            "`append`: a log of what came; `upsert`: one row a key; `replace`: the batch is the table; `scd2`: a "
            "history."
        ),
        examples=["append"],
    )
    keys: Names = Field(
        default=(),
        description="The columns that tell rows apart. Needed by `upsert` and `scd2`; a log adds no row that it has.",
        examples=[["order_id", "line_number"]],
    )
    order_by: Names = Field(
        default=(),
        description=(
            "Of rows with equal keys the newest by these columns wins, all descending; in a history, the last of "
            "several versions of one instant. Without a word an `upsert` from a source takes its watermark's columns."
        ),
        examples=[["updated_at"]],
    )
    deletes: DeleteSpec | None = Field(default=None, description="What is deleted; without it nothing is.")
    effective_from: Annotated[str | None, WithJsonSchema(ONE_OR_SEVERAL)] = Field(
        default=None,
        description=(
            "In a history, the column that says from when a version is valid; a list: the others order versions of one "
            "instant."
        ),
        examples=["updated_at"],
    )
    surrogate_key: str | None = Field(
        default=None,
        description="In a history, the column that the engine fills with a key of its own for every row.",
        examples=["customer_sk"],
    )
    track: Annotated[Names | AllBut, BeforeValidator(_all_but), WithJsonSchema(_TRACK)] = Field(
        default=(),
        description="In a history, the columns whose change begins a new row; also `all`, or `all but a, b`.",
        examples=[["email", "segment"], "all but comment"],
    )
    overwrite: bool | Names = Field(
        default=False,
        description=(
            "In a history, the columns that follow the newest version without beginning a new row; true: all that are "
            "not tracked."
        ),
        examples=[True, ["phone"]],
    )
    validity: Validity = Field(
        default=Validity(), description="In a history, the columns that say when a row is valid."
    )
    unknown_member: bool | dict[str, str | int | float | bool] = Field(
        default=False,
        description="In a history, a row that stands for what nobody knows; a mapping says what it has in its columns.",
        examples=[True, {"segment": "none"}],
    )
    partition_by: Names = Field(
        default=(),
        description="Of `replace`, the columns whose values in the batch say what of the table it replaces.",
        examples=[["country"]],
    )

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
        for name in ("keys", "partition_by"):
            columns: Names = getattr(self, name)
            if twice := next((each for each in columns if columns.count(each) > 1), None):
                raise ValueError(f"`{name}` has `{twice}` twice: remove one of them")
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
