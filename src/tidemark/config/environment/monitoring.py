"""What an environment's file says of watching runs: where metrics go, what is promised, what things cost, who mails."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from tidemark.config.environment.settings import Settings
from tidemark.config.files.modelfile import Span


class MetricsSettings(Settings):
    """Where the metrics of a run go besides the file beside its summary.

    `stdout`: for containers, whose output CloudWatch keeps, and makes metrics of.
    """

    to: Literal["file", "stdout"] = Field(
        default="file", description="`stdout` in containers whose output is kept.", examples=["stdout"]
    )


class PriceSettings(Settings):
    """What an hour costs of what a run uses, by the price list of the place; estimates of costs are made with it."""

    vcpu_hour_usd: float = Field(ge=0, description="US dollars for an hour of a vCPU.", examples=[0.047])
    memory_gb_hour_usd: float = Field(
        ge=0, description="US dollars for an hour of a gigabyte of memory.", examples=[0.0051]
    )


class BudgetSettings(Settings):
    """What things may cost before somebody has to answer for it."""

    backfill_usd: float | None = Field(
        default=None,
        gt=0,
        description="A backfill that would cost more, by what runs of its tables have cost, is not begun.",
        examples=[50],
    )


class ServiceLevel(Settings):
    """What is promised of a job or a table.

    `runtime`: so long its newest run takes at most. `records`: so many rows of its newest day at least. `freshness`: of
    a table the age of its newest row at most, of a job the time since it was last done.
    """

    runtime: Span | None = Field(default=None, description="The newest run takes at most so long.", examples=["2h"])
    records: int | None = Field(default=None, ge=1, description="Rows of the newest day, at least.", examples=[1000])
    freshness: Span | None = Field(
        default=None, description="Age of the newest row of a table, or time since a job was done.", examples=["26h"]
    )
    severity: Literal["warning", "error"] = Field(
        default="error", description="Who is told when it is broken.", examples=["warning"]
    )

    @model_validator(mode="after")
    def _promises_something(self) -> ServiceLevel:
        if all(each in (None, timedelta(0)) for each in (self.runtime, self.records, self.freshness)):
            raise ValueError("nothing is promised: give runtime, records or freshness")
        return self


class SlaSettings(Settings):
    """Promises by job (`daily`) and by table (`gold.fact_orders`); those of a table go before its contract's."""

    jobs: dict[str, ServiceLevel] = Field(
        default={}, description="Promises of jobs.", examples=[{"daily": {"runtime": "2h", "freshness": "26h"}}]
    )
    tables: dict[str, ServiceLevel] = Field(
        default={}, description="Promises of tables.", examples=[{"bronze.fx_rates": {"records": 1}}]
    )


Watched = Literal["rows", "rejected", "nulls", "age"]


class AnomalySettings(Settings):
    """What of a run is held against those of the days before; what is unusual is a warning."""

    watch: tuple[Watched, ...] = Field(
        default=("rows", "rejected", "nulls", "age"),
        description=(
            "`rows` that came, the share of `rejected` ones, that of `nulls` where there may be none, the `age` of the "
            "newest row; an empty list: nothing."
        ),
        examples=[["rows", "age"], []],
    )
    leave_out: tuple[str, ...] = Field(
        default=(), description="Tables, or patterns of their names, that are not watched.", examples=[["bronze.tmp_*"]]
    )
    deviations: float = Field(
        default=5,
        gt=0,
        description="So many spreads (as standard deviations, but by medians) from the median are unusual.",
        examples=[4],
    )
    change: float = Field(
        default=0.3, ge=0, description="A smaller part of the median than this is no change.", examples=[0.5]
    )
    least: int = Field(default=7, ge=3, description="Where fewer days are known, nothing is said.", examples=[14])
    weekdays: int = Field(
        default=4,
        ge=3,
        description="From so many days of the same weekday on, these alone are compared with.",
        examples=[3],
    )
    days: int = Field(default=35, ge=3, le=35, description="So many days back are looked at.", examples=[28])


class SmtpSettings(Settings):
    """The mail server behind alert channels of the kind `email`.

    `secret` names a secret with `username` and `password`; None: it wants no login.
    """

    host: str = Field(min_length=1, description="Name of the mail server.", examples=["smtp.acme.example"])
    port: int = Field(default=587, ge=1, le=65535, description="Its port.", examples=[587])
    sender: str = Field(
        pattern=r"^[^@\s]+@[^@\s]+$", description="Address that mails come from.", examples=["tidemark@acme.example"]
    )
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the line is encrypted.", examples=["tls"]
    )
    secret: str | None = Field(
        default=None, description="Secret with `username` and `password`.", examples=["tidemark/smtp"]
    )

    @model_validator(mode="after")
    def _no_password_in_plain(self) -> SmtpSettings:
        if self.secret is not None and self.security == "none":
            raise ValueError("a password would go over an open line: use starttls or tls")
        return self
