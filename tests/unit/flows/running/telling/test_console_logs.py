"""The console of a container: JSON lines of the engine and of Prefect, each once, and only while a run runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from prefect.logging.handlers import PrefectConsoleHandler

from flows.running.telling.console_logs import console_logs
from tidemark.config.environment import LogSettings
from tidemark.observe.logs import FORMAT, LOGGER


@pytest.fixture
def prefects() -> Iterator[logging.Logger]:
    """A logger of Prefect's, and the root, with Prefect's handler for consoles."""
    logger = logging.getLogger("prefect.of_a_test")
    handlers = [(each, PrefectConsoleHandler(level=logging.INFO)) for each in (logger, logging.root)]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for each, handler in handlers:
        each.addHandler(handler)
    yield logger
    for each, handler in handlers:
        each.removeHandler(handler)


def handlers_of(logger: logging.Logger) -> list[set[logging.Handler]]:
    return [set(logger.handlers), set(logging.root.handlers)]


def written(text: str) -> list[tuple[str, str]]:
    return [(line["logger"], line["message"]) for line in map(json.loads, text.splitlines())]


def test_every_record_is_one_json_line(
    prefects: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORMAT, "json")
    before = handlers_of(prefects)
    engine = logging.getLogger(f"{LOGGER}.test")
    monkeypatch.setattr(logging.getLogger(LOGGER), "level", logging.INFO)
    with console_logs(LogSettings()):
        engine.info("committed")
        prefects.info("Beginning flow run")
        logging.getLogger("some.library").warning("trouble")
    assert written(capsys.readouterr().err) == [
        (f"{LOGGER}.test", "committed"),
        ("prefect.of_a_test", "Beginning flow run"),
        ("some.library", "trouble"),
    ]
    assert handlers_of(prefects) == before


def test_for_people_the_console_stays_as_it_is(prefects: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORMAT, "human")
    before = handlers_of(prefects)
    with console_logs(LogSettings(format="json")):
        assert handlers_of(prefects) == before
