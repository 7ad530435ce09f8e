"""The local world: brought up, moved on by a day, taken down.

    endpoints = up(Path(".tidemark"))      # starts what does not run, seeds what is empty
    advance(Path(".tidemark"))             # one shop day on; gives its date
    down(Path(".tidemark"))                # ends the processes; the next `up` seeds again to the same day

Any number of homes live side by side. All services are processes of their own that outlive the caller. Their data is a
function of the shop (seed, scale, days), so that nothing of it needs to survive them; only Prefect's database stays, as
it remembers runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.filling import endpoints_of, fill
from sandbox.home import START, Endpoints, Home, ShopState, read_shop, write_endpoints, write_shop
from sandbox.locking import locked
from sandbox.processes import POSTGRES, Processes
from sandbox.readiness import wait_until_ready
from sandbox.shop.shop import Poison
from sandbox.starting import ALL, start, to_start

__all__ = ["ALL", "Endpoints", "SandboxError", "advance", "down", "up"]


def up(home: Path, *, days: int = 30, scale: float = 1, seed: int = 7, services: Collection[str] = ALL) -> Endpoints:
    """Starts the services that do not run (and what they need) and brings their data to the shop's present day.

    `days` counts for a home without a shop; an older one stays on the day that it has reached. Raises SandboxError when
    a service does not come up (those started here are ended again), or when the home's shop has another seed or scale.
    """
    place = Home(Path(home))
    with locked(place.folder / "lock"):
        shop = _shop_of(place, ShopState(seed, scale, START.isoformat(), days))
        processes = Processes(place)
        starting = to_start(processes, services)
        try:
            start(place, processes, starting)
            fill(processes, shop)
            if "prefect" in starting:
                wait_until_ready(place, processes, "prefect")
        except BaseException:
            processes.stop(starting)
            raise
        endpoints = endpoints_of(processes)
        write_endpoints(place, endpoints)
        return endpoints


def advance(home: Path, days: int = 1, *, poison: Poison | None = None) -> date:
    """Moves the shop on; gives the date of its last day. Raises SandboxError when the sandbox is not up.

    `poison` makes something go wrong on that last day that no row shows, only a look at the whole.
    """
    place = Home(Path(home))
    with locked(place.folder / "lock"):
        shop, processes = read_shop(place), Processes(place)
        if shop is None or not processes.alive():
            raise SandboxError("the sandbox is not up", step="sandbox advance", next_step="tidemark sandbox up")
        if days < 1:
            raise SandboxError(f"the shop moves on by one day or more, not by {days}", step="sandbox advance")
        last = shop.days + days
        later = replace(shop, days=last, poison={**shop.poison, **({last: poison} if poison else {})})
        _drawable(later)
        write_shop(place, later)  # first, so that an `up` finishes what is cut short here
        fill(processes, later)
        return later.date


def down(home: Path) -> None:
    """Ends every process of the home's sandbox and nothing else; without one it does nothing."""
    place = Home(Path(home))
    if not place.folder.exists():
        return
    with locked(place.folder / "lock"):
        Processes(place).stop((*ALL, POSTGRES))
        place.endpoints.unlink(missing_ok=True)


def _drawable(shop: ShopState) -> None:
    """Raises SandboxError when there cannot be such a shop."""
    try:
        shop.shop()
    except ValueError as error:
        raise SandboxError(f"there cannot be such a shop: {error}", step="sandbox") from error


def _shop_of(place: Home, wanted: ShopState) -> ShopState:
    """The home's shop; the wanted one when it has none yet."""
    found = read_shop(place)
    if found is None:
        if wanted.days < 1:
            raise SandboxError(f"a shop has one day or more, not {wanted.days}", step="sandbox up")
        _drawable(wanted)
        write_shop(place, wanted)
        return wanted
    if (found.seed, found.scale) != (wanted.seed, wanted.scale):
        raise SandboxError(
            f"this home has a shop already, with seed {found.seed} and scale {found.scale:g}",
            step="sandbox up",
            seen=[f"asked for: seed {wanted.seed}, scale {wanted.scale:g}"],
            evidence=str(place.shop),
            next_step=f"ask for that one, or take the sandbox down and remove {place.folder}",
        )
    return found
