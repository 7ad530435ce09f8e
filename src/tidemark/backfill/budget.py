"""What a backfill will cost, by what runs of its tables have cost, and whether the environment lets it begin.

A day of a backfill does for each of its tables what a load does. Its cost is taken from the last loads that were
measured, each table's by itself: an earlier backfill has done many days at once, and an apply only commits. More than
the budget is begun only when somebody answers for it, by name and reason; that is recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tidemark.control.state import ABSENT
from tidemark.errors import ConfigError
from tidemark.observe.metrics import COST

if TYPE_CHECKING:
    from tidemark.backfill.request import Backfill
    from tidemark.config.environment import Environment
    from tidemark.control.runs import RunStore, RunSummary
    from tidemark.control.state import StateStore

KIND = "budget"
_RUNS = 1000  # looked at, for loads that have done something of the tables
_OF_EACH = 5  # runs of a table whose cost counts
_NEXT = "select fewer tables or days, or say who answers for it and why: --over-budget-by NAME --why TEXT"
_LONGEST_TEXT = 1000
_SHOWN = 5


@dataclass(frozen=True)
class Estimate:
    """What a backfill may cost: a day of each table (USD), for how many days, and of which tables nobody knows."""

    days: int
    a_day: Mapping[str, float]
    unknown: tuple[str, ...] = ()

    @property
    def usd(self) -> float:
        return self.days * sum(self.a_day.values())

    def lines(self) -> list[str]:
        """The numbers, the dearest tables first."""
        dearest = sorted(self.a_day.items(), key=lambda each: -each[1])
        shown = ", ".join(f"{table} {usd:.4f}" for table, usd in dearest[:_SHOWN])
        more = f" and {len(dearest) - _SHOWN} more" if len(dearest) > _SHOWN else ""
        told = [
            f"{self.days} days × {sum(self.a_day.values()):.4f} USD, by the last loads of its tables: {shown}{more}"
        ]
        return told + ([f"no load was measured of {', '.join(self.unknown)}"] if self.unknown else [])


@dataclass(frozen=True)
class Answered:
    """Somebody has let a backfill begin that costs more than the budget; `at` is UTC."""

    backfill_id: str
    who: str
    why: str
    at: str
    usd: float
    budget_usd: float
    days: int
    unknown: tuple[str, ...]


def estimate(todo: Backfill, done: Mapping[str, int], runs: Iterable[RunSummary]) -> Estimate:
    """What is left of a backfill will cost; `done` are how many chunks of each table are. `runs` newest first.

    What is read, too, is counted for every day: a table that is read as a whole takes longer than on a day.
    """
    left = max((len(chunks) - done.get(table, 0) for table, chunks in todo.chunks.items()), default=0)
    days = (todo.request.end - todo.request.start).days + 1
    if todo.chunks and not todo.wholes and todo.request.chunk == "day":
        days = min(days, left)
    tables = (*todo.chunks, *todo.built)
    costs: dict[str, list[float]] = {table: [] for table in tables}
    idle: dict[str, list[float]] = {table: [] for table in tables}
    for run in (each for each in runs if each.computes):
        measured = run.metrics.get("tables") or {}
        for result in run.tables:
            cost = (measured.get(result.table) or {}).get(COST)
            found = {"committed": costs, "unchanged": idle}.get(result.status, {}).get(result.table)
            if found is not None and cost is not None and len(found) < _OF_EACH:
                found.append(float(cost))
    # What a run costs that had nothing to do says nothing of a day, unless there is none that had.
    counted = {table: costs[table] or idle[table] for table in tables}
    a_day = {table: fmean(each) for table, each in counted.items() if each}
    return Estimate(days, a_day, tuple(table for table in tables if table not in a_day))


def refuse_dear(
    environment: Environment,
    state: StateStore,
    store: RunStore,
    todo: Backfill,
    done: Mapping[str, int],
    *,
    who: str | None,
    why: str | None,
) -> Answered | None:
    """Raises `ConfigError` where a backfill would cost more than the environment's budget, or nobody knows.

    With `who` and `why` that is recorded, and given, in place of the refusal.
    """
    budget = environment.budgets.backfill_usd
    if budget is None:
        return None
    found = estimate(todo, done, store.loads(_RUNS))
    if found.usd <= budget and not found.unknown:
        return None
    if who is None and why is None:
        what = f"costs about {found.usd:.2f} USD" if found.usd > budget else "may cost more than anybody knows"
        raise ConfigError(
            f"the backfill {what}, and the budget of {environment.name} for one is {budget:.2f} USD; nothing was done",
            seen=found.lines(),
            next_step=_NEXT,
        )
    told = {"who": " ".join((who or "").split()), "why": " ".join((why or "").split())}
    for name, text in told.items():
        if not text or len(text) > _LONGEST_TEXT:
            raise ConfigError(
                f"who goes over a budget says {name}, in 1 to {_LONGEST_TEXT:,} characters", next_step=_NEXT
            )
    at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    usd = round(found.usd, 4)
    made = Answered(todo.backfill_id, told["who"], told["why"], at, usd, budget, found.days, found.unknown)
    state.put(KIND, uuid.uuid4().hex, asdict(made), expected=ABSENT)
    return made


def every(state: StateStore) -> tuple[dict[str, Any], ...]:
    """Who has gone over a budget, newest first."""
    return tuple(sorted((dict(each.value) for each in state.list(KIND)), key=lambda each: each["at"], reverse=True))
