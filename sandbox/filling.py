"""The shop's days on their way into the services, several days at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sandbox.errors import SandboxError
from sandbox.home import Endpoints, ShopState
from sandbox.processes import Processes
from sandbox.seeding import aws, crm, redshift, snowflake
from sandbox.shop import Day

DAYS_AT_ONCE = 10
PREPARE: dict[str, Callable[[Endpoints], None]] = {
    "aws": aws.prepare,
    "snowflake": snowflake.prepare,
    "redshift": redshift.prepare,
    "crm": crm.prepare,
}
LOAD: dict[str, Callable[[Endpoints, Sequence[Day]], None]] = {
    "aws": aws.load,
    "snowflake": snowflake.load,
    "redshift": redshift.load,
    "crm": crm.load,
}
SEEDED = tuple(LOAD)

log = logging.getLogger(__name__)


def endpoints_of(processes: Processes) -> Endpoints:
    """Where the running services are."""
    alive = processes.alive().values()
    return Endpoints({running.service: running.port for running in alive if running.port is not None})


def fill(processes: Processes, shop: ShopState) -> None:
    """Brings every running service to the shop's present day; what a service holds already is not loaded again."""
    endpoints = endpoints_of(processes)
    behind = [service for service in SEEDED if service in endpoints.ports]
    for service in behind:
        if _days(processes, service) == 0:
            PREPARE[service](endpoints)
    first = min((_days(processes, service) for service in behind), default=shop.days) + 1
    with ThreadPoolExecutor(len(SEEDED)) as pool:
        for days in _days_ahead(shop, first):
            parts = {service: [day for day in days if day.number > _days(processes, service)] for service in behind}
            loads = {service: pool.submit(LOAD[service], endpoints, part) for service, part in parts.items() if part}
            for service, load in loads.items():
                if (error := load.exception()) is not None:
                    raise _failure(service, error) from error
                processes.loaded(service, days[-1].number)
            log.info("filled to day %d of %d", days[-1].number, shop.days)


def _failure(service: str, error: BaseException) -> SandboxError:
    return SandboxError(
        f"the {service} stand-in did not take the shop's rows",
        step="sandbox",
        seen=[f"{type(error).__name__}: {error}"],
        next_step=f"see sandbox/logs/{service}.log in the home; tidemark sandbox down, then up, starts over",
    )


def _days(processes: Processes, service: str) -> int:
    running = processes.known(service)
    return running.days if running else 0


def _days_ahead(state: ShopState, first: int) -> Iterator[list[Day]]:
    """The shop's days from `first` on in portions; the next one is made while its predecessor is being loaded."""
    shop = state.shop()

    def make(start: int) -> list[Day]:
        return [shop.day(number) for number in range(start, min(start + DAYS_AT_ONCE, state.days + 1))]

    with ThreadPoolExecutor(1) as ahead:
        made = ahead.submit(make, first)
        for start in range(first, state.days + 1, DAYS_AT_ONCE):
            days = made.result()
            made = ahead.submit(make, start + DAYS_AT_ONCE)
            yield days
