"""Where a run happens: `env/<name>.yaml` with roots, connections, compute, state; the same tables fit every one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tidemark.aws.secrets import Provider, ordered
from tidemark.aws.settings import AwsSettings, Location, join, settled
from tidemark.config.modelfile import Span, build
from tidemark.config.yamltext import expand, parse, read_text
from tidemark.errors import ConfigError, Finding, choose
from tidemark.retry import RetryPolicy

FOLDER = "env"
SPARK = "spark"
ANSI = "spark.sql.ansi.enabled"
MEANINGS: Mapping[str, str] = {
    "spark.sql.variable.substitute": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parser.quotedRegexColumnNames": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.setopsPrecedence.enabled": "false",
}
"""Settings of Spark by which the text of a query means what `validate` takes it to mean."""
ROOT_NAMES = ("lake", "errors", "staging", "dq_results", "runs", "logs", "snapshots", "lineage")

_UNDER_LAKE = {"errors": "_errors", "staging": "_staging"}


def _as_text(value: object) -> object:
    """A Spark setting as Spark writes it: `true`, not `True`."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _in_order(value: Any) -> Any:
    """Where secrets are looked for: one place, or several in the order in which they are asked."""
    return ordered(value) if isinstance(value, str | list | tuple) else value


SecretPlaces = Annotated[tuple[Provider, ...], BeforeValidator(_in_order)]
SparkSetting = Annotated[str, BeforeValidator(_as_text)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Roots(_Model):
    """Where files lie: absolute local paths or URIs, without a slash at the end."""

    lake: Location
    errors: Location
    staging: Location
    dq_results: Location
    runs: Location
    logs: Location
    snapshots: Location
    lineage: Location


class WorkPoolSettings(_Model):
    """Where deployments run: the work pool, its type, and the image of its containers without a tag (none: no image).

    `directory` is where a flow run finds `config/`: the checkout on a laptop (None: where it is set up), or a folder
    of the image (None: where its project is). `variables` are defaults of what jobs want of a place (cluster, subnets,
    roles, application), in the words of the pool's type; none of them is a secret.
    """

    name: str = "tidemark"
    type: Literal["process", "ecs", "emr-serverless"] = "process"
    image: str | None = None
    directory: str | None = None
    variables: dict[str, Any] = {}


class PrefectSettings(_Model):
    """The Prefect server that flows report to, and what deployments there need.

    `scheduled`: whether the schedules are active, in the zone `timezone`. `limits`: how many tasks may use Spark
    (`spark`) or a connection at the same time, over all runs. `notify`: a notification block that the team keeps in
    Prefect (`slack-webhook/on-call`), which the server itself tells of trouble, even when no worker lives.
    """

    api_url: str
    work_pool: WorkPoolSettings = WorkPoolSettings()
    scheduled: bool = False
    timezone: str = "UTC"
    limits: dict[str, Annotated[int, Field(ge=1)]] = {}
    notify: Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")] | None = None

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            raise ValueError(f"there is no time zone {timezone!r}; write it as Europe/Berlin")
        return timezone


class StateSettings(_Model):
    """The control store: an SQLite file, or a DynamoDB table by its name.

    `lease`: how long a table stays locked after its run was last heard of; `lease_wait`: how long a run waits for
    another one that lives, before it refuses.
    """

    kind: Literal["sqlite", "dynamodb"]
    location: str
    lease: Span = timedelta(seconds=90)
    lease_wait: Span = timedelta(minutes=10)

    @model_validator(mode="before")
    @classmethod
    def _settle_file(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("kind") == "sqlite" and isinstance(data.get("location"), str):
            return {**data, "location": settled(data["location"])}
        return data


class SizeSpec(_Model):
    """A size of container; `executors`: at most so many beside a driver. None: the machine is what it is."""

    cores: Literal[1, 2, 4, 8, 16] | None = None
    memory_gb: int | None = Field(default=None, ge=2, le=120)
    disk_gb: int | None = Field(default=None, ge=21, le=200)
    executors: int | None = Field(default=None, ge=1)


class ComputeSettings(_Model):
    """The Spark master (None: spark-submit says), how many tables go side by side, further Spark settings.

    `codegen_from_mb`: loads that read as much or more (megabytes of files) run generated code, smaller ones interpreted
    plans, whatever `conf` says. None leaves it to `conf`. `incremental_from_mb`: a table that has, with its inputs, as
    much or more is computed by what changed; finding that in smaller ones costs more than computing all of it.
    `broadcast_mb`: a side of a join up to this size is sent to every executor, and the other is not shuffled.
    `file_mb`: how large files of tables get where there are rows enough. `step_limit`: a step of a table that takes
    longer is stopped. `sizes`: of the containers that deployments run in, by the names that `prefect.yaml` calls them.
    """

    master: str | None = "local[*]"
    concurrency: int = Field(default=2, ge=1)
    codegen_from_mb: float | None = Field(default=None, ge=0)
    incremental_from_mb: float = Field(default=32, ge=0)
    broadcast_mb: float = Field(default=10, ge=0)
    file_mb: int = Field(default=256, ge=128, le=512)
    step_limit: Span = timedelta(hours=4)
    conf: dict[str, SparkSetting] = {}
    sizes: dict[str, SizeSpec] = {"small": SizeSpec(), "large": SizeSpec()}

    @field_validator("conf")
    @classmethod
    def _values_stay_what_they_are(cls, conf: dict[str, str]) -> dict[str, str]:
        if conf.get(ANSI, "true").strip().lower() != "true":
            raise ValueError(f"{ANSI} stays true: without it sums wrap around and bad casts are silent nulls")
        for key, value in MEANINGS.items():
            if conf.get(key, value).strip().lower() != value:
                raise ValueError(f"{key} stays {value}: with another value a query says something else than is checked")
        return conf


class PlanSettings(_Model):
    """`keep`: how long a plan can be applied; after that it is refused, and what it has staged is removed."""

    keep: Span = timedelta(hours=24)


class MaintenanceSettings(_Model):
    """`keep`: how far back every release can be read and restored."""

    keep: Span = timedelta(days=7)


class VerifySettings(_Model):
    """What a daily run computes anew and compares: a `sample` (`1000` rows, or `1%`) of so many `tables` in turn.

    To find the keys of a sample all keys are read: tables that are larger than `up_to_mb`, with their inputs, are left
    to `tidemark verify`.
    """

    sample: str = Field(pattern=r"^([1-9]\d*|\d+(\.\d+)?%)$")
    tables: int = Field(default=1, ge=1)
    up_to_mb: float = Field(default=1000, ge=0)


class RetrySettings(_Model):
    """`for`: how long a source that cannot be reached, is too busy or gives half an answer is asked again; at least
    four times in any case. What will never heal (credentials, a table that is not there) is told at once.
    """

    lasting: Span = Field(default=timedelta(minutes=5), alias="for")
    longest_wait: Span = timedelta(seconds=30)

    @property
    def policy(self) -> RetryPolicy:
        """As the clients of sources follow it."""
        return RetryPolicy(
            attempts=4,
            first_wait=0.5,
            longest_wait=self.longest_wait.total_seconds(),
            lasting=self.lasting.total_seconds(),
        )


class AlertSpec(_Model):
    """A channel, where it leads (a topic, a URL) and for which events."""

    channel: Literal["sns", "slack", "log"]
    target: str | None = None
    on: tuple[Literal["warning", "error"], ...] = ("warning", "error")


class ConnectionSpec(_Model):
    """A source or target system: its kind, Prefect block, settings, and the name of its secret (never the value).

    `retry`: how patient its source is, where that differs from the environment's.
    """

    kind: Literal["snowflake", "redshift", "rest", "s3", "files", "kafka"]
    block: str | None = None
    secret: str | None = None
    settings: dict[str, Any] = {}
    retry: RetrySettings | None = None


class TargetSpec(_Model):
    """A warehouse that gold is published to: a connection and a schema there."""

    connection: str
    schema_name: str = Field(alias="schema")


class MaskingSettings(_Model):
    """The secret that holds the masking keys (a field each, by id), and the `key` that masks are made with now."""

    secret: str
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]


class Environment(_Model):
    """Everything that differs between a laptop and production. `transforms`: the packages that tables' Python is in."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$", max_length=50)]
    home: Location
    env_file: str | None = None
    roots: Roots
    exchange: Location
    aws: AwsSettings | None = None
    secrets: SecretPlaces = ("aws",)
    prefect: PrefectSettings | None = None
    state: StateSettings
    compute: ComputeSettings = ComputeSettings()
    plans: PlanSettings = PlanSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    verify: VerifySettings | None = None
    retry: RetrySettings = RetrySettings()
    alerts: tuple[AlertSpec, ...] = ()
    connections: dict[str, ConnectionSpec] = {}
    targets: dict[str, TargetSpec] = {}
    masking: MaskingSettings | None = None
    transforms: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")], ...] = ()

    def patience(self, connection: str) -> RetryPolicy:
        """How a source behind this connection is asked again."""
        spec = self.connections.get(connection)
        return (spec.retry if spec and spec.retry else self.retry).policy

    @model_validator(mode="before")
    @classmethod
    def _everything_under_home(cls, data: Any) -> Any:
        """Roots and state that are not named lie under `home`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("home"), str):
            return data
        home = data["home"]
        roots = data.get("roots") or {}
        state = data.get("state") or {"kind": "sqlite", "location": join(home, "state", "state.db")}
        if isinstance(roots, Mapping):
            lake = roots.get("lake", join(home, "lake"))
            standard = {name: join(home, name) for name in ROOT_NAMES} | {"lake": lake}
            standard |= {name: join(str(lake), folder) for name, folder in _UNDER_LAKE.items()}
            roots = standard | dict(roots)
        return {**data, "roots": roots, "state": state}

    @model_validator(mode="after")
    def _limits_have_connections(self) -> Environment:
        for name in self.prefect.limits if self.prefect else ():
            if name != SPARK and name not in self.connections:
                hint = choose(name, [SPARK, *self.connections])
                raise ValueError(f"prefect.limits names `{name}`, which is neither {SPARK} nor a connection: {hint}")
        return self

    @model_validator(mode="after")
    def _targets_have_connections(self) -> Environment:
        for name, target in self.targets.items():
            if target.connection not in self.connections:
                hint = choose(target.connection, self.connections)
                raise ValueError(f"target {name} uses connection `{target.connection}`, which is not there: {hint}")
        return self


