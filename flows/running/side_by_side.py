"""Works on several tables at once, each after its inputs, never more at a time than there is room for."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from tidemark.errors import ConfigError, GateError, TidemarkError, told_lines

_HURRY_AGAIN = 1.0  # seconds


@dataclass
class Outcome:
    """What became of the items: `failures` by item, and those `stopped` because something before them failed."""

    failures: dict[str, Exception] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()

    def raise_failures(self, summary: str, next_step: str | None = None) -> None:
        """Raises what failed: a single error as it is, with what it stopped; several as one that names them all."""
        if len(self.failures) == 1:
            failure = next(iter(self.failures.values()))
            if isinstance(failure, TidemarkError) and self.stopped:
                failure.seen = (*failure.seen, f"not done because of that: {', '.join(self.stopped)}")
            raise failure
        if self.failures:
            raise together(self.failures, self.stopped, summary, next_step)


def side_by_side(
    items: Collection[str],
    work: Callable[[str], None],
    *,
    at_once: int,
    after: Mapping[str, Iterable[str]] | None = None,
    waits: Mapping[str, Iterable[str]] | None = None,
    on_abort: Callable[[], None] | None = None,
) -> Outcome:
    """Calls `work` for every item, at most `at_once` at a time; an item comes after those that `after` names for it.

    A failure stops what comes after it and nothing else; what only `waits` for an item goes on when that has failed, or
    has been stopped. When this thread itself is interrupted, what has not begun
    never does, `on_abort` is called to hurry up what has, again and again (what it finds to stop may begin after it
    looked), and the interruption goes on once that has ended.
    """
    before, besides = after or {}, waits or {}
    graph = TopologicalSorter(
        {item: {*before.get(item, ()), *besides.get(item, ())}.intersection(items) for item in items}
    )
    graph.prepare()
    outcome, lost = Outcome(), set[str]()
    running: dict[Future[None], str] = {}
    pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="tidemark")
    try:
        while graph.is_active():
            for item in sorted(graph.get_ready(), key=list(items).index):
                if lost.isdisjoint(before.get(item, ())):
                    running[pool.submit(contextvars.copy_context().run, work, item)] = item
                else:
                    lost.add(item)
                    graph.done(item)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    future.result()
                except Exception as failure:
                    outcome.failures[item] = failure
                    lost.add(item)
                graph.done(item)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        while on_abort is not None and any(not future.done() for future in running):
            on_abort()
            wait(running, timeout=_HURRY_AGAIN)
        raise
    finally:
        pool.shutdown(wait=True)
    outcome.stopped = tuple(item for item in items if item in lost and item not in outcome.failures)
    return outcome


def together(
    failures: Mapping[str, Exception], stopped: Collection[str], summary: str, next_step: str | None
) -> TidemarkError:
    """One error for several: it names every table. Its exit code is theirs where all agree, else that of a failure."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for item, failure in failures.items():
        alike.setdefault(_told(item, failure), []).append(item)
    seen = [line for told, items in alike.items() for line in (f"{', '.join(items)}: {told[0]}", *told[1:])]
    if stopped:
        seen.append(f"not done because of that: {', '.join(stopped)}")
    kinds: tuple[type[TidemarkError], ...] = (GateError, ConfigError)
    agreed = (kind for kind in kinds if all(isinstance(failure, kind) for failure in failures.values()))
    error = next(agreed, TidemarkError)(summary, next_step=next_step)
    error.seen = tuple(seen)
    return error


def _told(item: str, failure: Exception) -> tuple[str, ...]:
    """What a failure says, without the item that it says it of: one missing secret is told once for all its tables."""
    if not isinstance(failure, TidemarkError):
        return tuple(f"{type(failure).__name__}: {failure}".splitlines())
    first, *others = told_lines(failure)
    return (first.removeprefix(f"{item}: ").removeprefix(f"{item} "), *others)
