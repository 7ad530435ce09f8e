"""Prefect block of an alert channel: where it leads, or what the secret is called that says where."""

from __future__ import annotations

from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, field_validator

from tidemark.aws.settings import is_uri
from tidemark.config.environment import AlertSpec


class AlertChannel(Block):
    """A channel for alerts. What a Prefect automation notices is told there, as a run tells of its own failures."""

    _block_type_name = "Tidemark Alert Channel"
    _block_type_slug = "tidemark-alert-channel"

    environment: str = Field(description="Environment whose file says the rest: only its runs use the block.")
    channel: Literal["sns", "slack", "email", "log"] = Field(description="Kind of channel.")
    target: str | None = Field(
        default=None,
        description="SNS: the topic's ARN. Slack: the name of the secret that holds the webhook's url. "
        "E-mail: addresses, with commas between.",
    )
    on: tuple[Literal["warning", "error"], ...] = Field(
        default=("warning", "error"), description="Severities that are told here."
    )

    @field_validator("target")
    @classmethod
    def _is_no_address(cls, target: str | None) -> str | None:
        if target is not None and is_uri(target):
            raise ValueError("who knows the webhook's address can post there: name a secret that holds it")
        return target

    @classmethod
    def from_spec(cls, spec: AlertSpec, environment: str) -> AlertChannel:
        """The block for a channel of an environment's file."""
        return cls(environment=environment, **spec.model_dump())

    def spec(self) -> AlertSpec:
        """The channel as the engine knows it."""
        return AlertSpec(channel=self.channel, target=self.target, on=self.on)
