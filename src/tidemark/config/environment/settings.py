"""What an environment's file says of files, state, compute and its Prefect server, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from tidemark.aws.settings import Location, settled
from tidemark.config.files.modelfile import SPAN_SCHEMA, Span, parse_span

ANSI = "spark.sql.ansi.enabled"
MEANINGS: Mapping[str, str] = {
    "spark.sql.variable.substitute": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parser.quotedRegexColumnNames": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.setopsPrecedence.enabled": "false",
    "spark.sql.legacy.ctePrecedencePolicy": "CORRECTED",
    "spark.sql.groupByOrdinal": "true",
    "spark.sql.groupByAliases": "true",
    "spark.sql.orderByOrdinal": "true",
    "spark.sql.lateralColumnAlias.enableImplicitResolution": "true",
}
"""Settings of Spark by which the text of a query means what `validate` takes it to mean."""
ROOT_NAMES = ("lake", "errors", "staging", "dq_results", "runs", "logs", "snapshots", "lineage")


def _as_text(value: object) -> object:
    """A Spark setting as Spark writes it: `true`, not `True`."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


SparkSetting = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "boolean", "number"]})]


class Settings(BaseModel):
    """A section of an environment's file."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Roots(Settings):
    """Where files lie: local paths or URIs. Those that are not named lie under `home`, or under the lake."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))

    lake: Location = Field(description="The tables; without a word `home` and `lake`.", examples=["s3a://acme/lake"])
    errors: Location = Field(
        description="Rejected rows; without a word `_errors` in the lake. On S3 a bucket that readers of the lake do "
        "not reach.",
        examples=["s3a://acme-errors"],
    )
    staging: Location = Field(
        description="Batches that are prepared; without a word `_staging` in the lake. The lake's storage, always.",
        examples=["s3a://acme/lake/_staging"],
    )
    dq_results: Location = Field(
        description="Results of gates; without a word under `home`.", examples=["s3a://acme-runs/dq_results"]
    )
    runs: Location = Field(
        description="Reports of runs, and plans; without a word under `home`.", examples=["s3a://acme-runs/runs"]
    )
    logs: Location = Field(description="Logs; without a word under `home`.", examples=["s3a://acme-runs/logs"])
    snapshots: Location = Field(
        description="Snapshots of the lake; without a word under `home`.", examples=["s3a://acme-snapshots"]
    )
    lineage: Location = Field(
        description="Lineage events; without a word under `home`.", examples=["s3a://acme-runs/lineage"]
    )


class WorkPoolSettings(Settings):
    """Where deployments run."""

    name: str = Field(default="tidemark", description="The work pool's name.", examples=["tidemark-ecs"])
    type: Literal["process", "ecs", "emr-serverless"] = Field(
        default="process", description="What starts flow runs: a process, a container, an EMR job.", examples=["ecs"]
    )
    image: str | None = Field(
        default=None,
        description="The image of its containers, without a tag; none: no image.",
        examples=["111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark"],
    )
    directory: str | None = Field(
        default=None,
        description=(
            "The folder in which a flow run finds `config/`: without a word, on a laptop where it is set up, in an "
            "image where its project is."
        ),
        examples=["/opt/tidemark/project"],
    )
    variables: dict[str, Any] = Field(
        default={},
        description=(
            "Defaults of what jobs want of a place (cluster, subnets, roles, application), in the words of the pool's "
            "type; none of them is a secret."
        ),
        examples=[{"cluster": "data", "task_role_arn": "arn:aws:iam::111122223333:role/tidemark"}],
    )


