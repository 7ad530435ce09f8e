"""The sandbox's services, which stand while faults are tried: starting them for each would take most of the time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import lifecycle
from tests.integration.conftest import HOME_VARIABLE, SERVICES, SHOP_DAYS, SHOP_SCALE


@contextmanager
def standing_sandbox(home: Path) -> Iterator[None]:
    """Tells the tests that are started meanwhile of a sandbox at `home`, and ends it."""
    lifecycle.up(home, days=SHOP_DAYS, scale=SHOP_SCALE, services=SERVICES)
    os.environ[HOME_VARIABLE] = str(home)
    try:
        yield
    finally:
        del os.environ[HOME_VARIABLE]
        lifecycle.down(home)
