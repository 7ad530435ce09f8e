"""Commands that a reader is advised to type name the environment and the configuration that they are about.

A bare command is about the environment `local` in the folder `config`, or those that the reader's shell names: copied
as it stands, it would look into, or change, another lake than the one of which the advice speaks.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

LOCAL = "local"
"""The environment of a command that names none."""
# The sandbox is of this machine alone.
_COMMAND = re.compile(r"(?<![\w./-])tidemark (?=[a-z])(?!sandbox\b)")


@dataclass(frozen=True)
class Where:
    """What commands must name; None where a bare command is about it already."""

    env: str | None = None
    config: str | None = None

    @property
    def options(self) -> str:
        """The options as they are typed, each with a blank behind it."""
        named = (("--env", self.env), ("--config", self.config))
        return "".join(f"{option} {shlex.quote(value)} " for option, value in named if value is not None)


_WHERE: ContextVar[Where | None] = ContextVar("tidemark_where", default=None)  # None: outside of any block


@contextmanager
def about(where: Where) -> Iterator[None]:
    """Advice given in the block is about this environment and configuration."""
    token = _WHERE.set(where)
    try:
        yield
    finally:
        _WHERE.reset(token)


def name(*, env: str | None = None, config: str | None = None) -> None:
    """From here on, to the end of the block, advice names this too; outside of any block nothing does."""
    here = _WHERE.get()
    if here is not None:
        _WHERE.set(Where(env or here.env, config or here.config))


def _here() -> Where:
    return _WHERE.get() or Where()


def in_environment(name: str) -> Where:
    """What commands about the environment `name` must name, read wherever they may be."""
    return _here() if name == LOCAL else replace(_here(), env=name)


def addressed(text: str, where: Where | None = None) -> str:
    """The text, in which each command names where it is to work, unless the text does so by itself."""
    where = where or _here()
    options = (replace(where, env=None) if "--env " in text else where).options
    return _COMMAND.sub(lambda _: f"tidemark {options}", text)
