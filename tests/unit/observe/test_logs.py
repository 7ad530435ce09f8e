"""The log of a run: JSON lines with run, table and step."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tidemark import redaction
from tidemark.aws.folder import open_folder
from tidemark.config.environment import LogSettings
from tidemark.errors import ConfigError
from tidemark.observe import logs
from tidemark.redaction import protect
from tidemark.spark.dataerrors import DataError

log = logging.getLogger("tidemark.test")


@pytest.fixture(autouse=True)
def _own_redaction(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redaction, "_known", set())
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_records_carry_run_table_and_step(tmp_path: Path) -> None:
    with logs.run_log(open_folder(str(tmp_path)), "run-1", job="daily", trace_id="4bf9") as path:
        log.info("started")
        with logs.bound(table="silver.orders", step="prepare"):
            log.info("%d rows", 3)
        log.info("ended")
    first, inside, last = lines(path)
    assert inside | {"ts": ""} == {
        "ts": "",
        "level": "info",
        "logger": "tidemark.test",
        "message": "3 rows",
        "run_id": "run-1",
        "table": "silver.orders",
        "step": "prepare",
        "batch_id": None,
        "job": "daily",
        "trace_id": "4bf9",
    }
    assert first["table"] is None
    assert last["table"] is None


def test_the_log_ends_with_the_run(tmp_path: Path) -> None:
    with logs.run_log(open_folder(str(tmp_path)), "run-1") as path:
        log.info("inside")
    log.warning("outside")
    assert [line["message"] for line in lines(path)] == ["inside"]


def test_other_libraries_are_kept_from_warnings_on(tmp_path: Path) -> None:
    other = logging.getLogger("some.library")
    other.setLevel(logging.INFO)
    with logs.run_log(open_folder(str(tmp_path)), "run-1") as path:
        other.info("chatter")
        other.warning("trouble")
    assert [line["message"] for line in lines(path)] == ["trouble"]


def test_tables_side_by_side_do_not_mix(tmp_path: Path) -> None:
    def work(table: str) -> None:
        with logs.bound(table=table):
            log.info(table)

    with logs.run_log(open_folder(str(tmp_path)), "run-1") as path:
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(work, f"silver.t{number}"))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    written = lines(path)
    assert len(written) == 8
    assert all(line["table"] == line["message"] and line["run_id"] == "run-1" for line in written)


def test_a_traceback_is_kept_without_the_secret(tmp_path: Path) -> None:
    protect({"password": "sup3r-c4nary-pw"})
    with logs.run_log(open_folder(str(tmp_path)), "run-1") as path:
        try:
            int("sup3r-c4nary-pw")
        except ValueError:
            log.exception("failed")
    (line,) = lines(path)
    assert "ValueError: invalid literal" in str(line["traceback"])
    assert "c4nary" not in Path(path).read_text()


def test_the_console_of_a_container_has_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(logs.LOGGER)
    before, level = list(logger.handlers), logger.level
    try:
        logger.addHandler(logs.json_console())
        logger.setLevel(logging.INFO)
        with logs.bound(run_id="r", job="daily", table="silver.orders", step="gate", batch_id="b", trace_id="t"):
            log.warning("1 check failed")
        log.debug("chatter")
    finally:
        logger.handlers, logger.level = before, level
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert list(line) == [
        "ts", "level", "run_id", "batch_id", "job", "table", "step", "trace_id", "logger", "message",
    ]  # fmt: skip
    assert (line["level"], line["job"], line["batch_id"], line["trace_id"]) == ("warning", "daily", "b", "t")


def test_an_error_about_a_value_is_logged_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = DataError("CAST_INVALID_INPUT", "a value does not fit", "mend it")
    monkeypatch.setattr(logs, "data_error", lambda error: told if "bob@example.org" in str(error) else None)
    with logs.run_log(open_folder(str(tmp_path)), "run-1") as path:
        try:
            int("bob@example.org")
        except ValueError:
            log.exception("the step failed")
    (line,) = lines(path)
    assert line["traceback"] == "ValueError: about a value, which is not shown"
    assert "bob@" not in Path(path).read_text()


@pytest.mark.parametrize(
    ("variable", "settings", "container", "terminal", "wanted"),
    [
        (None, "auto", False, False, "human"),
        (None, "auto", True, False, "json"),
        (None, "auto", True, True, "human"),
        (None, "json", False, True, "json"),
        (None, "human", True, False, "human"),
        ("json", "human", False, True, "json"),
        ("HUMAN", "json", True, False, "human"),
        ("auto", "human", True, False, "json"),
        ("", "json", False, False, "json"),
    ],
)
def test_how_the_console_is_written_to(
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    settings: Literal["auto", "human", "json"],
    container: bool,
    terminal: bool,
    wanted: str,
) -> None:
    if variable is None:
        monkeypatch.delenv(logs.FORMAT, raising=False)
    else:
        monkeypatch.setenv(logs.FORMAT, variable)
    monkeypatch.setattr(logs, "in_container", lambda: container)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert logs.chosen(LogSettings(format=settings)) == wanted


def test_a_variable_that_says_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.FORMAT, "yaml")
    with pytest.raises(ConfigError, match="TIDEMARK_LOGS is `yaml`"):
        logs.chosen(LogSettings())


@pytest.mark.parametrize("mark", ["KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "TIDEMARK_COMMIT"])
def test_a_container_is_known_by_its_marks(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setenv(mark, "there")
    assert logs.in_container()
