"""Keeps the blocks in Prefect equal to an environment's file: connections, alert channels, compute profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from prefect.blocks.core import Block
from prefect.exceptions import ObjectNotFound
from pydantic import BaseModel, ValidationError

from blocks.alerts import AlertChannel
from blocks.changes import Change, compared
from blocks.compute import ComputeProfile
from blocks.connections import BLOCKS, ConnectionBlock
from blocks.limits import PREFIX
from blocks.secrets import aws_credentials, aws_secret
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials

    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import AlertSpec, ConnectionSpec, Environment

SECRETS_MANAGER = "aws"
ALERT_CHANNEL, COMPUTE_PROFILE = "alert channel", "compute profile"
CREDENTIALS, SECRET = "AWS credentials", "secret"
AWS = f"{PREFIX}-aws"
"""The name of the block with which an environment's secrets are read."""


@dataclass(frozen=True)
class Wanted:
    """A block as the environment's file says it must be, and the name that it is saved as."""

    kind: str
    name: str
    block: Block


def register(environment: Environment, *, dry_run: bool = False) -> tuple[Change, ...]:
    """Creates or updates every block of an environment; a second call changes nothing, one with `dry_run` never does.

    Raises `ConfigError` when some settings are not what their kind needs; then nothing was saved.
    """
    connections = tuple(_connections(environment))
    others = (*_alert_channels(environment), *_profiles(environment))
    return (*_secrets(environment, dry_run), *_save((*connections, *others), dry_run))


def register_connections(environment: Environment) -> tuple[Change, ...]:
    """Creates or updates the connections alone, which are all that a run needs; raises as `register` does."""
    connections = tuple(_connections(environment))
    return (*_secrets(environment, dry_run=False), *_save(connections, dry_run=False))


def connect(environment: Environment, name: str) -> ConnectionValue:
    """The connection `name` from its block, with credentials; raises `ConfigError` when it is not registered."""
    spec = environment.connections.get(name)
    if spec is None:
        known = ", ".join(sorted(environment.connections)) or "none"
        raise ConfigError(
            f"the environment {environment.name} has no connection {name!r} (it has {known})",
            next_step=f"add it under connections in env/{environment.name}.yaml",
        )
    saved_as, register_it = block_name(name, spec), f"tidemark blocks register --env {environment.name}"
    try:
        block = _stored(BLOCKS[spec.kind], saved_as)
    except ValidationError:
        seen = f"the Prefect block {saved_as} of the connection {name!r} lacks fields that this version needs"
        raise ConfigError(seen, next_step=register_it) from None
    if not isinstance(block, ConnectionBlock):
        seen = f"the Prefect block {saved_as} of the connection {name!r} is not registered"
        raise ConfigError(seen, next_step=register_it)
    return block.value(name, environment.aws)


def block_name(name: str, spec: ConnectionSpec) -> str:
    """The name of a connection's block in Prefect: the one that the environment gives it, else `tidemark-<name>`."""
    return spec.block or f"tidemark-{name}"


def alert_channel_names(environment: Environment) -> tuple[str, ...]:
    """The names of the blocks of an environment's alert channels, in the order of its file."""
    return tuple(f"tidemark-alerts-{number}" for number, _ in enumerate(environment.alerts, start=1))


def alert_channels(environment: Environment) -> tuple[AlertSpec, ...]:
    """The alert channels as their blocks have them; raises `ConfigError` when one is not registered."""
    blocks = {name: _stored(AlertChannel, name) for name in alert_channel_names(environment)}
    missing = [name for name, block in blocks.items() if block is None]
    if missing:
        raise ConfigError(
            f"the Prefect blocks {', '.join(missing)} are not registered",
            next_step=f"tidemark blocks register --env {environment.name}",
        )
    return tuple(block.spec() for block in blocks.values() if isinstance(block, AlertChannel))


def _connections(environment: Environment) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(spec.kind, block_name(name, spec), _connection(name, spec, environment))
        for name, spec in environment.connections.items()
    )


def _secrets(environment: Environment, dry_run: bool) -> tuple[Change, ...]:
    """A block for each connection's secret, all with the same credentials, which are saved first."""
    named = _secrets_by_block(environment)
    if not named:
        return ()
    credentials = Wanted(CREDENTIALS, AWS, aws_credentials(environment.aws))
    changes = _save((credentials,), dry_run)
    stored = cast("AwsCredentials", _stored(type(credentials.block), AWS) or credentials.block)
    secrets = [Wanted(SECRET, block, aws_secret(stored, name)) for block, name in named.items()]
    return (*changes, *_save(secrets, dry_run))


def _secrets_by_block(environment: Environment) -> dict[str, str]:
    """Names of secrets in Secrets Manager by the blocks that read them: each is called as its connection's."""
    if SECRETS_MANAGER not in environment.secrets:
        return {}
    return {block_name(name, spec): spec.secret for name, spec in environment.connections.items() if spec.secret}


def _connection(name: str, spec: ConnectionSpec, environment: Environment) -> ConnectionBlock:
    try:
        block = block_name(name, spec)
        return BLOCKS[spec.kind].from_settings(
            spec.settings,
            secret=spec.secret,
            provider=environment.secrets,
            secret_block=block if block in _secrets_by_block(environment) else None,
        )
    except ValidationError as invalid:
        raise _misfit(environment, f"connections.{name}", f"the settings of the connection {name!r}", invalid) from None


def _alert_channels(environment: Environment) -> Iterable[Wanted]:
    for name, spec in zip(alert_channel_names(environment), environment.alerts, strict=True):
        try:
            yield Wanted(ALERT_CHANNEL, name, AlertChannel.from_spec(spec))
        except ValidationError as invalid:
            raise _misfit(environment, "alerts", f"the alert channel {spec.channel}", invalid) from None


def _profiles(environment: Environment) -> Iterable[Wanted]:
    for size, spec in environment.compute.sizes.items():
        yield Wanted(COMPUTE_PROFILE, f"tidemark-{size}", ComputeProfile.from_spec(environment.name, size, spec))


def _misfit(environment: Environment, section: str, what: str, invalid: ValidationError) -> ConfigError:
    problems = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors()]
    return ConfigError(
        f"{what} do not fit: {'; '.join(problems)}", next_step=f"correct {section} in env/{environment.name}.yaml"
    )


def _save(wanted: Iterable[Wanted], dry_run: bool) -> tuple[Change, ...]:
    compared_to_stored = [(each, _change(each)) for each in wanted]
    for each, change in compared_to_stored:
        if change.outcome != "unchanged" and not dry_run:
            each.block.save(each.name, overwrite=True)
    return tuple(change for _, change in compared_to_stored)


def _change(wanted: Wanted) -> Change:
    stored = _stored(type(wanted.block), wanted.name, validate=False)
    names = type(wanted.block).model_fields
    before = None if stored is None else {name: _plain(getattr(stored, name, None)) for name in names}
    return compared(wanted.kind, wanted.name, before, {name: _plain(getattr(wanted.block, name)) for name in names})


def _plain(value: object) -> object:
    """A value as JSON has it, which is what one that was loaded without validation is like."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return list(value) if isinstance(value, tuple) else value


def _stored(kind: type[Block], name: str, validate: bool = True) -> Block | None:
    try:
        return cast("Block", kind.load(name, validate=validate))
    except ValueError as failure:
        if isinstance(failure.__cause__, ObjectNotFound):
            return None
        raise
