"""A configuration folder to spoil."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.lakes.config_folder import ConfigFolder


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """A folder without any finding."""
    return ConfigFolder(tmp_path / "config")
