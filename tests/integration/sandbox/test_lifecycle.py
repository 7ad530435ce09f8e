"""Up, on, down: mostly with the CRM alone, which starts in a moment."""

from __future__ import annotations

import os
import signal
from datetime import date
from pathlib import Path

import httpx
import psutil
import pytest

from sandbox import lifecycle
from sandbox.errors import SandboxError
from sandbox.home import Endpoints, Home, ShopState, read_shop
from sandbox.processes import Processes
from sandbox.seeding import snowflake
from sandbox.services.listen import bind
from sandbox.shop import NEW_COLUMN_DAY, ORDERS, Shop
from tests.integration.sandbox.conftest import SCALE

CRM_ONLY = ("crm",)


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home")


def held(endpoints: Endpoints) -> dict[str, int]:
    answer = httpx.post(f"{endpoints.url('crm')}/sandbox/records", json={}, trust_env=False)
    return {name: int(count) for name, count in answer.json().items()}


def expected(shop: Shop, days: int) -> dict[str, int]:
    ids: dict[str, set[str]] = {}
    for number in range(1, days + 1):
        for name, batch in shop.day(number).crm.items():
            ids.setdefault(name, set()).update(record["Id"] for record in batch.records())
    return {name: len(found) for name, found in ids.items()}


def test_a_life(place: Home, shop: Shop) -> None:
    endpoints = lifecycle.up(place.path, days=2, scale=SCALE, services=CRM_ONLY)
    try:
        first = Processes(place).alive()
        assert list(endpoints.ports) == list(first) == ["crm"]
        assert place.endpoints.read_text() == f"SANDBOX_CRM_PORT={endpoints.port('crm')}\n"
        assert held(endpoints) == expected(shop, 2)
        process = psutil.Process(first["crm"].pid)
        assert os.getsid(process.pid) == process.pid  # a session of its own: no terminal takes it along

        assert lifecycle.advance(place.path) == date(2025, 3, 3)
        assert held(endpoints) == expected(shop, 3)

        assert lifecycle.up(place.path, days=2, scale=SCALE, services=CRM_ONLY) == endpoints
        assert Processes(place).alive()["crm"].pid == first["crm"].pid
        assert read_shop(place) == ShopState(seed=7, scale=SCALE, start="2025-03-01", days=3)
        assert held(endpoints) == expected(shop, 3)
    finally:
        lifecycle.down(place.path)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert not place.endpoints.exists()
    assert not place.processes.exists()
    assert not place.temporary.exists()
    with pytest.raises(SandboxError, match="is not up"):
        lifecycle.advance(place.path)

    again = lifecycle.up(place.path, scale=SCALE, services=CRM_ONLY)
    try:
        assert held(again) == expected(shop, 3)
    finally:
        lifecycle.down(place.path)


def test_what_died_starts_again_with_its_data(place: Home, shop: Shop) -> None:
    endpoints = lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY)
    try:
        running = Processes(place).alive()["crm"]
        os.kill(running.pid, signal.SIGKILL)
        psutil.Process(running.pid).wait(10)
        again = lifecycle.up(place.path, scale=SCALE, services=CRM_ONLY)
        assert again == endpoints  # at the same port
        assert held(again) == expected(shop, 1)
    finally:
        lifecycle.down(place.path)


def test_homes_leave_each_other_alone(place: Home, home: Path) -> None:
    others = Processes(Home(home)).alive()
    endpoints = lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY)
    lifecycle.down(place.path)
    assert endpoints.port("crm") not in {running.port for running in others.values()}
    assert Processes(Home(home)).alive() == others


def test_a_pid_that_is_anothers_by_now_is_not_touched(place: Home) -> None:
    lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY)
    record = place.processes.read_text()
    ours = Processes(place).alive()["crm"]
    lifecycle.down(place.path)
    place.processes.write_text(record.replace(f'"pid": {ours.pid}', f'"pid": {os.getpid()}'))
    lifecycle.down(place.path)
    assert psutil.Process(os.getpid()).is_running()


