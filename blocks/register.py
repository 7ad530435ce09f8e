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
from blocks.logins.connections import BLOCKS, ConnectionBlock
from blocks.logins.secrets import aws_credentials, aws_secret
from blocks.names import alert_blocks, block_name, connection_block
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from prefect_aws import AwsCredentials

    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import AlertSpec, ConnectionSpec, Environment

SECRETS_MANAGER = "aws"
ALERT_CHANNEL, COMPUTE_PROFILE = "alert channel", "compute profile"
CREDENTIALS, SECRET = "AWS credentials", "secret"
AWS = "aws"
"""What the block with which an environment's secrets are read is called, beside the environment."""


@dataclass(frozen=True)
class Wanted:
    """A block as the environment's file says it must be, and the name that it is saved as."""

    kind: str
    name: str
    block: Block


def register(environment: Environment, *, dry_run: bool = False) -> tuple[Change, ...]:
    """Creates or updates every block of an environment; a second call changes nothing, one with `dry_run` never does.

    Raises `ConfigError` when some settings are not what their kind needs, or a block of that name belongs to another
    environment; then nothing was saved.
    """
    connections = tuple(_connections(environment))
    others = (*_alert_channels(environment), *_profiles(environment))
    return _register(environment, (*connections, *others), dry_run)


def register_connections(environment: Environment) -> tuple[Change, ...]:
    """Creates or updates the connections alone, which are all that a run needs; raises as `register` does."""
    return _register(environment, _connections(environment), dry_run=False)


def _register(environment: Environment, wanted: tuple[Wanted, ...], dry_run: bool) -> tuple[Change, ...]:
    """Secrets come first, as connections name their blocks, but not before all connections may be written."""
    _save(environment, wanted, dry_run=True)
    return (*_secrets(environment, dry_run), *_save(environment, wanted, dry_run))


def connect(environment: Environment, name: str) -> ConnectionValue:
    """The connection `name` from its block, with credentials.

    Raises `ConfigError` when the block is not registered, or does not say what the environment's file says: it would
    lead this run to a system of another environment, or to one that the file has long left.
    """
    spec = environment.connections.get(name)
    if spec is None:
        known = ", ".join(sorted(environment.connections)) or "none"
        raise ConfigError(
            f"the environment {environment.name} has no connection {name!r} (it has {known})",
            next_step=f"add it under connections in env/{environment.name}.yaml",
        )
    wanted = Wanted(spec.kind, connection_block(environment, name, spec), _connection(name, spec, environment))
    block = _registered(environment, wanted, f"of the connection {name!r}")
    if not isinstance(block, ConnectionBlock):
        raise TypeError(f"{wanted.name} is no connection")
    return block.value(name, environment.aws)


def alert_channels(environment: Environment) -> tuple[AlertSpec, ...]:
    """The alert channels as their blocks have them; raises `ConfigError` as `connect` does."""
    blocks = [_registered(environment, wanted, "of an alert channel") for wanted in _alert_channels(environment)]
    return tuple(block.spec() for block in blocks if isinstance(block, AlertChannel))


def _registered(environment: Environment, wanted: Wanted, of: str) -> Block:
    """The block as it is stored, which is as the environment's file says."""
    register_it = f"tidemark blocks register --env {environment.name}"
    try:
        block = _stored(type(wanted.block), wanted.name)
    except ValidationError:
        seen = f"the Prefect block {wanted.name} {of} lacks fields that this version needs"
        raise ConfigError(seen, next_step=register_it) from None
    if block is None:
        raise ConfigError(f"the Prefect block {wanted.name} {of} is not registered", next_step=register_it)
    _refuse_foreign(environment, wanted, block)
    differing = _compared(wanted, block).fields
    told = [f"{field.name}: the block has {field.before}, the file {field.after}" for field in differing]
    if told:
        raise ConfigError(
            f"the Prefect block {wanted.name} {of} is not what env/{environment.name}.yaml says; nothing was read or "
            "written there",
            seen=told,
            next_step=f"see which of the two is right; to follow the file: {register_it}",
        )
    return block


