"""What an environment's runs tell of themselves, and where: logs, lineage."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from tidemark.config.environment.settings import Settings
from tidemark.config.files.modelfile import Span

TRANSPORTS = ("off", "file", "http")


def _off(value: Any) -> Any:
    """In YAML a bare `off` is false."""
    return "off" if value is False else value


Transport = Annotated[
    Literal["off", "file", "http"], BeforeValidator(_off), WithJsonSchema({"enum": [*TRANSPORTS, False]})
]


class LogSettings(Settings):
    """How runs log on the console. The file of a run's log, under the root `logs`, has JSON lines in any case."""

    format: Literal["auto", "human", "json"] = Field(
        default="auto",
        description="`human`: for people. `json`: an object a line. `auto`: JSON in a container of a cluster. "
        "The variable `TIDEMARK_LOGS` comes first.",
        examples=["json"],
    )
    level: Literal["debug", "info", "warning"] = Field(
        default="info", description="The least that is logged.", examples=["debug"]
    )


class LineageSettings(Settings):
    """Where OpenLineage events go: which job read and wrote which datasets and columns, and how it ended."""

    transport: Transport = Field(
        default="file",
        description="`file`: files under the root `lineage`. `http`: a backend; what it does not take waits under the "
        "root `lineage` until a later run. `off`: nothing is told.",
        examples=["http"],
    )
    url: str | None = Field(
        default=None, description="The backend's address.", examples=["https://lineage.acme.example"]
    )
    endpoint: str = Field(
        default="api/v1/lineage", description="The path that events are sent to.", examples=["api/v1/lineage"]
    )
    secret: str | None = Field(
        default=None,
        description="The name of the secret `{api_key: …}` that the backend lets us in with.",
        examples=["tidemark/prod/lineage"],
    )
    timeout: Span = Field(
        default=timedelta(seconds=5), description="How long the backend has to answer.", examples=["2s"]
    )
    namespace: str | None = Field(
        default=None,
        description="The namespace of jobs; without a word `tidemark-` and the environment's name.",
        examples=["acme-data"],
    )

    @model_validator(mode="after")
    def _leads_somewhere(self) -> LineageSettings:
        if self.transport != "http":
            return self
        parts = urlsplit(self.url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("`transport: http` needs the `url` of a backend: https://lineage.acme.example")
        if parts.username or parts.password:
            raise ValueError("a login does not belong in `url`: name a secret `{api_key: …}` in `secret`")
        return self
