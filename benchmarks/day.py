"""`python -m benchmarks.day`: what one day of the sandbox costs: CPU seconds of JVM and Python, queries, jobs, tasks.

The shop's first day builds everything; each day after it is run once, in a process of its own, and counted. Queries are
Spark SQL's executions, jobs those of its scheduler, tasks the seconds that its executor has spent in them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import psutil

from benchmarks.daily import measured_apart, run_day, today
from benchmarks.daily import tidemark as type_in

FIGURES = ("jvm_cpu", "python_cpu", "queries", "jobs", "task_seconds")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench-day"))
    parser.add_argument("--scale", default="1")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--date", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        run_day(options.date)
        sys.stdout.write(f"\n{json.dumps(_spent())}\n")
        return 0
    os.environ["TIDEMARK_HOME"] = str(options.home.absolute())
    days = _measure(options.scale, options.days)
    document = {"name": f"a day of the sandbox, scale {options.scale}", "days": days} | {
        name: statistics.median(day[name] for day in days) for name in FIGURES
    }
    text = json.dumps(document, indent=1)
    sys.stdout.write(f"{text}\n")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 0


def _measure(scale: str, days: int) -> list[dict[str, float]]:
    type_in("sandbox", "up", "--scale", scale)
    try:
        type_in("run", "--date", today())
        found = []
        for _ in range(days):
            type_in("sandbox", "advance")
            told = measured_apart("benchmarks.day", "--inside", "--date", today())
            found.append(json.loads(told.strip().rpartition("\n")[2]))
            sys.stderr.write(f"{found[-1]}\n")
        return found
    finally:
        type_in("sandbox", "down")


def _spent() -> dict[str, float]:
    """What this process and its JVM have spent so far."""
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    scala = context._jsc.sc()
    executions = getattr(context._jvm.org.apache.spark.sql.execution, "SQLExecution$")
    executor = scala.statusStore().executorSummary("driver")
    python = psutil.Process()
    java = [child for child in python.children(recursive=True) if child.name().startswith("java")]
    return {
        "jvm_cpu": round(sum(_cpu(process) for process in java), 1),
        "python_cpu": round(_cpu(python), 1),
        "queries": int(getattr(executions, "MODULE$").nextExecutionId()),
        "jobs": int(scala.dagScheduler().numTotalJobs()),
        "task_seconds": round(int(executor.totalDuration()) / 1000, 1),
    }


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main())
