"""The systems of an environment: connections to sources, warehouses to publish to, alerts, the masking key."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tidemark.config.environment.settings import Settings
from tidemark.config.files.modelfile import Span
from tidemark.retry import RetryPolicy


class RetrySettings(Settings):
    """How a source that cannot be reached, is too busy or gives half an answer is asked again.

    At least four times in any case. What will never heal (credentials, a table that is not there) is told at once.
    """

    lasting: Span = Field(
        default=timedelta(minutes=5), alias="for", description="For how long it is asked again.", examples=["15m"]
    )
    longest_wait: Span = Field(
        default=timedelta(seconds=30), description="The longest wait between two attempts.", examples=["1m"]
    )

    @property
    def policy(self) -> RetryPolicy:
        """As the clients of sources follow it."""
        return RetryPolicy(
            attempts=4,
            first_wait=0.5,
            longest_wait=self.longest_wait.total_seconds(),
            lasting=self.lasting.total_seconds(),
        )


class AlertSpec(Settings):
    """A channel, where it leads and for which events."""

    channel: Literal["sns", "slack", "email", "log"] = Field(description="How people are told.", examples=["sns"])
    target: str | None = Field(
        default=None,
        description="Where to: a topic's ARN, the name of the secret `{url: …}` that a Slack webhook is in, or mail "
        "addresses with commas between.",
        examples=["arn:aws:sns:eu-central-1:111122223333:tidemark-alerts"],
    )
    on: tuple[Literal["warning", "error"], ...] = Field(
        default=("warning", "error"), description="What people are told of.", examples=[["error"]]
    )

    @model_validator(mode="after")
    def _leads_somewhere(self) -> AlertSpec:
        if self.channel != "log" and not (self.target or "").strip(" ,"):
            raise ValueError(f"an alert channel of the kind {self.channel} needs a target")
        return self


class ConnectionSpec(Settings):
    """A source or target system. It names its secret, and never holds it."""

    kind: Literal["snowflake", "redshift", "rest", "s3", "files", "kafka"] = Field(
        description="What kind of system it is.", examples=["snowflake"]
    )
    block: str | None = Field(
        default=None,
        description="The Prefect block of its credentials, where the team keeps one of its own.",
        examples=["tidemark-snowflake"],
    )
    secret: str | None = Field(
        default=None,
        description="The name of its secret, where `secrets` of the environment looks for it.",
        examples=["tidemark/prod/snowflake"],
    )
    settings: dict[str, Any] = Field(
        default={},
        description="How it is reached; which settings there are depends on the kind, see below.",
        examples=[{"account": "acme-eu", "database": "SHOP", "warehouse": "LOAD_WH", "role": "TIDEMARK"}],
    )
    retry: RetrySettings | None = Field(
        default=None,
        description="How patient its source is, where that differs from the environment's.",
        examples=[{"for": "30m"}],
    )


class TargetSpec(Settings):
    """A warehouse that gold is published to."""

    connection: str = Field(description="The connection of the warehouse.", examples=["snowflake"])
    schema_name: str = Field(alias="schema", description="The schema that tables are written to.", examples=["GOLD"])


class MaskingSettings(Settings):
    """The keys that the masks `hmac` and `sha256` are made with."""

    secret: str = Field(
        description="The name of the secret that holds the keys, a field each, by id.", examples=["tidemark/masking"]
    )
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")] = Field(
        description="The id of the key that masks are made with now.", examples=["k1"]
    )


class GlueTags(Settings):
    """The tags of Lake Formation by which readers are granted columns, as Terraform has made them."""

    classification: str = Field(
        min_length=1,
        description="Tag of how sensitive a column is: `public`, `internal`, `confidential`, `personal`.",
        examples=["tidemark-prod-classification"],
    )


class GlueSettings(Settings):
    """Where released tables are registered, for Athena and whoever else asks Glue."""

    databases: dict[Literal["bronze", "silver", "gold"], str] = Field(
        min_length=1, description="Glue's database of a layer.", examples=[{"gold": "tidemark_prod_gold"}]
    )
    tags: GlueTags | None = Field(
        default=None,
        description="Tags that columns get, where Lake Formation decides who reads; without it, none.",
        examples=[{"classification": "tidemark-prod-classification"}],
    )
