"""How a table is filled: `<layer>/<table>.load.yaml` as a frozen model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tidemark.config.csvformat import CsvFormat
from tidemark.config.limits import Limits, LimitsSpec
from tidemark.config.modelfile import build, parse_span
from tidemark.config.writing import Names, WriteSpec
from tidemark.config.yamltext import Document, parse
from tidemark.errors import ConfigError, Finding
from tidemark.sql.types import is_zone

SUFFIX = ".load.yaml"

INCREMENTAL_MODES = ("upsert", "scd2")
"""Write modes of tables that are computed for the keys that changed; the others are always computed as a whole."""

SnapshotWord = Literal["file", "folder", "day"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSpec(_Model):
    """Where rows come from: `object` of a connection. `fields` maps a column to the source's name for it; `system` is
    what `_source_system` says, if not the connection's name.

    `taken_at` names a column of the contract that the engine fills: when the extract that a row came with was taken.
    `snapshot` says which files are one snapshot, where a snapshot replaces the table or what it lacks is deleted.
    """

    connection: str
    object: str
    system: str | None = Field(default=None, min_length=1)
    format: Literal["json", "csv", "parquet"] | None = None
    options: dict[str, Any] = {}
    fields: dict[str, str] = {}
    mode: Literal["incremental", "full"] = "incremental"
    snapshot: SnapshotWord | None = None
    taken_at: str | None = None

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
        return self


def _lookback(value: object) -> object:
    """A span of time, or for columns of numbers a number."""
    if not isinstance(value, int) or isinstance(value, bool):
        return parse_span(value)
    if value < 0:
        raise ValueError("a window looks back, not ahead: write a number from 0 on")
    return value


class WatermarkSpec(_Model):
    """The column that says how far a source was read, and how far back each window looks for late rows.

    It holds change times, or whole numbers that only grow. `then`: further columns, compared one after another where
    those before are equal; `column: [a, b]` is short for `column: a` and `then: [b]`.
    """

    column: str
    then: Names = ()
    lookback: Annotated[timedelta | int, BeforeValidator(_lookback)] = timedelta(0)

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
    """How a change of an input reaches this table: through the values of `on`, by a full refresh, or not at all.

    `as_of` (the input's column: this table's): the input's latest row at or before it counts.
    """

    on: Names | None = Field(default=None, min_length=1)
    as_of: dict[str, str] = Field(default={}, max_length=1)
    refresh: Literal["full", "none"] | None = None

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


class CastSpec(_Model):
    """What may be lost where a source's values come into a column of another type, and whose clock they mean.

    `fit`: digits that the column has no place for are rounded half up, or cut (as is the time of a day). `zone`: times
    without an offset or zone are those of this one. `fold`: of a time that its clocks show twice in autumn, take the
    earlier or the later one.
    """

    fit: Literal["round", "truncate"] | None = None
    zone: str | None = None
    fold: Literal["refuse", "earlier", "later"] = "refuse"

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
    """A load file. Bronze has a `source`; silver and gold have `inputs` and a query beside the file, or a `transform`.

    `partition_by` and `cluster_by` lay the table out on disk; `write.partition_by` says what a replace replaces.
    `evolution` and, for single columns or patterns of names, `drift` say what becomes of unknown source columns;
    `cast`, by column, what a value may lose on its way into the table. `limits` say what no
    batch may do: see `guards`.
    """

    source: SourceSpec | None = None
    watermark: WatermarkSpec | None = None
    inputs: dict[str, InputSpec] = {}
    transform: str | None = Field(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    write: WriteSpec
    evolution: Literal["strict", "allow_new"] = "allow_new"
    drift: dict[str, DriftAction] = {}
    cast: dict[str, CastSpec] = {}
    limits: LimitsSpec = LimitsSpec()
    cluster_by: Names = ()
    partition_by: Names = ()
    publish: Names = ()
    tags: Names = ()

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
    def logs_snapshots(self) -> bool:
        """Whether every snapshot is logged, as what the source had when it was taken."""
        dated = self.source is not None and self.source.taken_at is not None
        return dated and self.write.mode == "append" and self.missing == "soft"

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
