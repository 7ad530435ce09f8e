"""Prefect automations as code: who is told when runs fail, crash or come late, and what becomes of dead runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect.automations import Automation, EventTrigger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, RunDeployment, SendNotification
from prefect.events.schemas.automations import Posture, Trigger
from prefect.exceptions import ObjectNotFound

from blocks.changes import Change, compared
from blocks.names import deployment_name, environment_tag
from tidemark.aws.settings import is_uri
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.config.environment import Environment

KIND = "automation"
ALERT = "alert"
HEARTBEAT_SECONDS = 30
"""What `prefect.yaml` has runs of deployments do; with Prefect's own 180 s they would look dead to us."""

_DEAD = "no heartbeat: its process or machine is gone"
_MISSED_HEARTBEATS = 4
_HEARTBEAT = "prefect.flow-run.heartbeat"
_SIGNS_OF_LIFE = {
    _HEARTBEAT,
    *(
        f"prefect.flow-run.{state}"
        for state in ("Completed", "Failed", "TimedOut", "Cancelling", "Cancelled", "Crashed", "Paused", "Suspended")
    ),
}
_TROUBLE = {
    "failed": ({"prefect.flow-run.Failed", "prefect.flow-run.TimedOut"}, "see the run's page and summary"),
    "crashed": (
        {"prefect.flow-run.Crashed"},
        "run it again: what was committed stays, the rest was never visible",
    ),
    "late": ({"prefect.flow-run.Late"}, "see that a worker of its work pool lives and has room"),
}
_SEVERITY = {"failed": "error", "crashed": "error", "late": "warning"}
# A block of Prefect may be of any kind: what Slack, mails and Markdown would make a mention, a mark or a link of.
_AS_TEXT = "{%% filter replace('<', '‹') | replace('>', '›') | replace('](', '] (') %%}%s{%% endfilter %%}"
_MESSAGE = (
    "{{ flow.name }}/{{ deployment.name }} (flow run {{ flow_run.name }}) is {{ flow_run.state.name }}"
    "{% if flow_run.state.message %}: {{ flow_run.state.message | truncate(1500) }}{% endif %}"
)


def set_up_automations(environment: Environment, *, dry_run: bool = False) -> tuple[Change, ...]:
    """Creates or updates the automations; a second call changes nothing, one with `dry_run` never does.

    Raises `ConfigError` when what they use is not there: the deployment that tells, or the block that the team named.
    """
    with get_client(sync_client=True) as client:
        told_by = _told_by(client, environment)
        return tuple(_save(each, dry_run) for each in automations(environment, *told_by))


def automations(environment: Environment, deployment: UUID, notification: UUID | None) -> Iterator[Automation]:
    """The automations: `deployment` tells the environment's alert channels, `notification` is a block of Prefect.

    They look at the environment's own runs alone, whoever else uses the server.
    """
    own = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{environment_tag(environment.name)}"}
    of_deployments: list[Any] = [own, {"prefect.resource.role": "deployment"}]
    for trouble, (events, advice) in _TROUBLE.items():
        actions: list[ActionTypes] = [
            RunDeployment(
                source="selected",
                deployment_id=deployment,
                parameters=_alert(trouble, advice, environment.name),
                job_variables=None,
            )
        ]
        if notification is not None:
            subject = f"tidemark {environment.name}: a run is {trouble}"
            actions.append(
                SendNotification(
                    block_document_id=notification, subject=subject, body=f"{_AS_TEXT % _MESSAGE}\n{advice}"
                )
            )
        yield Automation(
            name=f"tidemark {environment.name}: tell of runs that are {trouble}",
            description=_says(trouble, environment, notification is not None),
            trigger=EventTrigger(expect=events, match_related=of_deployments, for_each={"prefect.resource.id"}),
            actions=actions,
        )
    yield Automation(
        name=f"tidemark {environment.name}: runs without a heartbeat have crashed",
        description=f"Marks a run of {environment.name} as crashed when it has not been heard of for "
        f"{_MISSED_HEARTBEATS * HEARTBEAT_SECONDS} s, so that it is told of and its place becomes free. Runs "
        f"tell every {HEARTBEAT_SECONDS} s that they live (prefect.yaml, job_variables.env).",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={_HEARTBEAT},
            expect=_SIGNS_OF_LIFE,
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=own,
            for_each={"prefect.resource.id"},
            threshold=1,
            within=timedelta(seconds=_MISSED_HEARTBEATS * HEARTBEAT_SECONDS),
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message=_DEAD, force=False)],
    )


def _says(trouble: str, environment: Environment, notifies: bool) -> str:
    """What an automation does, in words: when, by which deployment, and whom it tells."""
    severity = _SEVERITY[trouble]
    # Who knows a webhook's address can post there.
    told = [
        alert.channel if alert.target is None or is_uri(alert.target) else f"{alert.channel} {alert.target}"
        for alert in environment.alerts
        if severity in alert.on
    ]
    listed = ", ".join(told) or f"nobody: no alert channel of env/{environment.name}.yaml is for {severity}s"
    also = f" Prefect itself tells {environment.prefect.notify}." if notifies and environment.prefect else ""
    return (
        f"When a run of a deployment of {environment.name} is {trouble}, once a run: "
        f"{deployment_name(environment.name, ALERT)} tells {listed}.{also} Cancelled runs, and flows inside a run, are "
        "not told of."
    )


def _alert(trouble: str, advice: str, environment: str) -> dict[str, Any]:
    severity = _SEVERITY[trouble]
    message = {"__prefect_kind": "jinja", "template": _MESSAGE}
    return {"message": message, "next_step": advice, "severity": severity, "env": environment}


def _told_by(client: SyncPrefectClient, environment: Environment) -> tuple[UUID, UUID | None]:
    wanted = f"notify/{deployment_name(environment.name, ALERT)}"
    try:
        deployment = client.read_deployment_by_name(wanted).id
    except ObjectNotFound:
        raise ConfigError(
            f"the deployment {wanted}, which tells of trouble, is not there",
            next_step=f"tidemark prefect deploy --env {environment.name}, then again",
        ) from None
    named = environment.prefect.notify if environment.prefect else None
    if named is None:
        return deployment, None
    block_type, _, name = named.partition("/")
    try:
        return deployment, client.read_block_document_by_name(name, block_type, include_secrets=False).id
    except ObjectNotFound:
        raise ConfigError(
            f"there is no block {named} in Prefect, which env/{environment.name}.yaml names under prefect.notify",
            next_step="create it there, or leave notify out",
        ) from None


def _save(wanted: Automation, dry_run: bool) -> Change:
    there = _stored(wanted.name)
    change = compared(KIND, wanted.name, None if there is None else _told(there), _told(wanted))
    if dry_run or change.outcome == "unchanged":
        return change
    if there is None:
        wanted.create()
    else:
        wanted.model_copy(update={"id": there.id, "enabled": there.enabled}).update()
    return change


def _stored(name: str) -> Automation | None:
    try:
        return cast("Automation", Automation.read(name=name))
    except ValueError:
        return None


def _told(automation: Automation) -> dict[str, Any]:
    """What of an automation is ours; whether it is enabled is up to the people on call."""
    trigger: Trigger = automation.trigger
    return {
        "description": automation.description,
        "trigger": trigger.model_dump(),
        "actions": [action.model_dump() for action in automation.actions],
    }
