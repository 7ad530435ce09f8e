"""Logs of a run: JSON lines in a file under the `logs` root, with run, table and step as fields; no secrets."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from typing_extensions import override

from tidemark import redaction

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder

LOGGER = "tidemark"
FIELDS = ("run_id", "table", "step")
_context: ContextVar[Mapping[str, str]] = ContextVar("tidemark_log_fields", default=MappingProxyType({}))


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Adds fields (`run_id`, `table`, `step`) to every record that this thread logs inside the block."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class _Fields(logging.Filter):
    """Copies the bound fields into the record; what the record itself brings wins."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name in FIELDS:
            if not hasattr(record, name):
                setattr(record, name, _context.get().get(name))
        return True


class _Relevant(logging.Filter):
    """Lets the engine's records through, and of other libraries what is a warning or worse."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or f"{record.name}.".startswith(f"{LOGGER}.")


class JsonFormatter(logging.Formatter):
    """One JSON object a record: `at` (UTC), `level`, `logger`, `message`, and `run_id`, `table`, `step` where known."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["traceback"] = record.exc_text
        return json.dumps(line, ensure_ascii=False, default=str)


class ConsoleFormatter(logging.Formatter):
    """For a person: time, level where it is not plain information, table and step, message."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        about = " ".join(value for name in ("table", "step") if (value := getattr(record, name, None)))
        text = f"{clock} {f'{about}  ' if about else ''}{level}{record.getMessage()}"
        return f"{text}\n{record.exc_text}" if record.exc_text else text


def to_console(level: int = logging.INFO) -> None:
    """Shows the engine's records of at least `level` on stderr."""
    redaction.install()
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    handler.addFilter(_Fields())
    handler.setFormatter(ConsoleFormatter())
    logger = logging.getLogger(LOGGER)
    logger.setLevel(min(level, logger.level or level))
    logger.addHandler(handler)


class _LogFile(logging.FileHandler):
    """The file of a run's log. A disk that is full costs lines of the log, not the run."""

    _told = False

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        failure = sys.exc_info()[1]
        if isinstance(failure, OSError):
            self._tell(failure)
        else:
            super().handleError(record)

    def close(self) -> None:
        try:
            super().close()
        except OSError as failure:
            self._tell(failure)

    def _tell(self, failure: OSError) -> None:
        if not self._told:
            self._told = True
            sys.stderr.write(f"the log {self.baseFilename} cannot be written: {failure.strerror}\n")


@contextmanager
def run_log(folder: Folder, run_id: str, level: int = logging.INFO) -> Iterator[str]:
    """Writes what is logged inside the block to `<run_id>.jsonl` in `folder`, and yields that file's path.

    The engine's records are kept from `level` on, those of other libraries from warnings on. S3 cannot append:
    there the file is written beside and stored when the block ends, however it ends.
    """
    redaction.install()
    name = f"{run_id}.jsonl"
    with tempfile.TemporaryDirectory(prefix="tidemark-logs-") as scratch:
        local = Path(folder.path(name)) if folder.is_local else Path(scratch) / name
        local.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(local, encoding="utf-8", delay=False)
        handler.addFilter(_Fields())
        handler.addFilter(_Relevant())
        handler.setFormatter(JsonFormatter())
        logger, root = logging.getLogger(LOGGER), logging.getLogger()
        before = logger.level
        logger.setLevel(level)
        root.addHandler(handler)
        try:
            with bound(run_id=run_id):
                yield folder.path(name)
        finally:
            root.removeHandler(handler)
            logger.setLevel(before)
            handler.close()
            if not folder.is_local:
                folder.write_text(name, local.read_text(encoding="utf-8"))