def _refuse_foreign(environment: Environment, wanted: Wanted, stored: Block) -> None:
    """No environment uses, or writes over, what belongs to another."""
    owner = getattr(stored, "environment", None)
    if owner in (None, environment.name):  # one of a version that did not note it
        return
    raise ConfigError(
        f"the Prefect block {wanted.name} belongs to the environment {owner}, not to {environment.name}",
        next_step=f"give it another name in env/{environment.name}.yaml (`block`), or none: then it is called after "
        f"{environment.name}",
    )


def _connections(environment: Environment) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(spec.kind, connection_block(environment, name, spec), _connection(name, spec, environment))
        for name, spec in environment.connections.items()
    )


def _secrets(environment: Environment, dry_run: bool) -> tuple[Change, ...]:
    """A block for each connection's secret, all with the same credentials, which are saved first."""
    named = _secrets_by_block(environment)
    if not named:
        return ()
    called = block_name(environment.name, AWS)
    credentials = Wanted(CREDENTIALS, called, aws_credentials(environment.aws))
    changes = _save(environment, (credentials,), dry_run)
    stored = cast("AwsCredentials", _stored(type(credentials.block), called) or credentials.block)
    secrets = [Wanted(SECRET, block, aws_secret(stored, name)) for block, name in named.items()]
    return (*changes, *_save(environment, secrets, dry_run))


def _secrets_by_block(environment: Environment) -> dict[str, str]:
    """Names of secrets in Secrets Manager by the blocks that read them: each is called as its connection's."""
    if SECRETS_MANAGER not in environment.secrets:
        return {}
    named = {name: spec for name, spec in environment.connections.items() if spec.secret}
    return {connection_block(environment, name, spec): str(spec.secret) for name, spec in named.items()}


def _connection(name: str, spec: ConnectionSpec, environment: Environment) -> ConnectionBlock:
    try:
        block = connection_block(environment, name, spec)
        return BLOCKS[spec.kind].from_settings(
            spec.settings,
            environment=environment.name,
            secret=spec.secret,
            provider=environment.secrets,
            secret_block=block if block in _secrets_by_block(environment) else None,
        )
    except ValidationError as invalid:
        raise _misfit(environment, f"connections.{name}", f"the settings of the connection {name!r}", invalid) from None


def _alert_channels(environment: Environment) -> Iterable[Wanted]:
    for name, spec in zip(alert_blocks(environment), environment.alerts, strict=True):
        try:
            yield Wanted(ALERT_CHANNEL, name, AlertChannel.from_spec(spec, environment.name))
        except ValidationError as invalid:
            raise _misfit(environment, "alerts", f"the alert channel {spec.channel}", invalid) from None


def _profiles(environment: Environment) -> Iterable[Wanted]:
    for size, spec in environment.compute.sizes.items():
        profile = ComputeProfile.from_spec(environment.name, size, spec)
        yield Wanted(COMPUTE_PROFILE, block_name(environment.name, size), profile)


def _misfit(environment: Environment, section: str, what: str, invalid: ValidationError) -> ConfigError:
    problems = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors()]
    return ConfigError(
        f"{what} do not fit: {'; '.join(problems)}", next_step=f"correct {section} in env/{environment.name}.yaml"
    )


def _save(environment: Environment, wanted: Iterable[Wanted], dry_run: bool) -> tuple[Change, ...]:
    compared_to_stored = [(each, _change(environment, each)) for each in wanted]
    for each, change in compared_to_stored:
        if change.outcome != "unchanged" and not dry_run:
            each.block.save(each.name, overwrite=True)
    return tuple(change for _, change in compared_to_stored)


def _change(environment: Environment, wanted: Wanted) -> Change:
    stored = _stored(type(wanted.block), wanted.name, validate=False)
    if stored is not None:
        _refuse_foreign(environment, wanted, stored)
    return _compared(wanted, stored)


def _compared(wanted: Wanted, stored: Block | None) -> Change:
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
