"""Which tests reach which lines of the code, from one run of the suite under coverage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("src/tidemark", "flows", "tasks")
Lines = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class Reached:
    """For each file, by its path in the repository, the tests that run each of its lines."""

    files: Mapping[str, Lines]

    def tests(self, path: str, line: int) -> tuple[str, ...]:
        """The tests of a line; a line that runs when its module is imported is reached by those of the whole module."""
        lines = self.files.get(path, {})
        found = lines.get(line, ())
        return found or tuple(dict.fromkeys(test for tests in lines.values() for test in tests))

    @classmethod
    def load(cls, path: Path) -> Reached:
        stored = json.loads(path.read_text("utf-8"))
        return cls({file: {int(line): tuple(tests) for line, tests in lines.items()} for file, lines in stored.items()})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({file: dict(lines) for file, lines in self.files.items()}), encoding="utf-8")


def reached(root: Path, quick: Sequence[str], served: Sequence[str], folder: Path) -> Reached:
    """Runs tests of a checkout under coverage: of `quick` all that are not slow, of `served` all."""
    from coverage import CoverageData

    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "coveragerc"
    sources = "".join(f"  {each}\n" for each in SOURCES)
    settings.write_text(f"[run]\ndata_file = {folder / 'coverage'}\nrelative_files = true\nsource =\n{sources}")
    _run(root, settings, ["-m", "not slow", *quick])
    if served:
        _run(root, settings, ["--cov-append", *served])
    data = CoverageData(str(folder / "coverage"))
    data.read()
    return Reached({file: _lines(data.contexts_by_lineno(file)) for file in sorted(data.measured_files())})


def _run(root: Path, settings: Path, chosen: Sequence[str]) -> None:
    options = ["-q", "-p", "no:cacheprovider", "--cov-context=test", "--cov-report=", "--cov"]
    command = [sys.executable, "-m", "pytest", *options, f"--cov-config={settings}", *chosen]
    ended = subprocess.run(command, cwd=root, check=False)
    if ended.returncode not in (0, 1):
        raise SystemExit(f"the suite did not run: pytest ended with {ended.returncode}")


def _lines(by_line: Mapping[int, Iterable[str]]) -> Lines:
    """The tests by line: coverage names a test with the part of it that ran (`…|run`)."""
    found = {
        line: tuple(sorted({name.rpartition("|")[0] for name in names if "|" in name}))
        for line, names in by_line.items()
    }
    return {line: tests for line, tests in found.items() if tests}
