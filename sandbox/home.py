"""The sandbox's folder in a home, and the small files in it that others read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox.credentials import AWS, AWS_PROFILE, REGION
from sandbox.services.listen import LOOPBACK
from sandbox.shop import Shop
from sandbox.shop.shop import Poison

START = date(2025, 3, 1)
DEFAULT_PORTS = {"aws": 18400, "snowflake": 18401, "redshift": 18402, "crm": 18403, "prefect": 18405}


@dataclass(frozen=True)
class Home:
    """Where everything of one sandbox lies; sandboxes of different homes know nothing of each other."""

    path: Path

    @property
    def folder(self) -> Path:
        """The sandbox's own folder."""
        return self.path.resolve() / "sandbox"

    @property
    def endpoints(self) -> Path:
        """Ports of the running services, one `SANDBOX_<NAME>_PORT=n` a line."""
        return self.folder / "endpoints.env"

    @property
    def aws_credentials(self) -> Path:
        """Credentials for the AWS stand-in, in AWS's own format."""
        return self.folder / "aws_credentials"

    @property
    def processes(self) -> Path:
        """The running services' processes."""
        return self.folder / "processes.json"

    @property
    def shop(self) -> Path:
        """Which shop this is, and how far it has come."""
        return self.folder / "shop.json"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "postgres"

    @property
    def prefect(self) -> Path:
        """The Prefect server's home."""
        return self.path.resolve() / "prefect"

    @property
    def temporary(self) -> Path:
        """Temporary files of the services, some of which do not clean up."""
        return self.folder / "tmp"

    def log(self, service: str) -> Path:
        """A service's log."""
        return self.folder / "logs" / f"{service}.log"


@dataclass(frozen=True)
class Endpoints:
    """Ports of the services of a sandbox; a service that does not run has none."""

    ports: Mapping[str, int]

    def port(self, service: str) -> int:
        """A service's port on 127.0.0.1; KeyError when it does not run."""
        return self.ports[service]

    def url(self, service: str) -> str:
        """A service's address; KeyError when it does not run."""
        return f"http://{LOOPBACK}:{self.ports[service]}"

    def variables(self) -> dict[str, str]:
        """The ports as environment variables."""
        return {f"SANDBOX_{service.upper()}_PORT": str(port) for service, port in self.ports.items()}


@dataclass(frozen=True)
class ShopState:
    """The shop of a home: what generates it, and the number of days that have passed in it."""

    seed: int
    scale: float
    start: str
    days: int
    poison: Mapping[int, Poison] = field(default_factory=dict)

    @property
    def date(self) -> date:
        """The last day that has passed."""
        return date.fromisoformat(self.start) + timedelta(days=self.days - 1)

    def shop(self) -> Shop:
        """The shop itself."""
        return Shop(seed=self.seed, scale=self.scale, start=date.fromisoformat(self.start), poison=self.poison)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replaces a file in one step, so that a reader sees the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(temporary).chmod(mode)
    Path(temporary).replace(path)


def write_json(path: Path, value: Any) -> None:
    """Replaces a JSON file in one step."""
    write_atomically(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """A JSON file's value; None when there is no such file."""
    return json.loads(path.read_text()) if path.exists() else None


def read_shop(home: Home) -> ShopState | None:
    """The home's shop; None before the first `up`."""
    found = read_json(home.shop)
    if found is None:
        return None
    return ShopState(**found | {"poison": {int(day): poison for day, poison in found.get("poison", {}).items()}})


def write_shop(home: Home, shop: ShopState) -> None:
    """Remembers the home's shop."""
    write_json(home.shop, asdict(shop))


def write_endpoints(home: Home, endpoints: Endpoints) -> None:
    """Tells others where the services are, and with which credentials the AWS stand-in is called."""
    lines = [f"{name}={value}\n" for name, value in endpoints.variables().items()]
    write_atomically(home.endpoints, "".join(lines))
    profile = (
        f"[{AWS_PROFILE}]\naws_access_key_id = {AWS.user}\naws_secret_access_key = {AWS.password}\nregion = {REGION}\n"
    )
    write_atomically(home.aws_credentials, profile, mode=0o600)
