"""A backfill for people and programs: chunks to read, chunks that are done, tables to build and tables left alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.backfill.notes import Notes
    from tidemark.backfill.request import Backfill

_SHOWN = 3  # chunks of a table that a person is shown


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Chunks(_Model):
    """The chunks of a bronze table; `whole`: there is but one, as its source does not tell days apart."""

    to_do: tuple[str, ...]
    done: tuple[str, ...]
    whole: bool


class Outline(_Model):
    """What the control store and the configuration know of a backfill before it begins."""

    backfill_id: str
    start: dt.date
    end: dt.date
    chunk: str
    as_of: dt.datetime | None
    read: Mapping[str, Chunks]
    left_alone: Mapping[str, str]
    build: tuple[str, ...]

    def lines(self) -> list[str]:
        """The outline as lines of text."""
        until = f", as of {self.as_of}" if self.as_of else ""
        width = max(map(len, (*self.read, *self.left_alone)), default=0)
        lines = [f"{self.start} to {self.end} by {self.chunk}{until}"]
        lines += [f"{table:<{width}}  {self._reading(chunks)}" for table, chunks in self.read.items()]
        lines += [f"{table:<{width}}  left alone: it {reason}" for table, reason in self.left_alone.items()]
        if self.build:
            lines.append(f"built, committed together and released once: {', '.join(self.build)}")
        return lines

    def _reading(self, chunks: Chunks) -> str:
        to_do, done = chunks.to_do, chunks.done
        earlier = f"; {len(done)} of {len(done) + len(to_do)} are done" if done else ""
        if chunks.whole:
            return f"read as a whole, once: its source does not tell days apart{earlier}"
        shown = ", ".join(to_do) if len(to_do) <= _SHOWN else f"{to_do[0]} … {to_do[-1]}"
        return f"read again: {len(to_do)} × {self.chunk} ({shown or 'none'}){earlier}"


def outline(backfill: Backfill, notes: Notes) -> Outline:
    """What is to be done, and what an earlier attempt has done."""
    request = backfill.request
    read = {}
    for table, chunks in backfill.chunks.items():
        done = notes.done(table)
        read[table] = Chunks(
            to_do=tuple(chunk.name for chunk in chunks if chunk.name not in done),
            done=tuple(chunk.name for chunk in chunks if chunk.name in done),
            whole=table in backfill.wholes,
        )
    return Outline(
        backfill_id=backfill.backfill_id,
        start=request.start,
        end=request.end,
        chunk=request.chunk,
        as_of=request.as_of,
        read=read,
        left_alone=dict(backfill.left),
        build=backfill.built,
    )


def unconfirmed(outlined: Outline) -> ConfigError:
    """What is said to somebody who has not said yes: what would be done."""
    error = ConfigError(
        "a backfill has to be confirmed; nothing was done",
        next_step="say --yes (in Prefect: confirmed), or look at it first with --dry-run",
    )
    error.seen = tuple(outlined.lines())
    return error
