"""JSON lines on the console of a container, for whatever collects them: ours, and in the place of Prefect's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect.logging.handlers import PrefectConsoleHandler

from tidemark.observe.logs import LOGGER, chosen, json_console

if TYPE_CHECKING:
    from tidemark.config.environment import LogSettings


@contextmanager
def console_logs(settings: LogSettings) -> Iterator[None]:
    """Inside the block the console has JSON lines, if that is chosen; else it is left as it is.

    Prefect's records come as they did, at the same levels.
    """
    if chosen(settings) != "json":
        yield
        return
    ours = json_console(logging.getLevelName(settings.level.upper()))
    logger = logging.getLogger(LOGGER)
    logger.addHandler(ours)
    replaced = [(each, found, _like(found)) for each in _loggers() if (found := _of_prefect(each))]
    for each, theirs, instead in replaced:
        for handler in theirs:
            each.removeHandler(handler)
        each.addHandler(instead)
    try:
        yield
    finally:
        logger.removeHandler(ours)
        for each, theirs, instead in replaced:
            each.removeHandler(instead)
            for handler in theirs:
                each.addHandler(handler)


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


def _of_prefect(logger: logging.Logger) -> list[logging.Handler]:
    return [each for each in logger.handlers if isinstance(each, PrefectConsoleHandler)]


def _like(theirs: Sequence[logging.Handler]) -> logging.Handler:
    """A handler of ours in the place of Prefect's; our own records have one already."""
    handler = json_console(min(each.level for each in theirs))
    handler.addFilter(lambda record: not f"{record.name}.".startswith(f"{LOGGER}."))
    return handler
