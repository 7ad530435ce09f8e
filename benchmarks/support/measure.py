"""Measures CPU seconds of the whole process tree, two ways of one job in turn: A B B A, after warm-ups."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Sample:
    """One run: CPU seconds of the process tree (the JVM is a child), and seconds on the clock."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """`ours` against `bare`, pair by pair; `ratio` is the median of the pairs' CPU ratios."""

    name: str
    ours: tuple[Sample, ...]
    bare: tuple[Sample, ...]

    @property
    def ratios(self) -> list[float]:
        return [mine.cpu / other.cpu for mine, other in zip(self.ours, self.bare, strict=True)]

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "ratio": round(statistics.median(self.ratios), 3),
            "ratio_min": round(min(self.ratios), 3),
            "ratio_max": round(max(self.ratios), 3),
            "ours_cpu": round(statistics.median(sample.cpu for sample in self.ours), 2),
            "bare_cpu": round(statistics.median(sample.cpu for sample in self.bare), 2),
            "ours_wall": round(statistics.median(sample.wall for sample in self.ours), 2),
            "bare_wall": round(statistics.median(sample.wall for sample in self.bare), 2),
            "samples": {"ours": [asdict(each) for each in self.ours], "bare": [asdict(each) for each in self.bare]},
        }


def cpu_seconds() -> float:
    """CPU seconds that this process and everything below it have used so far."""
    root = psutil.Process()
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def sample(work: Callable[[], None]) -> Sample:
    """Runs `work` once and measures it."""
    cpu, wall = cpu_seconds(), time.monotonic()
    work()
    return Sample(round(cpu_seconds() - cpu, 3), round(time.monotonic() - wall, 3))


def compare(
    name: str,
    ours: Callable[[], None],
    bare: Callable[[], None],
    *,
    reset: Callable[[], None],
    pairs: int = 5,
    warmups: int = 2,
) -> Comparison:
    """Measures both in turn; `reset` puts the tables back before each and is not measured.

    Each is the first of a pair as often as the other: what the first of them reads is warm for the second.
    """
    measured: dict[Callable[[], None], list[Sample]] = {ours: [], bare: []}
    for number in range(warmups + pairs):
        for way in (ours, bare) if number % 2 else (bare, ours):
            reset()
            taken = sample(way)
            if number >= warmups:
                measured[way].append(taken)
    reset()
    return Comparison(name, tuple(measured[ours]), tuple(measured[bare]))


def tell(results: Iterable[Mapping[str, object]], out: Path | None) -> None:
    """Prints each result as it comes, without its samples; with `out`, writes all of them there."""
    told = []
    for result in results:
        told.append(result)
        sys.stdout.write(f"{json.dumps({key: value for key, value in result.items() if key != 'samples'})}\n")
        sys.stdout.flush()
    if out:
        out.write_text(json.dumps(told, indent=1), encoding="utf-8")