def load_environment(config_dir: Path, name: str) -> Environment:
    """The environment `name` of a configuration folder.

    `${NAME}` and `${NAME:-default}` are filled from the process's environment, then from `env_file`. Raises
    `ConfigError` when there is no such environment, a variable has no value, or the file does not fit.
    """
    path = config_dir / FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise _no_such_environment(config_dir, name)
    document = parse(path, _variables(path))
    environment, findings = build(document, Environment)
    if environment is not None and environment.name != name:
        seen = f"name is `{environment.name}`, the file is that of `{name}`"
        findings.append(document.finding(("name",), seen, f"write `name: {name}`"))
    if environment is None or findings:
        raise ConfigError(f"environment {name} is not valid", findings=findings, next_step=f"correct {path}")
    return environment


def read_env_file(path: Path) -> dict[str, str]:
    """`KEY=VALUE` lines of a file as a mapping; blank lines and `#` lines are skipped, an absent file is empty."""
    if not path.is_file():
        return {}
    values: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        key, equals, value = entry.partition("=")
        if not equals or not key.strip().isidentifier():
            finding = Finding(path, number, "is not KEY=VALUE", "write one KEY=VALUE a line")
            raise ConfigError(f"{path.name} cannot be read", findings=[finding])
        values[key.strip()] = value.strip().strip("\"'")
    return values


def _variables(path: Path) -> dict[str, str]:
    """What fills the `${…}` of an environment file: the process's environment before the file's `env_file`."""
    unfilled = parse(path).data
    named = unfilled.get("env_file") if isinstance(unfilled, dict) else None
    if not isinstance(named, str):
        return dict(os.environ)
    location, _ = expand(named, os.environ)
    return read_env_file(Path(location).expanduser()) | os.environ


def _no_such_environment(config_dir: Path, name: str) -> ConfigError:
    known = [path.stem for path in sorted((config_dir / FOLDER).glob("*.yaml"))]
    if not known:
        return ConfigError(
            f"{config_dir} has no {FOLDER}/*.yaml: it is not a configuration folder",
            next_step="name the folder with --config",
        )
    return ConfigError(f"environment `{name}` does not exist", next_step=f"{choose(name, known)} (--env)")
