"""Jobs by name: `jobs.yaml` of a configuration folder says of each which flow it is, and what it works on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tidemark.config.files.modelfile import build
from tidemark.config.files.writing import Names
from tidemark.config.files.yamltext import Document, parse
from tidemark.errors import ConfigError, Finding, choose

FILE = "jobs.yaml"
FlowName = Literal[
    "daily", "ingest", "build_layer", "quality_gate", "publish", "verify", "reconcile", "maintain", "snapshot"
]
TAKES: Mapping[FlowName, tuple[str, ...]] = {
    "daily": ("select",),
    "ingest": ("connection", "select"),
    "build_layer": ("layer", "select"),
    "quality_gate": ("select",),
    "publish": ("target", "select"),
    "verify": ("select", "sample"),
    "reconcile": ("connection", "target", "select"),
    "maintain": ("select",),
    "snapshot": ("release",),
}
"""What a job of each flow may say of itself."""
_TAKES: Mapping[Any, tuple[str, ...]] = TAKES


class JobSpec(BaseModel):
    """A part of the pipeline under a name of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: FlowName = Field(
        description=(
            "`daily`: from the sources to the warehouses; `ingest`: sources to bronze; `build_layer`: silver, gold or "
            "both; `quality_gate`: the checks alone; `publish`: the newest release to the warehouses; `verify`: "
            "compute anew and compare; `reconcile`: sources and warehouses beside the lake; `maintain`: small files "
            "together; `snapshot`: a release to another place."
        ),
        examples=["ingest"],
    )
    about: str = Field(default="", description="What it is for, in words.", examples=["the CRM's objects to bronze"])
    select: Names = Field(
        default=(),
        description="The tables: names, patterns, tags, with `+` for up- and downstream; without a word all.",
        examples=[["silver.orders+"]],
    )
    connection: str | None = Field(
        default=None, description="Of `ingest` and `reconcile`: only what this connection has.", examples=["crm"]
    )
    layer: Literal["silver", "gold", "both"] | None = Field(
        default=None, description="Of `build_layer`: which layer; without a word both.", examples=["silver"]
    )
    target: str | None = Field(
        default=None,
        description="Of `publish` and `reconcile`: only this target; without a word all.",
        examples=["redshift"],
    )
    release: str | None = Field(
        default=None,
        pattern=r"^r[0-9]+$",
        description="Of `snapshot`: this release; without a word the newest.",
        examples=["r31"],
    )
    sample: str | None = Field(
        default=None,
        pattern=r"^([1-9]\d*|\d+(\.\d+)?%)$",
        description="Of `verify`: how many rows of a table, or which part; without a word all.",
        examples=["1%"],
    )

    @model_validator(mode="before")
    @classmethod
    def _said_of_the_flow(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or data.get("flow") not in _TAKES:
            return data
        takes = _TAKES[data["flow"]]
        for name in data:
            if name in cls.model_fields and name not in ("flow", "about", *takes):
                raise ValueError(f"`{name}` means nothing to the flow {data['flow']}, which takes {', '.join(takes)}")
        return data

    @property
    def parameters(self) -> dict[str, Any]:
        """What the flow is given: only what the job says."""
        given = {name: getattr(self, name) for name in TAKES[self.flow]}
        return {name: list(each) if isinstance(each, tuple) else each for name, each in given.items() if each}


class Jobs(BaseModel):
    """The jobs of a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: dict[str, JobSpec] = Field(
        description="Each job by its name.", examples=[{"crm_to_bronze": {"flow": "ingest", "connection": "crm"}}]
    )


STANDARD = Jobs(jobs={"daily": JobSpec(flow="daily", about="everything: sources to gold, and the warehouses")})
"""The jobs of a project that names none."""


def read_jobs(config_dir: Path) -> tuple[Jobs, Document | None, list[Finding]]:
    """The jobs of a folder as far as they can be read, their document for line numbers, and what is wrong in it."""
    path = config_dir / FILE
    if not path.is_file():
        return STANDARD, None, []
    document = parse(path)
    jobs, findings = build(document, Jobs)
    return jobs or Jobs(jobs={}), document, findings


def load_jobs(config_dir: Path) -> Mapping[str, JobSpec]:
    """The jobs of a folder by name; raises `ConfigError` with everything wrong in their file."""
    jobs, _, findings = read_jobs(config_dir)
    if findings:
        raise ConfigError(f"{config_dir / FILE} is not valid", findings=findings, next_step="tidemark validate")
    return jobs.jobs


def job_named(jobs: Mapping[str, JobSpec], name: str) -> JobSpec:
    """The job of this name; raises `ConfigError` with a close match when there is none."""
    if name not in jobs:
        raise ConfigError(f"there is no job `{name}`", next_step=f"{choose(name, jobs)} ({FILE} names them)")
    return jobs[name]
