"""What became of each fault, kept between runs: a fault that was noticed is tried again when its file changes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import yaml

Outcome = Literal["killed", "timed out", "survived", "unreached"]
NOTICED: tuple[Outcome, ...] = ("killed", "timed out")
EXPLAINED = Path(__file__).with_name("explained.yaml")


@dataclass(frozen=True)
class Result:
    """What the tests made of one fault of a file; `source` and `tests` are hashes of what was tried."""

    path: str
    name: str
    line: int
    change: str
    outcome: Outcome
    source: str
    tests: str
    by: str = ""

    @property
    def noticed(self) -> bool:
        return self.outcome in NOTICED


class Results:
    """The results of before, and those of this run, one a line of a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[tuple[str, str], Result] = {}
        if path.is_file():
            for line in path.read_text("utf-8").splitlines():
                result = Result(**json.loads(line))
                self._known[result.path, result.name] = result

    def still_holds(self, path: str, name: str, source: str, tests: str) -> Result | None:
        """The result of before, where it would be the same today: a fault that was noticed needs no other tests."""
        known = self._known.get((path, name))
        if known is None or known.source != source:
            return None
        return known if known.noticed or known.tests == tests else None

    def add(self, result: Result) -> None:
        self._known[result.path, result.name] = result
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(result)) + "\n")


def share(results: Iterable[Result]) -> float:
    """Of a hundred faults that nobody has explained, how many were noticed; 100 where there is none."""
    counts = Counter(_fate(each, _explained()) for each in results)
    return _share(counts)


def report(results: Iterable[Result]) -> str:
    """A Markdown table of the files, and every fault that no test noticed and nobody has explained."""
    explained = _explained()
    by_file: dict[str, list[Result]] = {}
    for result in results:
        by_file.setdefault(result.path, []).append(result)
    return "\n".join([*_table(by_file, explained), "", *_survivors(by_file, explained)])


def _table(by_file: Mapping[str, list[Result]], explained: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield "| file | faults | noticed | explained | left | noticed of the others |"
    yield "|---|---:|---:|---:|---:|---:|"
    total: Counter[str] = Counter()
    for path, found in sorted(by_file.items()):
        counts = Counter(_fate(each, explained) for each in found)
        total += counts
        yield _row(f"`{path}`", counts)
    yield _row("**all**", total)


def _row(name: str, counts: Mapping[str, int]) -> str:
    noticed, explained, left = (counts.get(fate, 0) for fate in ("noticed", "explained", "left"))
    told = f"{_share(counts):.0f} %" if noticed + left else "–"
    return f"| {name} | {noticed + explained + left} | {noticed} | {explained} | {left} | {told} |"


def _share(counts: Mapping[str, int]) -> float:
    noticed, left = counts.get("noticed", 0), counts.get("left", 0)
    return 100 * noticed / (noticed + left) if noticed + left else 100.0


def _explained() -> Mapping[str, Mapping[str, str]]:
    return yaml.safe_load(EXPLAINED.read_text("utf-8")) or {}


def _survivors(by_file: Mapping[str, list[Result]], explained: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for path, found in sorted(by_file.items()):
        for each in sorted(found, key=lambda each: each.line):
            if _fate(each, explained) == "left":
                yield f"- `{path}:{each.line}` {each.outcome}: `{each.change}` ({each.name})"


def _fate(result: Result, explained: Mapping[str, Mapping[str, str]]) -> str:
    if result.noticed:
        return "noticed"
    return "explained" if result.name in explained.get(result.path, {}) else "left"
