"""How a table is filled: `<layer>/<table>.load.yaml` as a frozen model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from tidemark.config.csvformat import CsvFormat
from tidemark.config.files.modelfile import SPAN_SCHEMA, build, parse_span
from tidemark.config.files.writing import ONE_OR_SEVERAL, Names, WriteSpec
from tidemark.config.files.yamltext import Document, parse
from tidemark.config.limits import Limits, LimitsSpec
from tidemark.errors import ConfigError, Finding, choose
from tidemark.sql.types import is_zone

SUFFIX = ".load.yaml"

INCREMENTAL_MODES = ("upsert", "scd2")
"""Write modes of tables that are computed for the keys that changed; the others are always computed as a whole."""

SnapshotWord = Literal["file", "folder", "day"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSpec(_Model):
    """Where rows come from."""

    connection: str = Field(description="A connection of the environment's file.", examples=["snowflake"])
    object: str = Field(
        description="What of the connection: a table, an object of an API, a folder, a file or a pattern.",
        examples=["SALES.ORDERS", "returns/"],
    )
    system: str | None = Field(
        default=None,
        min_length=1,
        description="What `_source_system` says of the rows; without a word the connection's name.",
        examples=["kafka"],
    )
    format: Literal["json", "csv", "parquet"] | None = Field(
        default=None, description="How files are written; only for connections of files.", examples=["csv"]
    )
    options: dict[str, Any] = Field(
        default={},
        description="What there is to say of files of this format: see reading files.",
        examples=[{"sep": ";", "null_values": ["N/A"]}],
    )
    fields: dict[str, str] = Field(
        default={},
        description="By column of the contract, what the source calls it; without a word the same, in any case.",
        examples=[{"total": "Total €"}],
    )
    mode: Literal["incremental", "full"] = Field(
        default="incremental", description="Whether a run reads what is new, or all there is.", examples=["full"]
    )
    snapshot: SnapshotWord | None = Field(
        default=None,
        description="Which files are one snapshot, where a snapshot replaces the table or what it lacks is deleted.",
        examples=["day"],
    )
    taken_at: str | None = Field(
        default=None,
        description="A column of the contract that the engine fills: when the extract that a row came with was taken.",
        examples=["received_at"],
    )

    @property
    def system_name(self) -> str:
        """The system that the rows are of."""
        return self.system or self.connection

    @property
    def is_text(self) -> bool:
        """Whether it is files of text, whose values are all text."""
        return self.format in ("csv", "json")

    @model_validator(mode="after")
    def _files_can_be_read_so(self) -> SourceSpec:
        if self.format == "csv":
            CsvFormat.of(self.options)
        elif self.format is not None:
            _refuse_options(self.format, self.options)
        return self


def _refuse_options(form: Literal["json", "parquet"], options: Mapping[str, Any]) -> None:
    """JSON files have one option; Parquet says all there is to say itself."""
    title, known = {"json": ("JSON", ("multiLine",)), "parquet": ("Parquet", ())}[form]
    for name in options:
        if name not in known:
            raise ValueError(f"{title} files have no option `{name}`: {choose(name, known) if known else 'remove it'}")
    if options.get("multiLine", True) not in (True, False):
        raise ValueError(f"the JSON option `multiLine` is {options['multiLine']!r}: write true or false")


_LOOKBACK = {"anyOf": [SPAN_SCHEMA, {"type": "integer", "minimum": 0}]}


def _lookback(value: object) -> object:
    """A span of time, or for columns of numbers a number."""
    if not isinstance(value, int) or isinstance(value, bool):
        return parse_span(value)
    if value < 0:
        raise ValueError("a window looks back, not ahead: write a number from 0 on")
    return value


class WatermarkSpec(_Model):
    """How far a source was read."""

    column: Annotated[str, WithJsonSchema(ONE_OR_SEVERAL)] = Field(
        description=(
            "The column that tells new rows from those that were received: change times, or whole numbers that only "
            "grow. A list is short for `column` and `then`."
        ),
        examples=["updated_at", ["committed_at", "lsn"]],
    )
    then: Names = Field(default=(), description="Further columns, where those before are equal.", examples=[["lsn"]])
    lookback: Annotated[timedelta | int, BeforeValidator(_lookback), WithJsonSchema(_LOOKBACK)] = Field(
        default=timedelta(0),
        description="How far back each run reads again, for rows that become visible late; of numbers, a number.",
        examples=["72h", 1000],
    )

    @model_validator(mode="before")
    @classmethod
    def _several_columns(cls, data: Any) -> Any:
        column = data.get("column") if isinstance(data, Mapping) else None
        if isinstance(column, list | tuple) and column and "then" not in data:
            return {**data, "column": column[0], "then": list(column[1:])}
        return data

    @property
    def columns(self) -> Names:
        """All of its columns."""
        return (self.column, *self.then)


class InputSpec(_Model):
    """How a change of an input reaches this table: through the values of `on`, by a full refresh, or not at all."""

    on: Names | None = Field(
        default=None,
        min_length=1,
        description="Columns of both: a change reaches the rows of this table with the same values.",
        examples=[["order_id"]],
    )
    as_of: dict[str, str] = Field(
        default={},
        max_length=1,
        description="The input's column and this table's: the input's latest row at or before it counts.",
        examples=[{"rate_date": "order_date"}],
    )
    refresh: Literal["full", "none"] | None = Field(
        default=None,
        description="`full`: any change computes the table as a whole; `none`: it computes nothing.",
        examples=["none"],
    )

    @model_validator(mode="after")
    def _one_way(self) -> InputSpec:
        if self.on is not None and self.refresh is not None:
            raise ValueError("`on` and `refresh` exclude each other: keep one of them")
        if self.as_of and self.on is None:
            raise ValueError("`as_of` needs `on`: the columns whose latest row counts, such as `on: [currency]`")
        return self

    @property
    def as_of_pair(self) -> tuple[str, str]:
        """The one pair of `as_of`: the input's column, and that of the rows which take the latest row before it."""
        return next(iter(self.as_of.items()))

    @property
    def columns(self) -> Names:
        """The columns of the input that say which rows a change of it reaches."""
        return (*(self.on or ()), *self.as_of)


