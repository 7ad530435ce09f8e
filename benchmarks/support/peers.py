"""Other people's tools, each installed from a lock of its own into the benchmark's folder, so that ours stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_LOCKS = Path(__file__).parents[2] / "requirements"


def installed(name: str, home: Path) -> Path:
    """The folder with what `requirements/<name>.txt` locks."""
    folder = home / name
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*install, "-r", str(_LOCKS / f"{name}.txt"), "--target", str(folder)], check=True)
    return folder
