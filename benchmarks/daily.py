"""`python -m benchmarks.daily`: the sandbox's daily run against the same run again, which finds nothing new.

Each run is a process of its own, as a person starts it. What a process spends before its first table (Python, Prefect,
Spark) is measured by one that opens a run and does nothing in it, and taken off both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.support.measure import cpu_seconds

_MARK = "cpu seconds: "


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.daily", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench-daily"))
    parser.add_argument("--scale", default="1")
    parser.add_argument("--days", type=int, default=3, help="days that the shop moves on, one pair of runs each")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", choices=list(_INSIDE), help=argparse.SUPPRESS)
    parser.add_argument("--date", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _INSIDE[options.inside](options.date)
        sys.stdout.write(f"{_MARK}{cpu_seconds()}\n")
        return 0
    os.environ["TIDEMARK_HOME"] = str(options.home.absolute())
    measured = list(_measure(options.scale, options.days))
    ratios = [(again - start) / (run - start) for start, run, again in measured]
    median = {"start": 0, "run": 1, "again": 2}
    document = {
        "name": f"daily run with nothing new, scale {options.scale}",
        "ratio": round(statistics.median(ratios), 4),
        "ratio_min": round(min(ratios), 4),
        "ratio_max": round(max(ratios), 4),
        "median": {name: round(statistics.median(each[at] for each in measured), 1) for name, at in median.items()},
        "samples": measured,
    }
    text = json.dumps(document, indent=1)
    sys.stdout.write(f"{text}\n")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 0


def _measure(scale: str, days: int) -> Iterator[tuple[float, float, float]]:
    """For each day: CPU seconds of a run that does nothing, of the day's run, and of the same run again."""
    tidemark("sandbox", "up", "--scale", scale)
    try:
        _cpu("run", today())  # the first day builds everything
        _cpu("run", today())  # and what this one finds is known from then on
        for _ in range(days):
            tidemark("sandbox", "advance")
            yield _cpu("start", today()), _cpu("run", today()), _cpu("run", today())
    finally:
        tidemark("sandbox", "down")


def tidemark(*arguments: str) -> str:
    """Types a command, and gives what it printed."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def today() -> str:
    """The shop's last day."""
    from sandbox.home import Home, read_shop

    shop = read_shop(Home(Path(os.environ["TIDEMARK_HOME"])))
    if shop is None:
        raise FileNotFoundError("the sandbox has no shop")
    return shop.date.isoformat()


def measured_apart(module: str, *arguments: str) -> str:
    """What a module prints that runs in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _cpu(what: str, day: str) -> float:
    told = measured_apart("benchmarks.daily", "--inside", what, "--date", day)
    seconds = float(told.rpartition(_MARK)[2])
    sys.stderr.write(f"{what} {day}: {seconds:.1f} CPU s\n")
    return seconds


def run_day(day: str) -> None:
    """The daily run in this process."""
    from cli.console.launch import launch

    launch("daily", {"date": day}, env="local", config="config", as_json=True)


def _start(day: str) -> None:
    """All that `run_day` does before and after its tables."""
    from cli.console.options import environment_of
    from cli.console.prefect_api import use_prefect
    from tidemark.spark.session import build_session

    environment = environment_of("local", "config")
    use_prefect(environment, debug=False)
    starting = threading.Thread(target=build_session, args=(environment,))
    starting.start()
    import_module("flows.daily")
    from prefect import flow

    from flows.running.context import open_run

    def nothing(day: str) -> None:
        with open_run("nothing", "local", "config", None):
            pass

    flow(nothing, name="nothing")(day)
    starting.join()


_INSIDE: dict[str, Callable[[str], None]] = {"run": run_day, "start": _start}


if __name__ == "__main__":
    sys.exit(main())