def test_a_service_that_ends_at_once_shows_its_log(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CRM_RATE_LIMIT_EVERY", "often")
    with pytest.raises(SandboxError) as failed:
        lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY)
    assert failed.value.summary == "the crm stand-in ended while it started"
    assert any("often" in line for line in failed.value.seen)
    assert failed.value.evidence == str(place.log("crm"))
    assert Processes(place).alive() == {}


def test_ports_may_be_chosen(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with bind(0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("SANDBOX_CRM_PORT", str(port))
        with pytest.raises(SandboxError, match=f"cannot have port {port}"):
            lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY)
    try:
        assert lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY).port("crm") == port
    finally:
        lifecycle.down(place.path)


def test_a_poisoned_day_stays_poisoned(place: Home) -> None:
    lifecycle.up(place.path, days=1, scale=SCALE, services=CRM_ONLY)
    try:
        with pytest.raises(SandboxError, match="no rates are published on day 2"):
            lifecycle.advance(place.path, poison="fx_rates_times_100")
        lifecycle.advance(place.path, poison="unit_prices_times_100")
        lifecycle.advance(place.path)
    finally:
        lifecycle.down(place.path)
    state = read_shop(place)
    assert state is not None
    assert (state.days, state.poison) == (3, {2: "unit_prices_times_100"})
    assert state.shop() == Shop(scale=SCALE, poison={2: "unit_prices_times_100"})


def test_what_cannot_be_meant(place: Home) -> None:
    lifecycle.up(place.path, days=1, scale=SCALE, services=())
    with pytest.raises(SandboxError, match="no stand-in mongo"):
        lifecycle.up(place.path, scale=SCALE, services=("mongo",))
    with pytest.raises(SandboxError, match=r"seed 7 and scale 0\.1"):
        lifecycle.up(place.path, scale=SCALE, seed=8, services=CRM_ONLY)
    with pytest.raises(SandboxError, match="scale must be above 0"):
        lifecycle.up(place.path / "other", scale=-1, services=CRM_ONLY)
    with pytest.raises(SandboxError, match="one day or more"):
        lifecycle.up(place.path / "other", days=0, scale=SCALE, services=CRM_ONLY)
    lifecycle.down(place.path / "never up")
    assert not (place.path / "never up").exists()


def test_the_day_a_column_appears(home: Path, endpoints: Endpoints, shop: Shop) -> None:
    """Moving on by a day gives what an `up` to that day gives: the old rows have null in the new column."""
    assert lifecycle.advance(home) == date(2025, 3, NEW_COLUMN_DAY)
    batches = [shop.day(number).inserts[ORDERS.name] for number in range(1, NEW_COLUMN_DAY + 1)]
    expected = [(*row, *[None] * (len(ORDERS.columns) - len(row))) for batch in batches for row in batch.rows]
    with snowflake.session(endpoints) as cursor:
        cursor.execute(f"SELECT * FROM {ORDERS.name}")
        stored = cursor.fetchall()
    assert sorted(map(repr, stored)) == sorted(map(repr, expected))
    assert {row[-1] for row in batches[-1].rows} >= {"web", "app"}


@pytest.mark.slow
def test_prefect_comes_up_on_postgres_and_keeps_its_history(place: Home) -> None:
    flows = []
    for _ in range(2):
        endpoints = lifecycle.up(place.path, scale=SCALE, services=("prefect",))
        try:
            url = endpoints.url("prefect")
            settings = httpx.get(f"{url}/api/admin/settings", trust_env=False).json()
            assert settings["server"]["analytics_enabled"] is False
            assert settings["home"] == str(place.prefect)
            assert {origin: _is_let_in(url, origin) for origin in (url, "https://elsewhere.example")} == {
                url: True,
                "https://elsewhere.example": False,
            }
            flow = httpx.post(f"{url}/api/flows/", json={"name": "daily"}, trust_env=False, timeout=30)
            flows.append(flow.json()["id"])
        finally:
            lifecycle.down(place.path)
    assert flows[0] == flows[1]  # found again, not made anew


def _is_let_in(url: str, origin: str) -> bool:
    """Whether the server lets pages of this origin ask it to start something."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{url}/api/deployments/filter", headers=asked, trust_env=False, timeout=30)
    return answer.headers.get("Access-Control-Allow-Origin") in (origin, "*")
