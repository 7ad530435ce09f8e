"""Keeps the connection blocks in Prefect equal to the connections of an environment's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from blocks.connections import BLOCKS, ConnectionBlock
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.environment import ConnectionSpec, Environment
    from tidemark.sources import ConnectionValue

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class BlockChange:
    """What registering did to one block; `fields` are those that got another value."""

    connection: str
    block: str
    kind: str
    outcome: Outcome
    fields: tuple[str, ...] = ()


def register(environment: Environment) -> tuple[BlockChange, ...]:
    """Creates or updates one block for each connection; a second call changes nothing.

    Raises `ConfigError` when a connection's settings are not what its kind needs; then nothing was saved.
    """
    wanted = {name: _block(name, spec, environment) for name, spec in environment.connections.items()}
    return tuple(_save(name, environment.connections[name], block) for name, block in wanted.items())


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
        block = _stored(_kind(name, spec), saved_as)
    except ValidationError:
        seen = f"the Prefect block {saved_as} of the connection {name!r} lacks fields that this version needs"
        raise ConfigError(seen, next_step=register_it) from None
    if block is None:
        seen = f"the Prefect block {saved_as} of the connection {name!r} is not registered"
        raise ConfigError(seen, next_step=register_it)
    return block.value(name, environment.aws)


def _block(name: str, spec: ConnectionSpec, environment: Environment) -> ConnectionBlock:
    kind = _kind(name, spec)
    try:
        return kind.from_settings(spec.settings, secret=spec.secret, provider=environment.secrets)
    except ValidationError as invalid:
        problems = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors()]
        raise ConfigError(
            f"the settings of the connection {name!r} do not fit: {'; '.join(problems)}",
            next_step=f"correct connections.{name} in env/{environment.name}.yaml",
        ) from None


def _kind(name: str, spec: ConnectionSpec) -> type[ConnectionBlock]:
    if spec.kind not in BLOCKS:
        raise ConfigError(
            f"the connection {name!r} is of the kind {spec.kind!r}, for which there is no block",
            next_step=f"use one of {', '.join(BLOCKS)}",
        )
    return BLOCKS[spec.kind]


def block_name(name: str, spec: ConnectionSpec) -> str:
    """The name of a connection's block in Prefect: the one that the environment gives it, else `tidemark-<name>`."""
    return spec.block or f"tidemark-{name}"


def _save(name: str, spec: ConnectionSpec, wanted: ConnectionBlock) -> BlockChange:
    saved_as = block_name(name, spec)
    stored = _stored(type(wanted), saved_as, validate=False)
    if stored is None:
        wanted.save(saved_as)
        return BlockChange(name, saved_as, spec.kind, "created")
    names = type(wanted).model_fields
    fields = tuple(field for field in names if getattr(stored, field, None) != getattr(wanted, field))
    if not fields:
        return BlockChange(name, saved_as, spec.kind, "unchanged")
    wanted.save(saved_as, overwrite=True)
    return BlockChange(name, saved_as, spec.kind, "updated", fields)


def _stored(kind: type[ConnectionBlock], name: str, validate: bool = True) -> ConnectionBlock | None:
    try:
        return cast("ConnectionBlock", kind.load(name, validate=validate))
    except ValueError as failure:
        if isinstance(failure.__cause__, ObjectNotFound):
            return None
        raise
