"""Which services start together, in what order, and with what they need to know of each other."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Collection

from sandbox.errors import SandboxError
from sandbox.filling import SEEDED
from sandbox.home import DEFAULT_PORTS, Home
from sandbox.processes import POSTGRES, Processes
from sandbox.readiness import wait_until_ready
from sandbox.seeding import redshift
from sandbox.services import postgres

ALL = tuple(DEFAULT_PORTS)
NEEDS = {"snowflake": ("aws",), "redshift": ("aws", POSTGRES), "prefect": (POSTGRES,)}

log = logging.getLogger(__name__)


def to_start(processes: Processes, services: Collection[str]) -> frozenset[str]:
    """The services that have to be started for these to run as they should.

    That is what does not run, what was never filled (its `up` was cut short), and whatever needs one of them: its
    connections and data went with it. Raises SandboxError when a service is not known.
    """
    if unknown := set(services) - set(ALL):
        raise SandboxError(
            f"there is no stand-in {', '.join(sorted(unknown))}",
            step="sandbox up",
            next_step=f"choose from {', '.join(ALL)}",
        )
    alive = processes.alive()
    wanted = set(services) | alive.keys()
    wanted |= {need for service in wanted for need in NEEDS.get(service, ())}
    starting = {service for service in wanted if service not in alive or _was_cut_short(processes, service)}
    return frozenset(starting | {service for service in wanted if starting.intersection(NEEDS.get(service, ()))})


def start(place: Home, processes: Processes, starting: Collection[str]) -> None:
    """Starts the services side by side; returns when all of them but Prefect, which takes longest, answer.

    Raises SandboxError when one does not come up.
    """
    processes.stop(starting)
    sockets = postgres.socket_directory(place.postgres)
    settings = {"SANDBOX_POSTGRES_SOCKET": str(sockets)}
    for service in ("aws", "crm", "snowflake", "redshift"):
        if service in starting:
            log.info("starting %s", service)
            processes.start(service, settings)
        if service == "aws" and (running := processes.known("aws")):
            settings["SANDBOX_AWS_PORT"] = str(running.port)
    if POSTGRES in starting:
        cluster = _prepare_postgres(place)
        processes.start(POSTGRES, {}, cluster.command, cluster.system_user)
        wait_until_ready(place, processes, POSTGRES)
    if {POSTGRES, "redshift"}.intersection(starting):
        redshift.create_databases(sockets)
    if "prefect" in starting:
        log.info("starting prefect")
        processes.start("prefect", settings | {"PREFECT_HOME": str(place.prefect)})
    for service in SEEDED:
        if service in starting:
            wait_until_ready(place, processes, service)


def _prepare_postgres(place: Home) -> postgres.Cluster:
    try:
        return postgres.prepare(place.postgres)
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(
            "PostgreSQL's data directory could not be made",
            step="sandbox up",
            seen=[str(error)],
            evidence=str(place.postgres),
            next_step="check that there is room and that the folder may be written; as root, that useradd works",
        ) from error


def _was_cut_short(processes: Processes, service: str) -> bool:
    running = processes.known(service)
    return service in SEEDED and running is not None and running.days == 0
