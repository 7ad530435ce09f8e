"""Tells the environment's alert channels what a Prefect automation noticed of a run that could not tell itself."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow
from prefect.runtime import flow_run

from blocks.register import alert_channels
from flows.running.parameters import CONFIG, LOCAL, Config, EnvironmentName, Severity, Text
from flows.running.sealed import refuse_other_environments
from tidemark.config.environment import load_environment
from tidemark.config.files.source import local_folder
from tidemark.observe.alerts import AlertEvent, tell


@flow(name="notify", flow_run_name="tell {severity} {env}", persist_result=False, log_prints=False)
def notify(
    message: Text,
    next_step: Text | None = None,
    severity: Severity = "error",
    env: EnvironmentName = LOCAL,
    config: Config = CONFIG,
) -> int:
    """Tells every alert channel that listens to this severity, and gives how many there are.

    Args:
        message: What to tell.
        next_step: What the reader should do.
        severity: Whether it is a warning or an error.
        env: Environment: the name of a file in the configuration's env folder.
        config: Configuration: a folder, or an s3:// prefix that holds one.
    """
    environment = load_environment(local_folder(config), env)
    refuse_other_environments(environment, config)
    at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    event = AlertEvent(severity, message, str(flow_run.id or ""), environment.name, next_step=next_step, at=at)
    channels = [channel for channel in alert_channels(environment) if severity in channel.on]
    tell(environment, channels, event)
    return len(channels)
