"""The sandbox in the foreground, as a container runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from sandbox.home import Home
from sandbox.processes import Processes

_PATIENCE = 60.0


def test_it_stands_until_it_is_told_to_end(tmp_path: Path) -> None:
    home = Home(tmp_path)
    command = [sys.executable, "-m", "sandbox.standing", "--home", str(tmp_path), "--days", "1", "crm"]
    with subprocess.Popen(command) as standing:
        deadline = time.monotonic() + _PATIENCE
        while not home.endpoints.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        stood = Processes(home).alive()
        standing.send_signal(signal.SIGTERM)
        exit_code = standing.wait(_PATIENCE)

    assert set(stood) == {"crm"}
    assert exit_code == 0
    assert stood["crm"].process() is None
    assert not home.endpoints.exists()
