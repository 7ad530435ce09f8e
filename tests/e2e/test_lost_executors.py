"""An executor dies in the middle of a load: its tasks run again, and count again; the books stay exact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.lakes import lost_executors
from tests.support.lakes.lost_executors import BAD_EACH, CHANGED_EACH, KEYS, ROWS

ROUNDS = int(os.environ.get("TIDEMARK_TEST_EXECUTORS", "10"))
pytestmark = pytest.mark.timeout(300 + 120 * ROUNDS)


def expected() -> dict[str, int]:
    """The books of the second load, by a plain look at each key."""
    counts: Counter[str] = Counter(extracted=ROWS)
    for key in range(KEYS):
        rows = [row for row in (key, key + KEYS) if row < ROWS]  # the newer one first
        good = [row for row in rows if row % BAD_EACH != 1]
        counts["quarantined"] += len(rows) - len(good)
        if good:
            counts["accepted"] += 1
            counts["superseded"] += len(good) - 1
            counts["updated" if good[0] % CHANGED_EACH == 0 else "unchanged"] += 1
    return dict(counts)


def test_books_are_exact_though_an_executor_dies(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", lost_executors.__name__, str(tmp_path), str(ROUNDS), "11"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    rounds = [json.loads(line) for line in told.stdout.splitlines() if line.startswith("{")]

    assert len(rounds) == ROUNDS
    assert sum(each["killed"] for each in rounds) >= ROUNDS // 2, "hardly an executor was hit: nothing was tried"
    for each in rounds:
        assert {name: each["books"][name] for name in expected()} == expected()
        assert each["books"]["inserted"] == each["books"]["deleted"] == each["books"]["vanished"] == 0
