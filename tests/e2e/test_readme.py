"""The README's commands, typed one after the other where the demo has ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lifecycle
from tests.support.documented import ROOT, commands

pytestmark = pytest.mark.timeout(1800)

SCALE = "0.05"
DEMO = ["sandbox up --scale " + SCALE, "run --date 2025-03-30", "sandbox advance", "run --date 2025-03-31"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with the configuration, and the home that is made in it. Not below pytest's own, as for `world`."""
    folder = Path(tempfile.mkdtemp(prefix="tidemark-readme-"))
    shutil.copytree(ROOT / "config", folder / "config")
    yield folder
    lifecycle.down(folder / ".tidemark")
    shutil.rmtree(folder, ignore_errors=True)


def test_its_commands_do_what_they_say(folder: Path) -> None:
    typed = [f"tidemark {words}" for words in DEMO]
    typed += [command.line for command in commands(ROOT / "README.md") if command.words[0] == "tidemark"]

    said = {line: said_by(line, folder) for line in typed}

    assert "2025-04-01" in said["tidemark sandbox advance"]
    assert "released as r3" in said["tidemark run --date 2025-04-01"]
    assert (folder / "plan.json").is_file()
    assert "no rejected rows" not in said["tidemark errors list"]
    assert "r3" in said["tidemark runs list"]
    assert "r2" in said["tidemark restore --run r2 --yes"]
    assert "0 errors" in said["tidemark validate"]
    assert "CREATE TABLE" in said["tidemark ddl --dialect snowflake"]
    assert "the sandbox is down" in said["tidemark sandbox down"]


def said_by(line: str, folder: Path) -> str:
    """What a command says, typed in the folder with the virtual environment active."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "200"}
    answer = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"{line}\n{answer.stdout[-2000:]}\n{answer.stderr[-4000:]}"
    return answer.stdout + answer.stderr
