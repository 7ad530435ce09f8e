"""A Spark cluster of this machine: a master and workers, each a process of its own, of the Spark that pip installed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from sandbox.errors import SandboxError
from sandbox.services.cloud.emr_jobs import ROLE, spark_home, spark_program
from sandbox.services.listen import LOOPBACK, bind
from tidemark.spark.java import find_java

_DEPLOY = "org.apache.spark.deploy"
_DEADLINE = 60.0  # seconds
_PAUSE = 0.2


@contextmanager
def cluster(
    folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "2g", container: Sequence[str] = ()
) -> Iterator[str]:
    """The address of a cluster whose workers have joined; it ends with the block. Its logs lie in `folder`.

    `container` are words that run a command in a container, which sees `folder`; without them all runs here. Raises
    SandboxError when not all of them have joined within a minute.
    """
    port, web_port = _free_port(), _free_port()
    master = f"spark://{LOOPBACK}:{port}"
    with ExitStack() as running:
        listening = ["--host", LOOPBACK, "--port", str(port), "--webui-port", str(web_port)]
        running.enter_context(_daemon(folder, "master", container, f"{_DEPLOY}.master.Master", *listening))
        for number in range(workers):
            offer = ["--host", LOOPBACK, "--cores", str(cores), "--memory", memory, "--webui-port", "0"]
            place = ["--work-dir", str(folder / f"worker-{number}")]
            worker = [f"{_DEPLOY}.worker.Worker", *offer, *place, master]
            running.enter_context(_daemon(folder, f"worker-{number}", container, *worker))
        _wait_for_workers(web_port, workers, folder)
        yield master


@contextmanager
def _daemon(folder: Path, name: str, container: Sequence[str], *arguments: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    variables = {"JAVA_HOME": str(find_java().path), "SPARK_HOME": str(spark_home()), "SPARK_LOCAL_IP": LOOPBACK}
    with (folder / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(
            [*spark_program("spark-class", container), *arguments],
            cwd=folder,
            env=os.environ | ROLE | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with bind(0) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for_workers(web_port: int, workers: int, folder: Path) -> None:
    deadline = time.monotonic() + _DEADLINE
    while _alive(web_port) < workers:
        if time.monotonic() > deadline:
            raise SandboxError(
                f"not all of {workers} Spark workers joined within {_DEADLINE:.0f} s",
                step="spark cluster",
                seen=_last_words(folder),
                evidence=str(folder),
            )
        time.sleep(_PAUSE)


def _last_words(folder: Path) -> list[str]:
    logs = {path.stem: path.read_text("utf-8", errors="replace").strip() for path in sorted(folder.glob("*.log"))}
    return [f"{name}: {said.rpartition(chr(10))[2]}" for name, said in logs.items() if said]


def _alive(web_port: int) -> int:
    """How many workers the master knows."""
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{web_port}/json/", timeout=2, trust_env=False)
        return int(answer.json()["aliveworkers"])
    except (httpx.TransportError, ValueError):
        return 0
