"""One AWS stand-in for the worker's tests, and applications in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.deployments.emr import Application, application, emulator


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of a stand-in, and its address."""
    folder = tmp_path_factory.mktemp("emr")
    with emulator(folder) as address:
        yield folder, address


@pytest.fixture
def make(stand_in: tuple[Path, str], prefect_server: str) -> Callable[..., Application]:
    """Makes an application, with the tags that are given."""
    return lambda **tags: application(*stand_in, **tags)
