"""An environment as a whole: everything that differs between a laptop and production."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from tidemark.aws.secrets import PROVIDERS, Provider, ordered
from tidemark.aws.settings import AwsSettings, Location, join
from tidemark.config.environment.lines import open_addresses, open_connections
from tidemark.config.environment.monitoring import (
    AnomalySettings,
    BudgetSettings,
    MetricsSettings,
    PriceSettings,
    SlaSettings,
    SmtpSettings,
)
from tidemark.config.environment.settings import (
    ANSI,
    MEANINGS,
    ROOT_NAMES,
    ApprovalSettings,
    ComputeSettings,
    MaintenanceSettings,
    PlanSettings,
    PrefectSettings,
    RetentionSettings,
    Roots,
    Settings,
    SnapshotSettings,
    StateSettings,
    VerifySettings,
)
from tidemark.config.environment.systems import (
    AlertSpec,
    ConnectionSpec,
    GlueSettings,
    MaskingSettings,
    RetrySettings,
    TargetSpec,
)
from tidemark.config.environment.telling import LineageSettings, LogSettings
from tidemark.errors import choose
from tidemark.retry import RetryPolicy

__all__ = ["ANSI", "FOLDER", "MEANINGS", "SPARK", "Environment"]

FOLDER = "env"
SPARK = "spark"

_BLOCK = re.compile(r"[a-z0-9][a-z0-9_-]*")
_UNDER_LAKE = {"errors": "_errors", "staging": "_staging"}


def _in_order(value: Any) -> Any:
    """Where secrets are looked for: one place, or several in the order in which they are asked."""
    return ordered(value) if isinstance(value, str | list | tuple) else value


_PLACE = {"enum": list(PROVIDERS)}
_PLACES = {"anyOf": [_PLACE, {"type": "array", "items": _PLACE, "minItems": 1}]}
SecretPlaces = Annotated[tuple[Provider, ...], BeforeValidator(_in_order), WithJsonSchema(_PLACES)]


def _with_what_lies_under_home(schema: dict[str, Any]) -> None:
    """In a JSON Schema, only what has to stand in the file is required."""
    schema["required"] = [name for name in schema["required"] if name not in ("roots", "state")]


class Environment(Settings):
    """Everything that differs between a laptop and production."""

    model_config = ConfigDict(json_schema_extra=_with_what_lies_under_home)

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$", max_length=50)] = Field(
        description="The environment's name: that of its file.", examples=["prod"]
    )
    home: Location = Field(
        description="Where everything lies that is not said to lie elsewhere: a local path, or a URI.",
        examples=["s3a://acme-tidemark"],
    )
    env_file: str | None = Field(
        default=None,
        description="A file of `KEY=VALUE` lines that fills `${KEY}` in this one, behind the process's environment.",
        examples=[".env"],
    )
    roots: Roots = Field(description="Where files lie.")
    exchange: Location = Field(
        description="Where files for and from warehouses lie for the time of a run: a bucket that both can reach.",
        examples=["s3a://acme-exchange/"],
    )
    aws: AwsSettings | None = Field(default=None, description="How AWS is reached; without it, as the machine does.")
    secrets: SecretPlaces = Field(
        default=("aws",),
        description="Where secrets are looked for, in this order: `aws` (Secrets Manager), `ssm`, `env` (variables).",
        examples=["aws", ["ssm", "env"]],
    )
    prefect: PrefectSettings | None = Field(
        default=None, description="The Prefect server; without it flows start one of their own for as long as they run."
    )
    state: StateSettings = Field(description="The control store; without a word a file under `home`.")
    compute: ComputeSettings = Field(default=ComputeSettings(), description="Spark, and how tables are computed.")
    plans: PlanSettings = Field(default=PlanSettings(), description="Plans that were not applied yet.")
    approvals: ApprovalSettings = Field(default=ApprovalSettings(), description="What two people are wanted for.")
    maintenance: MaintenanceSettings = Field(default=MaintenanceSettings(), description="What `maintain` keeps.")
    retention: RetentionSettings = Field(
        default=RetentionSettings(), description="How long raw data rests beside the tables."
    )
    snapshots: SnapshotSettings = Field(
        default=SnapshotSettings(), description="Snapshots of releases for the day when the lake is gone."
    )
    verify: VerifySettings | None = Field(
        default=None, description="What a daily run computes anew and compares; without it, nothing."
    )
    retry: RetrySettings = Field(default=RetrySettings(), description="How sources are asked again.")
    alerts: tuple[AlertSpec, ...] = Field(
        default=(), description="Whom to tell.", examples=[[{"channel": "log", "on": ["error"]}]]
    )
    smtp: SmtpSettings | None = Field(
        default=None,
        description="The mail server behind alerts by email.",
        examples=[{"host": "smtp.acme.example", "sender": "tidemark@acme.example"}],
    )
    metrics: MetricsSettings = Field(default=MetricsSettings(), description="Where metrics of runs go.")
    prices: PriceSettings | None = Field(
        default=None, description="What an hour costs of what runs use; without it, no cost is estimated."
    )
    budgets: BudgetSettings = Field(
        default=BudgetSettings(), description="What may be spent before somebody has to answer for it; needs `prices`."
    )
    sla: SlaSettings = Field(default=SlaSettings(), description="What is promised of jobs and tables.")
    anomalies: AnomalySettings = Field(
        default=AnomalySettings(), description="What is told of a run that is not like those before."
    )
    logs: LogSettings = Field(default=LogSettings(), description="How runs log.")
    lineage: LineageSettings = Field(default=LineageSettings(), description="Where OpenLineage events go.")
    connections: dict[str, ConnectionSpec] = Field(
        default={},
        description="The systems there are, by the names that load files call them.",
        examples=[{"landing": {"kind": "s3", "settings": {"uri": "s3a://acme-landing/"}}}],
    )
    targets: dict[str, TargetSpec] = Field(
        default={},
        description="The warehouses that gold is published to, by the names in `publish`.",
        examples=[{"snowflake": {"connection": "snowflake", "schema": "GOLD"}}],
    )
    glue: GlueSettings | None = Field(
        default=None,
        description="AWS Glue, where released tables are registered; without it, they are not.",
        examples=[{"databases": {"gold": "tidemark_prod_gold"}}],
    )
    masking: MaskingSettings | None = Field(
        default=None, description="The keys that masks are made with; needed by the masks `hmac` and `sha256`."
    )
    transforms: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")], ...] = Field(
        default=(), description="The packages that `transform` of load files may name.", examples=[["acme.transforms"]]
    )

    def patience(self, connection: str) -> RetryPolicy:
        """How a source behind this connection is asked again."""
        spec = self.connections.get(connection)
        return (spec.retry if spec and spec.retry else self.retry).policy

    @property
    def aws_of_snapshots(self) -> AwsSettings | None:
        """How the bucket of the snapshots is reached, which may lie in another region."""
        region = self.snapshots.region
        if region is None:
            return self.aws
        return self.aws.model_copy(update={"region": region}) if self.aws else AwsSettings(region=region)

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
    def _lines_are_closed(self) -> Environment:
        """Credentials and rows leave this machine by TLS alone."""
        addresses = open_addresses(self.aws, self.lineage, self.prefect, self.alerts)
        told = (*open_connections(self.connections), *addresses)
        if told:
            raise ValueError(f"{'; '.join(told)}: off this machine everything goes by TLS (https)")
        return self

    @model_validator(mode="after")
    def _limits_have_connections(self) -> Environment:
        for name in self.prefect.limits if self.prefect else ():
            if name != SPARK and name not in self.connections:
                hint = choose(name, [SPARK, *self.connections])
                raise ValueError(f"prefect.limits names `{name}`, which is neither {SPARK} nor a connection: {hint}")
        return self

    @model_validator(mode="after")
    def _budgets_have_prices(self) -> Environment:
        if self.prices is None and self.budgets.backfill_usd is not None:
            raise ValueError("budgets: {backfill_usd: …} needs prices: without them nobody knows what a run costs")
        return self

    @model_validator(mode="after")
    def _mails_have_a_server(self) -> Environment:
        if self.smtp is None and any(alert.channel == "email" for alert in self.alerts):
            raise ValueError("alerts go by email, and no mail server is named: add smtp: {host: …, sender: …}")
        return self

    @model_validator(mode="after")
    def _connections_can_be_blocks(self) -> Environment:
        """Prefect calls a connection's block after it, in letters, digits and dashes."""
        taken: dict[str, str] = {}
        for name in (name for name, spec in self.connections.items() if spec.block is None):
            if not _BLOCK.fullmatch(name):
                raise ValueError(
                    f"connection `{name}` needs a name of small letters, digits, `_` and `-`, or a `block:` of its own"
                )
            before = taken.setdefault(name.replace("_", "-"), name)
            if before != name:
                raise ValueError(
                    f"connections `{before}` and `{name}` would be one block in Prefect: rename one of them"
                )
        return self

    @model_validator(mode="after")
    def _targets_have_connections(self) -> Environment:
        for name, target in self.targets.items():
            if target.connection not in self.connections:
                hint = choose(target.connection, self.connections)
                raise ValueError(f"target {name} uses connection `{target.connection}`, which is not there: {hint}")
        return self