class PrefectSettings(Settings):
    """The Prefect server that flows report to, and what deployments there need."""

    api_url: str = Field(description="The server's address.", examples=["https://prefect.acme.example/api"])
    work_pool: WorkPoolSettings = Field(default=WorkPoolSettings(), description="Where deployments run.")
    light_pool: WorkPoolSettings | None = Field(
        default=None,
        description="Where deployments run that need no Spark (alerts, promises); without it, where all others do.",
        examples=[{"name": "tidemark-light", "type": "ecs"}],
    )
    scheduled: bool = Field(default=False, description="Whether the schedules are active.", examples=[True])
    timezone: str = Field(default="UTC", description="The time zone of the schedules.", examples=["Europe/Berlin"])
    limits: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={},
        description="How many tasks may use Spark (`spark`) or a connection at the same time, over all runs.",
        examples=[{"spark": 8, "snowflake": 4}],
    )
    notify: Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")] | None = Field(
        default=None,
        description=(
            "A notification block that the team keeps in Prefect, by type and name, which the server itself tells of "
            "trouble, even when no worker lives."
        ),
        examples=["slack-webhook/on-call"],
    )

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            raise ValueError(f"there is no time zone {timezone!r}; write it as Europe/Berlin")
        return timezone

    @property
    def pools(self) -> tuple[WorkPoolSettings, ...]:
        """The work pools that deployments run in."""
        return (self.work_pool,) if self.light_pool is None else (self.work_pool, self.light_pool)


