"""The log of a run: JSON lines with run, table and step."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidemark import redaction
from tidemark.aws.folder import open_folder
from tidemark.observe import logs
from tidemark.redaction import protect

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
    with logs.run_log(open_folder(str(tmp_path)), "run-1") as path:
        log.info("started")
        with logs.bound(table="silver.orders", step="prepare"):
            log.info("%d rows", 3)
        log.info("ended")
    first, inside, last = lines(path)
    assert inside | {"at": ""} == {
        "at": "",
        "level": "info",
        "logger": "tidemark.test",
        "message": "3 rows",
        "run_id": "run-1",
        "table": "silver.orders",
        "step": "prepare",
    }
    assert "table" not in first
    assert "table" not in last


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


def test_the_console_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(logs.LOGGER)
    before, level = list(logger.handlers), logger.level
    try:
        logs.to_console()
        with logs.bound(table="silver.orders", step="gate"):
            log.warning("1 check failed")
            log.info("done")
    finally:
        logger.handlers, logger.level = before, level
    warned, informed = capsys.readouterr().err.splitlines()
    assert warned.endswith(" silver.orders gate  warning: 1 check failed")
    assert informed.endswith(" silver.orders gate  done")
