"""Logs of a run: JSON lines in a file under the `logs` root, and on the console of a container; no secrets, no values.

Every line has the same fields, null where they are not known: `ts`, `level`, `run_id`, `batch_id`, `job`, `table`,
`step`, `trace_id` (W3C: that of the flow run, of Spark's jobs and of lineage events), `logger`, `message`.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from tidemark import redaction
from tidemark.errors import ConfigError
from tidemark.shown import json_line
from tidemark.spark.dataerrors import data_error

if TYPE_CHECKING:
    from tidemark.aws.folder import Folder
    from tidemark.config.environment import LogSettings

LOGGER = "tidemark"
FIELDS = ("run_id", "batch_id", "job", "table", "step", "trace_id")
FORMAT = "TIDEMARK_LOGS"
"""The variable that says `human` or `json`, before the environment's file does."""

_MARKS = ("KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "TIDEMARK_COMMIT")  # the last by our images
_context: ContextVar[Mapping[str, str]] = ContextVar("tidemark_log_fields", default=MappingProxyType({}))


def chosen(settings: LogSettings) -> Literal["human", "json"]:
    """How the console is written to; raises `ConfigError` for a variable that says something else."""
    named = os.environ.get(FORMAT, "").strip().lower() or settings.format
    if named not in ("human", "json", "auto"):
        raise ConfigError(f"{FORMAT} is `{named}`", next_step=f"{FORMAT}=human or {FORMAT}=json")
    if named == "auto":
        return "json" if in_container() and not sys.stderr.isatty() else "human"
    return "json" if named == "json" else "human"


def in_container() -> bool:
    """Whether this process is in a container that a cluster runs, or in one of our image; not in a developer's."""
    return any(map(os.environ.get, _MARKS))


def known(field: str) -> str | None:
    """The value of a field that records have now."""
    return _context.get().get(field)


@contextmanager
def bound(**fields: str | None) -> Iterator[None]:
    """Adds fields (`run_id`, `table`, `step` …) to every record that this thread logs inside the block."""
    token = _context.set({**_context.get(), **{name: value for name, value in fields.items() if value}})
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
    """One JSON object a record. Of an error about a value the kind is told alone: its text shows the value."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        line |= {name: getattr(record, name, None) for name in FIELDS}
        line |= {"logger": record.name, "message": record.getMessage()}
        traceback = self._traceback(record)
        if traceback:
            line["traceback"] = traceback
        return json_line(line)

    def _traceback(self, record: logging.LogRecord) -> str | None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and data_error(error) is not None:
            return f"{type(error).__name__}: about a value, which is not shown"
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        return record.exc_text


def json_console(level: int = logging.INFO) -> logging.Handler:
    """What writes records as JSON lines on stderr."""
    redaction.install()
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    handler.addFilter(_Fields())
    handler.setFormatter(JsonFormatter())
    return handler


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
def run_log(
    folder: Folder, run_id: str, level: int = logging.INFO, *, job: str | None = None, trace_id: str | None = None
) -> Iterator[str]:
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
            with bound(run_id=run_id, job=job, trace_id=trace_id):
                yield folder.path(name)
        finally:
            root.removeHandler(handler)
            logger.setLevel(before)
            handler.close()
            if not folder.is_local:
                folder.write_text(name, local.read_text(encoding="utf-8"))
