"""After three days of the shop, the last refused by a gate: its people are where docs/privacy.md says, nowhere else.

Who they are, the shop's own ledger says. Every file, record and row is searched for their addresses and numbers.
"""

from __future__ import annotations

import pytest

from tests.support.worlds import prefect_database, resting
from tests.support.worlds.world import GOLD, Poisoned, World, ledger

pytestmark = pytest.mark.timeout(1800)

TELLING = {
    "silver.customer_versions": ("email", "phone", "street"),
    "silver.contacts": ("email", "phone"),
    "silver.account_versions": ("owner_email",),
}
"""Columns by whose values a person is known; a first name, or a day, is also something else's."""
AS_THEY_ARE = {"lake/bronze", "lake/silver", "lake/_errors", "lake/_staging"}
"""Where docs/privacy.md says that values are as they came; in staging those of the run that failed, for some days."""
_TELLS = 5
"""Characters: what is shorter ("7" as a street) is in any text."""


@pytest.fixture(scope="module")
def people() -> frozenset[str]:
    """What tells who somebody is, by the ledger of both days."""
    values = (row[each] for table, columns in TELLING.items() for row in ledger(31).expected(table) for each in columns)
    return frozenset(str(value) for value in values if value and len(str(value)) >= _TELLS)


def test_nobody_is_on_the_way_once_the_runs_are_over(world: World, people: frozenset[str]) -> None:
    """First, as of a run that fails exchange and staging keep what was on its way, for some days."""
    assert resting.found(people, resting.objects(world.endpoints)) == {}
    assert "lake/_staging" not in resting.found(people, resting.files(world.home))


def test_files_hold_people_where_the_page_says(world: World, poisoned: Poisoned, people: frozenset[str]) -> None:
    assert poisoned.answer.returncode != 0
    found = resting.found(people, resting.files(world.home))

    assert found.keys() >= AS_THEY_ARE, "this looks, and finds"
    assert len(found["lake/silver"]) > 0.9 * len(people), "but for values that are a part of another"
    assert {place: sorted(values)[:5] for place, values in found.items() if place not in AS_THEY_ARE} == {}


@pytest.mark.usefixtures("poisoned")
def test_warehouses_hold_nobody(world: World, people: frozenset[str]) -> None:
    texts = list(resting.published(world))
    assert {place.partition(" ")[2] for place, _ in texts} == set(GOLD)

    assert resting.found(people, texts) == {}


@pytest.mark.usefixtures("poisoned")
def test_prefects_database_holds_nobody(world: World, people: frozenset[str]) -> None:
    tables = prefect_database.tables(world.home)
    assert {"log", "artifact", "flow_run", "task_run", "events"} <= tables.keys()

    assert resting.found(people, tables.items()) == {}


@pytest.mark.usefixtures("poisoned")
def test_what_is_shown_on_the_terminal_tells_nobody(world: World, people: frozenset[str]) -> None:
    commands = (["errors", "list"], ["runs", "list"], ["ls"], ["errors", "show", "silver.customers"])
    answers = ((" ".join(each), world.tidemark(*each)) for each in commands)
    told = ((name, f"{answer.stdout}{answer.stderr}".encode()) for name, answer in answers)

    assert resting.found(people, told) == {}
