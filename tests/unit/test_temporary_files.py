"""What is put aside for a moment lies under names that nobody could have prepared, and only its owner can enter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.services.postgres import _make_private

ROOT = Path(__file__).parents[2]
PACKAGES = ("src/tidemark", "flows", "tasks", "blocks", "cli", "sandbox")
KNOWN = {"sandbox/services/postgres.py: gettempdir"}
"""A socket needs a short path that is found again: its folder has to be the sandbox's own (below)."""
_SHARED = tuple(f"/{each}" for each in ("tmp", "var/tmp", "dev/shm"))
_GUESSED = ("mktemp", "gettempdir", "gettempprefix", "tempnam")


def found() -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
                if name in _GUESSED:
                    yield f"{path.relative_to(ROOT)}: {name}"
                if isinstance(node, ast.Constant) and str(node.value).startswith(_SHARED):
                    yield f"{path.relative_to(ROOT)}: {node.value}"


def test_no_name_can_be_guessed() -> None:
    assert set(found()) == KNOWN


def test_a_folder_that_is_found_again_is_our_own(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    _make_private(folder, None)
    assert folder.stat().st_mode & 0o777 == 0o700
    _make_private(folder, None)


@pytest.mark.parametrize("prepared", ["open", "link", "file"])
def test_a_folder_that_somebody_has_prepared_is_refused(tmp_path: Path, prepared: str) -> None:
    folder = tmp_path / "sockets"
    if prepared == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif prepared == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.touch(mode=0o700)
    with pytest.raises(SandboxError, match="not a folder of the sandbox's own"):
        _make_private(folder, None)
