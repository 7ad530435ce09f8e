"""Alerts: warnings and errors of a run, told to the channels that the environment names.

Telling somebody is a courtesy of the run, never a part of it: a channel that fails is logged and nothing else. Every
event is also kept as a JSON line in `runs/<run_id>.alerts.jsonl`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tidemark.advice import addressed, in_environment
from tidemark.config.environment.lines import is_open
from tidemark.errors import ConfigError
from tidemark.redaction import redact
from tidemark.shown import ascii_header, json_line, line, slack

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.environment import AlertSpec, Environment

Severity = Literal["warning", "error"]
_SLACK_TIMEOUT_SECONDS = 10
_SNS_SUBJECT_LENGTH = 99
# Slack makes nothing of a text that it is told to leave alone: no bold, no link of an address, no picture of it.
_PLAIN = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AlertEvent:
    """One thing worth telling. `at` is UTC, ISO; `next_step` is what the reader should do.

    `recovered`: what was told before is over; it goes to those who were told.
    """

    severity: Severity
    message: str
    run_id: str
    environment: str
    table: str | None = None
    step: str | None = None
    next_step: str | None = None
    at: str = ""
    recovered: bool = False

    def __post_init__(self) -> None:
        if self.next_step:  # it is read far from here
            object.__setattr__(self, "next_step", addressed(self.next_step, in_environment(self.environment)))

    @property
    def subject(self) -> str:
        about = f" {self.table}" if self.table else ""
        return f"tidemark {self.environment} {'recovered' if self.recovered else self.severity}:{about}"

    @property
    def text(self) -> str:
        """The event for a person, over several lines."""
        message = self.message if not self.table else self.message.removeprefix(f"{self.table}: ")
        lines = [f"{self.subject} {message}", f"run {self.run_id}"]
        if self.next_step:
            lines.append(f"next: {self.next_step}")
        return "\n".join(map(line, lines))


class Alerts:
    """Sends the events of one run to the environment's channels and keeps them beside the run's summary."""

    def __init__(self, environment: Environment, run_id: str, folder: Folder) -> None:
        self._environment = environment
        self._run_id = run_id
        self._folder = folder
        self._lines: list[str] = []
        self._lock = threading.Lock()

    def raise_event(
        self,
        severity: Severity,
        message: str,
        *,
        table: str | None = None,
        step: str | None = None,
        next_step: str | None = None,
    ) -> AlertEvent:
        """Tells every channel that listens to this severity; never raises."""
        at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        name = self._environment.name
        event = AlertEvent(severity, redact(message), self._run_id, name, table, step, next_step, at)
        self._keep(event)
        tell(self._environment, self._environment.alerts, event)
        return event

    def _keep(self, event: AlertEvent) -> None:
        with self._lock:
            self._lines.append(json_line(asdict(event)))
            try:
                self._folder.write_text(f"{self._run_id}.alerts.jsonl", "\n".join(self._lines) + "\n")
            except Exception:
                log.exception("the alert event could not be kept: %s", event.message)


def tell(environment: Environment, channels: Iterable[AlertSpec], event: AlertEvent) -> tuple[AlertSpec, ...]:
    """Tells every channel that listens to the event's severity, and gives those that took it; never raises."""
    reached = []
    for spec in channels:
        if event.severity not in spec.on:
            continue
        try:
            _CHANNELS[spec.channel](environment, spec, event)
            reached.append(spec)
        except Exception:
            log.exception("the alert could not be sent to %s: %s", spec.channel, event.message)
    return tuple(reached)


def _to_log(environment: Environment, spec: AlertSpec, event: AlertEvent) -> None:
    level = logging.INFO if event.recovered else logging.ERROR if event.severity == "error" else logging.WARNING
    log.log(level, "%s", event.text, extra={"table": event.table, "step": event.step})


def _to_sns(environment: Environment, spec: AlertSpec, event: AlertEvent) -> None:
    from tidemark.aws.clients import sns_client

    sns_client(environment.aws).publish(
        TopicArn=spec.target or "",
        Subject=ascii_header(event.subject, _SNS_SUBJECT_LENGTH),
        Message=json_line(asdict(event)),
    )


def _to_slack(environment: Environment, spec: AlertSpec, event: AlertEvent) -> None:
    import httpx

    message = {"text": slack(event.text), **_PLAIN}
    answer = httpx.post(_slack_webhook(environment, spec), json=message, timeout=_SLACK_TIMEOUT_SECONDS)
    answer.raise_for_status()


def _slack_webhook(environment: Environment, spec: AlertSpec) -> str:
    """The webhook's address. Who knows it can post, so `target` names a secret `{"url": …}`; an address works too."""
    target = spec.target or ""
    if not target.startswith(("https://", "http://")):
        from tidemark.aws.secrets import fetch

        target = str(fetch(target, environment.secrets, environment.aws)["url"])
    if is_open(target) or not target.startswith(("https://", "http://")):
        raise ConfigError("the webhook is no https address", next_step="correct its secret: {url: https://…}")
    return target


def _to_email(environment: Environment, spec: AlertSpec, event: AlertEvent) -> None:
    from tidemark.observe.mail import send

    addresses = [address.strip() for address in (spec.target or "").split(",") if address.strip()]
    send(environment, addresses, event.text.splitlines()[0], event.text)


_CHANNELS: dict[str, Callable[[Environment, Any, AlertEvent], None]] = {
    "log": _to_log,
    "sns": _to_sns,
    "slack": _to_slack,
    "email": _to_email,
}