def _or_bare_fit(schema: dict[str, Any]) -> None:
    """In a JSON Schema, the mapping or the bare word that it may be short for."""
    mapping = dict(schema)
    schema.clear()
    schema["anyOf"] = [mapping, {"enum": ["round", "truncate"]}]


def _or_alone(schema: dict[str, Any]) -> None:
    """In a JSON Schema, inputs that stand alone."""
    schema["additionalProperties"] = {"anyOf": [schema["additionalProperties"], {"type": "null"}]}


class CastSpec(_Model):
    """What may be lost where a source's values come into a column of another type, and whose clock they mean."""

    model_config = ConfigDict(json_schema_extra=_or_bare_fit)

    fit: Literal["round", "truncate"] | None = Field(
        default=None,
        description="Digits that the column has no place for are rounded half up, or cut (as is the time of a day).",
        examples=["round"],
    )
    zone: str | None = Field(
        default=None, description="Times without an offset are those of this time zone.", examples=["Europe/Berlin"]
    )
    fold: Literal["refuse", "earlier", "later"] = Field(
        default="refuse",
        description="Which one a time means that the zone's clocks show twice in autumn.",
        examples=["earlier"],
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_fit(cls, data: Any) -> Any:
        """`amount: round` is short for `amount: {fit: round}`."""
        return {"fit": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _known_zone(self) -> CastSpec:
        if self.zone is not None and not is_zone(self.zone):
            raise ValueError(f"there is no time zone `{self.zone}`: write it as `Europe/Berlin`")
        return self


DriftAction = Literal["evolve", "freeze", "discard_row", "discard_value"]
_BY_EVOLUTION: dict[str, DriftAction] = {"strict": "freeze", "allow_new": "evolve"}


class Load(_Model):
    """How a table is filled. Bronze has a `source`; silver and gold have `inputs` and a query, or a `transform`."""

    source: SourceSpec | None = Field(default=None, description="Where the rows of a bronze table come from.")
    watermark: WatermarkSpec | None = Field(
        default=None, description="How far the source was read; files need none, they are known by name."
    )
    inputs: dict[str, InputSpec] = Field(
        default={},
        description="The tables that a silver or gold table is computed from, and how a change of each reaches it.",
        examples=[{"bronze.web_returns": {"on": ["reason"]}}],
        json_schema_extra=_or_alone,
    )
    transform: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="The Python function that computes the table, where SQL would be contorted.",
        examples=["acme.transforms:sessions"],
    )
    write: WriteSpec = Field(description="How rows enter the table.")
    evolution: Literal["strict", "allow_new"] = Field(
        default="allow_new",
        description="A column that the contract does not know is added, or the batch fails.",
        examples=["strict"],
    )
    drift: dict[str, DriftAction] = Field(
        default={},
        description=(
            "The same for single columns or patterns of names: `evolve` adds it, `freeze` fails the batch, "
            "`discard_row` rejects rows with a value in it, `discard_value` leaves it out. The first that fits counts."
        ),
        examples=[{"debug_*": "discard_value"}],
    )
    cast: dict[str, CastSpec] = Field(
        default={},
        description="By column, what a value may lose on its way into it, and whose clock a time means.",
        examples=[{"amount": "round", "seen_at": {"zone": "Europe/Berlin"}}],
    )
    limits: LimitsSpec = Field(default=LimitsSpec(), description="What no batch may do: past a limit, its gate fails.")
    cluster_by: Names = Field(
        default=(),
        description="Columns that queries filter by: rows with near values lie together. At most four.",
        examples=[["order_date"]],
    )
    partition_by: Names = Field(
        default=(), description="Columns of whose values each has a folder of its own.", examples=[["country"]]
    )
    publish: Names = Field(
        default=(), description="The targets that the table is written to.", examples=[["snowflake", "redshift"]]
    )
    tags: Names = Field(
        default=(), description="Words by which tables are selected (`--select tag:orders`).", examples=[["orders"]]
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_inputs(cls, data: Any) -> Any:
        """An input may stand alone (`silver.x:`), which is an input without `on` or `refresh`."""
        if isinstance(data, Mapping) and isinstance(data.get("inputs"), Mapping):
            return {**data, "inputs": {name: spec or {} for name, spec in data["inputs"].items()}}
        return data

    @model_validator(mode="before")
    @classmethod
    def _newest_by_watermark(cls, data: Any) -> Any:
        """Windows overlap in their ends: without `order_by` the cursor says which version of a row is newer."""
        if not isinstance(data, Mapping):
            return data
        write, watermark = data.get("write"), data.get("watermark")
        if not isinstance(write, Mapping) or write.get("mode") != "upsert" or "order_by" in write:
            return data
        columns = _named(watermark)
        return {**data, "write": {**write, "order_by": columns}} if data.get("source") and columns else data

    @model_validator(mode="after")
    def _one_layout(self) -> Load:
        if self.cluster_by and self.partition_by:
            raise ValueError("a table is laid out by `cluster_by` or by `partition_by`, not by both")
        if self.grain is None and any(spec.on for spec in self.inputs.values()):
            raise ValueError("`as_of` needs another input with `on`, whose rows take the latest one")
        if not set(self.write.partition_by) <= set(self.partition_by):
            raise ValueError("`write.partition_by` must be columns of `partition_by`")
        return self

    @property
    def grain(self) -> Names | None:
        """The columns for whole values of which rows are computed: the first input's `on`; None where none has one."""
        return next((spec.on for spec in self.inputs.values() if spec.on and not spec.as_of), None)

    @model_validator(mode="after")
    def _history_has_a_log(self) -> Load:
        if self.source is not None and self.write.mode == "scd2":
            raise ValueError(
                "a history is made of a log: write `mode: append` here and `mode: scd2` in a table that reads it"
            )
        return self

    @property
    def missing(self) -> Literal["soft", "hard"] | None:
        """What becomes of keys that a full extract of the source lacks; None: nothing, they stay as they are."""
        return self.write.deletes.missing if self.source and self.write.deletes else None

    @property
    def taken_at(self) -> str | None:
        """The column that says when the extract of a row was taken, where the file names one."""
        return self.source.taken_at if self.source else None

    @property
    def filled(self) -> frozenset[str]:
        """The columns that the engine fills in what a source gives: when an extract was taken, what is a tombstone."""
        tombstone = self.write.deletes.flag if self.write.deletes and self.missing else None
        return frozenset(name for name in (self.taken_at, tombstone) if name)

    @property
    def logs_snapshots(self) -> bool:
        """Whether every snapshot is logged, as what the source had when it was taken."""
        return self.taken_at is not None and self.write.mode == "append" and self.missing == "soft"

    @property
    def guards(self) -> Limits:
        """The limits that hold for a batch, those too that the file does not set."""
        received, write = self.source is not None, self.write
        is_extract = received and write.mode == "replace" and not write.partition_by
        concludes_absence = self.missing is not None or is_extract
        return Limits.of(self.limits, concludes_absence=concludes_absence, receives=received)

    def on_unknown(self, column: str) -> DriftAction:
        """What becomes of a source column that the contract does not know; the first name in `drift` that fits counts.

        `evolve`: it is added to the table. `freeze`: the batch fails. `discard_row`: rows that have a value in it are
        rejected. `discard_value`: it is left out.
        """
        named = (action for name, action in self.drift.items() if fnmatchcase(column.lower(), name.lower()))
        return next(named, _BY_EVOLUTION[self.evolution])


def _named(watermark: object) -> list[str]:
    """The columns of a watermark as it stands in the file; none where it is not what it should be."""
    if not isinstance(watermark, Mapping):
        return []
    column, then = watermark.get("column"), watermark.get("then") or []
    named = [*(column if isinstance(column, list) else [column]), *(then if isinstance(then, list) else [])]
    return named if all(isinstance(each, str) for each in named) else []


def load_load(path: Path) -> Load:
    """The load file at `path`; raises `ConfigError` with a finding for everything wrong in it."""
    load, _, findings = read_load(path)
    if load is None or findings:
        raise ConfigError(f"{path} is not a valid load file", findings=findings, next_step="tidemark validate")
    return load


def read_load(path: Path) -> tuple[Load | None, Document, list[Finding]]:
    """The load file as far as it can be read, its document for line numbers, and everything wrong in it.

    Raises `ConfigError` only when the file cannot be read at all (not there, not UTF-8, not YAML).
    """
    document = parse(path)
    load, findings = build(document, Load)
    return load, document, findings
