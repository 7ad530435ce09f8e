"""`python -m benchmarks`: measures the loads against bare Spark in one session and writes JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks import dqx, loads
from benchmarks.support import lake
from benchmarks.support.measure import Comparison

HEAP = "6g"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=["append", "rules", "upsert"], help="measure one kind of work")
    parser.add_argument("--append-rows", type=int, default=1_900_000)
    parser.add_argument("--upsert-rows", type=int, nargs="+", default=[2_000_000, 5_000_000])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--home", type=Path, default=Path(".tidemark/bench"))
    parser.add_argument("--out", type=Path, default=Path(".tidemark/bench/results.json"))
    options = parser.parse_args()
    home = options.home.absolute()
    results = _measure(options, home)
    document = {"machine": {"cores": os.cpu_count(), "python": platform.python_version()}, "results": results}
    options.out.write_text(json.dumps(document, indent=1), encoding="utf-8")
    sys.stdout.write(f"written to {options.out}\n")
    return 0


def _measure(options: argparse.Namespace, home: Path) -> list[dict[str, object]]:
    spark = lake.session(home, HEAP)
    results: list[dict[str, object]] = []

    def note(comparison: Comparison) -> None:
        results.append(comparison.to_json())
        sys.stdout.write(
            "{name}: {ratio}x ({ratio_min} to {ratio_max}), {ours_cpu} against {bare_cpu} CPU s\n".format(**results[-1])
        )
        sys.stdout.flush()

    if options.only in (None, "append"):
        note(loads.append(spark, home, options.append_rows, options.pairs))
    if options.only in (None, "rules"):
        note(dqx.rules(spark, home, options.append_rows, options.pairs))
    if options.only in (None, "upsert"):
        for rows in options.upsert_rows:
            for comparison in loads.upsert(spark, home, rows, options.pairs):
                note(comparison)
    spark.stop()
    return results


if __name__ == "__main__":
    sys.exit(main())
