"""What is seen of a run while it works: on a terminal one live line for each table at work, else plain lines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from flows.running.telling.progress import PUBLISH, describe, describe_publication, publish_stage
from tidemark.control.runs import Publication, RunSummary, TableResult
from tidemark.observe.run_report import duration
from tidemark.shown import line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tidemark.compute.gate.quality import GateResult

log = logging.getLogger("tidemark.progress")

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_A_SECOND = 8


class Display:
    """Remembers the summary of the run; `summary` is None until the run is over."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.summary: RunSummary | None = None
        self.path: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        self._line(f"{stage}: {len(tables)} {'table' if len(tables) == 1 else 'tables'}")

    def step_began(self, table: str, step: str) -> None:
        """Plain lines tell what is done, not what begins."""

    def gate_ended(self, result: GateResult) -> None:
        """The line of the table says how many checks it passed."""

    def table_ended(self, result: TableResult) -> None:
        self._line(describe(result))

    def publication_began(self, table: str, target: str) -> None:
        """As with steps."""

    def publication_ended(self, published: Publication) -> None:
        self._line(describe_publication(published))

    def waits(self, told: str) -> None:
        self._line(told)

    def run_ended(self, summary: RunSummary, path: str) -> None:
        self.summary, self.path = summary, path

    def _line(self, text: str) -> None:
        clock = datetime.now(UTC).strftime("%H:%M:%S")
        self.console.print(f"{clock}  {line(text)}", highlight=False, markup=False, soft_wrap=True)


class LiveDisplay(Display):
    """The same on a terminal: what is at work is redrawn in place and gone when the run is over."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        super().__init__(console)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._stages: dict[str, set[str]] = {}
        self._sizes: dict[str, int] = {}
        self._working: dict[str, tuple[str, float]] = {}
        self._live = Live(
            get_renderable=self.drawing, console=console, transient=True, refresh_per_second=_FRAMES_A_SECOND
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def stage_began(self, stage: str, tables: Sequence[str]) -> None:
        with self._lock:
            self._stages[stage], self._sizes[stage] = set(tables), len(tables)

    def step_began(self, table: str, step: str) -> None:
        with self._lock:
            self._working[table] = (step, time.monotonic())

    def table_ended(self, result: TableResult) -> None:
        with self._lock:
            self._working.pop(result.table, None)
            for name, left in self._stages.items():
                if not name.startswith(PUBLISH):
                    left.discard(result.table)
        if result.in_trouble:
            super().table_ended(result)

    def publication_began(self, table: str, target: str) -> None:
        with self._lock:
            self._working[_in_target(table, target)] = ("publish", time.monotonic())

    def publication_ended(self, published: Publication) -> None:
        with self._lock:
            self._working.pop(_in_target(published.table, published.target), None)
            self._stages.get(publish_stage(published.target), set()).discard(published.table)
        if published.error is not None:
            super().publication_ended(published)

    def drawing(self) -> RenderableType:
        """What the terminal shows now."""
        from rich.text import Text

        now = time.monotonic()
        frame = _FRAMES[int(now * _FRAMES_A_SECOND) % len(_FRAMES)]
        with self._lock:
            done = {name: self._sizes[name] - len(left) for name, left in self._stages.items()}
            stages = [f"{name} {number}/{self._sizes[name]}" for name, number in done.items()]
            lines = [
                f"  {frame} {table:<42} {step:<14} {duration(now - since)}"
                for table, (step, since) in sorted(self._working.items())
            ]
        head = " · ".join([duration(now - self._began), *stages]) if stages else f"{frame} starting"
        return Text("\n".join(map(line, (head, *lines))), no_wrap=True, overflow="ellipsis")


def _in_target(table: str, target: str) -> str:
    return f"{table} → {target}"


class LoggedDisplay(Display):
    """The same as records of the log, on a console of JSON lines."""

    def _line(self, text: str) -> None:
        log.info(text)


def display(console: Console, *, logged: bool = False) -> Display:
    """The display that fits the console; `logged`: what is seen there are the records of the log."""
    if logged:
        return LoggedDisplay(console)
    return LiveDisplay(console) if console.is_terminal else Display(console)
