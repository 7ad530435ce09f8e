"""Zones of machines: tests speak of UTC wherever they run, and the engine may not ask which zone that is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest


@contextmanager
def instants_need_a_zone() -> Iterator[None]:
    """PySpark takes a naive instant for one of the machine's zone, and gives those of Spark as such.

    Here they are UTC where a test gives or takes them. Where the engine does, it is a mistake: it says `rows.literal`,
    or has Spark make text or `timestamp_ntz` of an instant.
    """
    from pyspark.sql.types import DatetimeConverter, TimestampNTZType, TimestampType

    given, taken, converted = TimestampType.toInternal, TimestampNTZType.fromInternal, DatetimeConverter.convert

    def to_internal(self: Any, instant: datetime | None) -> Any:
        return given(self, _known(instant))

    def from_internal(self: Any, micros: int | None) -> Any:
        assert micros is None or not _of_the_engine(), "an instant of Spark, by the clock of this machine"
        return taken(self, micros)

    def convert(self: Any, instant: datetime, client: Any) -> Any:
        return converted(self, _known(instant), client)

    patched: list[tuple[type, str, Callable[..., Any]]] = [
        (TimestampType, "toInternal", to_internal),
        (TimestampType, "fromInternal", from_internal),
        (DatetimeConverter, "convert", convert),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, function in patched:
            patch.setattr(owner, name, function)
        yield


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """Python as on a machine of this zone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        try:
            yield
        finally:
            patch.undo()
            time.tzset()


def elsewhere(zone: str) -> dict[str, str]:
    """The variables of a process on a machine of this zone, whose language is Turkish: there `I` is no capital `i`.

    Java is told by itself too: a machine without that language does not know it.
    """
    java = "-Duser.language=tr -Duser.country=TR -Duser.timezone=" + zone
    return os.environ | {"TZ": zone, "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "JAVA_TOOL_OPTIONS": java}


def _known(instant: Any) -> Any:
    if not isinstance(instant, datetime) or instant.tzinfo is not None:
        return instant
    assert not _of_the_engine(), f"the instant {instant!r} without a zone"
    return instant.replace(tzinfo=UTC)


def _of_the_engine() -> bool:
    """Whether it is the engine that gives or takes this value, and no test."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in ("tidemark", "tasks", "flows", "blocks", "cli"):
            return True
        if package == "tests" and frame.f_code.co_filename != __file__:
            return False
        frame = frame.f_back
    return False
