"""`python -m tests.support.mutation [PATH…]`: puts faults into files, and lets the tests that reach them run.

It ends with 1 where fewer than `--least` of a hundred faults are noticed or explained.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.support.mutation.mutants import Mutant, mutants
from tests.support.mutation.reached import Reached, reached
from tests.support.mutation.results import Result, Results, report, share
from tests.support.mutation.standing import standing_sandbox
from tests.support.mutation.warm import WarmJvm

ROOT = Path(__file__).parents[3]
BUILD = ROOT / "build" / "mutation"
CHECKOUT = BUILD / "checkout"
WINGS = ("write", "compute", "control", "errorlane", "targets")
DEFAULT = (*(f"src/tidemark/{wing}" for wing in WINGS), "flows", "tasks")
SERVED = ("tests/integration/targets", "tests/integration/sources")
"""Suites that need the sandbox's services, which stand between the trials: what meets a warehouse is tried by them."""
_SECONDS = 600.0
_SHOWN = 100


def main(arguments: Sequence[str]) -> int:
    told = _arguments(arguments)
    _copy_checkout()
    tests = _digest(sorted((CHECKOUT / "tests").rglob("*.py")))
    found: list[Result] = []
    with standing_sandbox(BUILD / "sandbox"):
        trial = _Trial(_reached(tests, told), Results(BUILD / "results.jsonl"), tests, told.tests, told.seed)
        chosen = [(path, mutant) for path in _files(told.paths) for mutant in _sample(path, told.per_file, told.seed)]
        try:
            for number, (path, mutant) in enumerate(chosen, start=1):
                result = trial.of(path, mutant)
                found.append(result)
                sys.stderr.write(f"{number}/{len(chosen)} {result.outcome}: {path}:{mutant.line} {result.change}\n")
        finally:
            trial.close()
            text = f"{report(found)}\n\nSeed {told.seed}, {told.per_file or 'all'} faults of a file.\n"
            (BUILD / "report.md").write_text(text, encoding="utf-8")
            sys.stdout.write(text)
    return int(share(found) < told.least)


def _reached(tests: str, told: argparse.Namespace) -> Reached:
    """Which tests reach which lines, as it was found for these tests before, or is found now."""
    suites = _digest_of_words([tests, *told.suite, *told.served])
    known = BUILD / f"reached-{suites[:12]}.json"
    if not known.is_file():
        reached(CHECKOUT, told.suite, told.served, BUILD).save(known)
    return Reached.load(known)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", default=list(DEFAULT), help="files and folders to put faults into")
    parser.add_argument("--per-file", type=int, default=None, help="at most so many faults of a file; all by default")
    parser.add_argument("--seed", type=int, default=0, help="which faults and tests are taken, where not all are")
    parser.add_argument("--tests", type=int, default=60, help="at most so many tests for a fault")
    parser.add_argument("--least", type=float, default=90.0, help="of a hundred, to be noticed or explained")
    parser.add_argument("--suite", nargs="*", default=["tests/unit"], help="the quick tests that may notice faults")
    parser.add_argument("--served", nargs="*", default=list(SERVED), help="those that need the sandbox's services")
    return parser.parse_args(arguments)


class _Trial:
    """Tries faults one after another; the JVM is started when the first one needs it."""

    def __init__(self, by_line: Reached, results: Results, tests: str, most: int, seed: int) -> None:
        self._reached, self._results, self._tests, self._most, self._seed = by_line, results, tests, most, seed
        self._jvm: WarmJvm | None = None

    def of(self, path: str, mutant: Mutant) -> Result:
        source = (ROOT / path).read_text("utf-8")
        digest = hashlib.sha256(source.encode()).hexdigest()
        known = self._results.still_holds(path, mutant.name, digest, self._tests)
        if known is not None:
            return known
        change = " ".join(f"{mutant.before} → {mutant.after}".split())[:_SHOWN]
        outcome, by = self._tried(path, mutant.put_into(source), self._chosen(path, mutant.line))
        result = Result(path, mutant.name, mutant.line, change, outcome, digest, self._tests, by)
        self._results.add(result)
        return result

    def _tried(self, path: str, faulty: str, tests: Sequence[str]) -> tuple[str, str]:
        if not tests:
            return "unreached", ""
        self._jvm = self._jvm or WarmJvm()
        file = CHECKOUT / path
        whole = file.read_text("utf-8")
        file.write_text(faulty, encoding="utf-8")
        try:
            code, output = self._jvm.pytest(CHECKOUT, tests, _SECONDS, BUILD)
        finally:
            file.write_text(whole, encoding="utf-8")
        if code is None:
            return "timed out", ""
        if code not in (0, 1, 2):
            raise SystemExit(f"the tests of {path} did not run: pytest ended with {code}\n{output[-2000:]}")
        return ("survived", "") if code == 0 else ("killed", _failed(output))

    def _chosen(self, path: str, line: int) -> list[str]:
        """The tests that reach a line: first those of its own module, then others, as many as are wanted."""
        tests = list(self._reached.tests(path, line))
        random.Random(f"{self._seed} {path} {line}").shuffle(tests)
        own = f"test_{Path(path).stem}.py"
        wing = f"tests/unit/{Path(path).parent.name}/"
        return sorted(tests, key=lambda test: (own not in test, not test.startswith(wing)))[: self._most]

    def close(self) -> None:
        if self._jvm is not None:
            self._jvm.close()


def _failed(output: str) -> str:
    lines = (line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR ")))
    return next(lines, "").partition(" - ")[0]


def _files(paths: Iterable[str]) -> Iterator[str]:
    for each in paths:
        path = ROOT / each
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        if not files:
            raise SystemExit(f"there is no Python file at {each}")
        yield from (str(file.relative_to(ROOT)) for file in files)


def _sample(path: str, most: int | None, seed: int) -> tuple[Mutant, ...]:
    found = mutants((ROOT / path).read_text("utf-8"))
    if most is None or len(found) <= most:
        return found
    chosen = random.Random(f"{seed} {path}").sample(found, most)
    return tuple(sorted(chosen, key=lambda each: each.start))


def _copy_checkout() -> None:
    """The files of the repository as they are now, where faults cannot harm anybody."""
    shutil.rmtree(CHECKOUT, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            target = CHECKOUT / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def _digest_of_words(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(CHECKOUT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
