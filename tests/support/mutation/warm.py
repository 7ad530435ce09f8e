"""A JVM that outlives the processes of the tests: each starts a Spark in it, which takes a second instead of ten."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import TEST_CONF


class WarmJvm:
    """One JVM with the settings of the suite; it is made anew where a test that was stopped has left it in a mess."""

    def __init__(self) -> None:
        self._gateway: Any = self._started()

    def pytest(self, root: Path, tests: Sequence[str], seconds: float, scratch: Path) -> tuple[int | None, str]:
        """Runs tests of a checkout until the first failure; gives the exit code (None: out of time) and the output."""
        listed = scratch / "tests.txt"
        listed.write_text("\n".join(tests), encoding="utf-8")
        options = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", f"--basetemp={scratch / 'tmp'}"]
        command = [sys.executable, "-m", "pytest", *options, f"@{listed}"]
        try:
            ended = subprocess.run(
                command,
                cwd=root,
                env=self._variables(root),
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.close()
            self._gateway = self._started()
            return None, ""
        self._end_context()
        return ended.returncode, ended.stdout

    def close(self) -> None:
        from tidemark.spark.gateway import stop_jvm

        stop_jvm()

    def _started(self) -> Any:
        from pyspark import SparkContext

        from tidemark.spark.session import start

        start("mutation", "local[2]", TEST_CONF).stop()
        context: Any = SparkContext
        return context._gateway

    def _end_context(self) -> None:
        """Ends what a process that died has left: a JVM has one Spark at a time."""
        left = self._gateway.jvm.org.apache.spark.sql.classic.SparkSession.getDefaultSession()
        if left.isDefined() and not left.get().sparkContext().isStopped():
            left.get().stop()

    def _variables(self, root: Path) -> dict[str, str]:
        told = self._gateway.gateway_parameters
        return os.environ | {
            "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)]),
            "PYSPARK_GATEWAY_PORT": str(told.port),
            "PYSPARK_GATEWAY_SECRET": str(told.auth_token),
        }