class StateSettings(Settings):
    """The control store: watermarks, leases, runs and releases."""

    kind: Literal["sqlite", "dynamodb"] = Field(
        description="A file on this machine, or a DynamoDB table.", examples=["dynamodb"]
    )
    location: str = Field(description="The file, or the table's name.", examples=["tidemark-prod-state"])
    lease: Span = Field(
        default=timedelta(seconds=90),
        description="How long a table stays locked after its run was last heard of.",
        examples=["2m"],
    )
    lease_wait: Span = Field(
        default=timedelta(minutes=10),
        description="How long a run waits for another one that lives, before it refuses.",
        examples=["30m"],
    )

    @model_validator(mode="before")
    @classmethod
    def _settle_file(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("kind") == "sqlite" and isinstance(data.get("location"), str):
            return {**data, "location": settled(data["location"])}
        return data


class SizeSpec(Settings):
    """A size of container. What is not said is as the machine is."""

    cores: Literal[1, 2, 4, 8, 16] | None = Field(default=None, description="Processors.", examples=[4])
    memory_gb: int | None = Field(default=None, ge=2, le=120, description="Memory in gigabytes.", examples=[16])
    disk_gb: int | None = Field(default=None, ge=21, le=200, description="Disk in gigabytes.", examples=[100])
    executors: int | None = Field(
        default=None, ge=1, description="At most so many executors beside a driver.", examples=[16]
    )


class ComputeSettings(Settings):
    """Spark, and how tables are computed."""

    master: str | None = Field(
        default="local[*]", description="The Spark master; null: spark-submit says.", examples=["local[*]"]
    )
    concurrency: int = Field(default=2, ge=1, description="How many tables go side by side.", examples=[4])
    codegen_from_mb: float | None = Field(
        default=None,
        ge=0,
        description=(
            "Loads that read as many megabytes of files or more run generated code, smaller ones interpreted plans, "
            "whatever `conf` says; null leaves it to `conf`."
        ),
        examples=[1],
    )
    incremental_from_mb: float = Field(
        default=32,
        ge=0,
        description=(
            "A table that has, with its inputs, as many megabytes or more is computed by what changed; finding that in "
            "smaller ones costs more than computing all of it."
        ),
        examples=[0],
    )
    broadcast_mb: float = Field(
        default=10,
        ge=0,
        description="A side of a join up to this size is sent to every executor, and the other is not shuffled.",
        examples=[50],
    )
    file_mb: int = Field(
        default=256,
        ge=128,
        le=512,
        description="How large files of tables get, where there are rows enough.",
        examples=[128],
    )
    step_limit: Span = Field(
        default=timedelta(hours=4), description="A step of a table that takes longer is stopped.", examples=["1h"]
    )
    conf: dict[str, SparkSetting] = Field(
        default={}, description="Further settings of Spark.", examples=[{"spark.driver.memory": "10g"}]
    )
    sizes: dict[str, SizeSpec] = Field(
        default={"small": SizeSpec(), "large": SizeSpec()},
        description="Of the containers that deployments run in, by the names that `prefect.yaml` calls them.",
        examples=[{"small": {"cores": 2, "memory_gb": 8}, "large": {"cores": 8, "memory_gb": 32}}],
    )

    @field_validator("conf")
    @classmethod
    def _values_stay_what_they_are(cls, conf: dict[str, str]) -> dict[str, str]:
        if conf.get(ANSI, "true").strip().lower() != "true":
            raise ValueError(f"{ANSI} stays true: without it sums wrap around and bad casts are silent nulls")
        for key, value in MEANINGS.items():
            if conf.get(key, value).strip().lower() != value.lower():
                raise ValueError(f"{key} stays {value}: with another value a query says something else than is checked")
        return conf


class PlanSettings(Settings):
    """Plans that were not applied yet."""

    keep: Span = Field(
        default=timedelta(hours=24),
        description="How long a plan can be applied; then it is refused, and what it has staged is removed.",
        examples=["8h"],
    )


class ApprovalSettings(Settings):
    """What two people are wanted for: one asks, another approves."""

    restore: bool = Field(
        default=False, description="Going back to an earlier release, and taking back half a commit.", examples=[True]
    )
    erase: bool = Field(default=False, description="Erasing a person.", examples=[True])
    apply: bool = Field(default=False, description="Applying a plan.", examples=[True])
    bypass: bool = Field(
        default=False,
        description="Letting a check fail for a while, or a limit pass in a run (`--allow`).",
        examples=[True],
    )
    backfill_days: int | None = Field(
        default=None,
        ge=0,
        description=(
            "Backfills of more days than these, and runs that read more again (`--since`, `--full-refresh`); without a "
            "word none."
        ),
        examples=[7],
    )
    secret: str | None = Field(
        default=None,
        description=(
            'The secret with a key for each person who may ask or approve (`{"ann": "…"}`, 32 characters or more), by '
            "which they sign; without it the second person is asked on the page of the flow run."
        ),
        examples=["tidemark/prod/approvals"],
    )

    @model_validator(mode="after")
    def _bypasses_have_no_page(self) -> ApprovalSettings:
        if self.bypass and self.secret is None:
            raise ValueError(
                "`bypass` wants a `secret`: a bypass is no flow run, on whose page somebody could approve it"
            )
        return self


class MaintenanceSettings(Settings):
    """What `maintain` keeps."""

    keep: Span = Field(
        default=timedelta(days=7), description="How far back every release can be read and restored.", examples=["30d"]
    )


class RetentionSettings(Settings):
    """How long raw data rests beside the tables; `maintain` removes what is older."""

    exchange: Span = Field(
        default=timedelta(days=1), description="Batches on their way to and from warehouses.", examples=["12h"]
    )
    staging: Span = Field(default=timedelta(days=3), description="What runs that failed have staged.", examples=["7d"])
    errors: Span | None = Field(
        default=None,
        description="Rejected rows, open ones too. Without a word they stay.",
        examples=["90d"],
    )
    logs: Span | None = Field(default=None, description="Logs of runs. Without a word they stay.", examples=["365d"])
    dq_results: Span | None = Field(
        default=None, description="Results of checks. Without a word they stay.", examples=["365d"]
    )
    lineage: Span | None = Field(
        default=None, description="Lineage events in files. Without a word they stay.", examples=["365d"]
    )


def _number_or_span(value: object) -> object:
    """How many, or for how long: `7` or `30d`."""
    return value if isinstance(value, int) else parse_span(value)


class SnapshotSettings(Settings):
    """Snapshots of releases in another place: `roots: {snapshots: …}` says where."""

    region: str | None = Field(
        default=None, description="The region of their bucket; without a word that of `aws`.", examples=["eu-west-1"]
    )
    keep: Annotated[
        Annotated[int, Field(ge=1)] | timedelta,
        BeforeValidator(_number_or_span),
        WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, SPAN_SCHEMA]}),
    ] = Field(
        default=7,
        description="How many snapshots are kept, or for how long; the newest one always is.",
        examples=[14, "30d"],
    )


class VerifySettings(Settings):
    """What a daily run computes anew and compares, table by table in turn."""

    sample: str = Field(
        pattern=r"^([1-9]\d*|\d+(\.\d+)?%)$", description="How many rows of a table, or which part.", examples=["1%"]
    )
    tables: int = Field(default=1, ge=1, description="Of how many tables a run.", examples=[3])
    up_to_mb: float = Field(
        default=1000,
        ge=0,
        description=(
            "Tables that have, with their inputs, more megabytes are left to `tidemark verify`: to find the keys of a "
            "sample all keys are read."
        ),
        examples=[5000],
    )
