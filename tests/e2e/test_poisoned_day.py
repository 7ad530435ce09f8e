"""A day whose rows keep every rule and whose prices are a hundred times too high: gold refuses it, nobody sees it."""

from __future__ import annotations

import json
import re

import pytest

from sandbox.ledger import BRONZE_TABLES
from tests.support.worlds.world import BUILT, Poisoned

pytestmark = pytest.mark.timeout(1800)


def test_the_run_fails_at_the_gate_and_says_what_was_seen(poisoned: Poisoned) -> None:
    assert poisoned.answer.returncode == 3, poisoned.answer.stderr[-2000:]
    summary = json.loads(poisoned.answer.stdout)
    assert summary["status"] == "gate failed"
    assert "highest average order value of a day" in poisoned.answer.stderr
    assert re.search(r"silver and gold stay at release r\d+; bronze kept", poisoned.answer.stderr)


def test_no_version_of_any_silver_or_gold_table_holds_it_and_bronze_keeps_it(poisoned: Poisoned) -> None:
    assert {table: poisoned.after[table] for table in BUILT} == {table: poisoned.before[table] for table in BUILT}
    orders = BRONZE_TABLES["SALES.ORDERS"]
    assert poisoned.after[orders] > poisoned.before[orders]


def test_the_warehouses_stay_as_they_were(poisoned: Poisoned) -> None:
    assert poisoned.published_after == poisoned.published_before
