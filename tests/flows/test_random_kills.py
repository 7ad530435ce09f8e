"""Runs that are killed at any time, again and again, and in the end leave what one uninterrupted run leaves."""

from __future__ import annotations

import random
import time

import pytest

from flows.daily import daily
from tests.flows.conftest import Pipeline, begun, make_pipeline
from tests.flows.test_crashes import DAY, left, second_day
from tests.support.lake import Lake

ROUNDS, LAKES = 30, 3
LONGEST = 30.0  # seconds: some runs come to their end


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(LAKES))
def test_kills_at_random_times_leave_no_trace(
    pipeline: Pipeline, prefect_server: str, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    whole = make_pipeline(Lake(pipeline.lake.spark, tmp_path_factory.mktemp("whole")))
    daily(**whole.where, date=DAY)
    second_day(whole)
    daily(**whole.where, date=DAY)

    for number in range(ROUNDS // LAKES):
        if number == ROUNDS // LAKES // 2:
            second_day(pipeline)
        process = begun(pipeline, prefect_server, "run", "--date", DAY.isoformat())
        time.sleep(chance.uniform(3, LONGEST))
        process.kill()
        process.communicate()
    daily(**pipeline.where, date=DAY)

    kept, expected = left(pipeline), left(whole)
    assert kept.tables == expected.tables
    assert kept.errors == expected.errors
