"""Runs what a job run of EMR Serverless submits: a process of this machine, whose logs go where EMR puts them."""

from __future__ import annotations

import contextlib
import gzip
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3
from botocore.exceptions import ClientError

from sandbox.credentials import AWS, REGION
from sandbox.services.listen import LOOPBACK

MASTER = "SANDBOX_SPARK_MASTER"
CONTAINER = "SANDBOX_SPARK_CONTAINER"
"""Words that run a command in a container of the job's image (`podman run … tidemark`); if none, it runs here."""

ROLE = {"AWS_ACCESS_KEY_ID": AWS.user, "AWS_SECRET_ACCESS_KEY": AWS.password, "AWS_REGION": REGION}
"""What a job's processes have by its role."""

GRACE = 15.0  # seconds from the signal to the end of a cancelled driver
STREAMS = ("stdout", "stderr")
_DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."
_IMAGE = "local://"


@dataclass(frozen=True)
class Submission:
    """What is submitted: the program, its arguments, and spark-submit's parameters as one line."""

    entry_point: str
    arguments: tuple[str, ...]
    parameters: str

    @classmethod
    def of(cls, job_driver: Mapping[str, Any] | None) -> Submission:
        """From the `jobDriver` of StartJobRun; KeyError when it is none for Spark."""
        spark = (job_driver or {})["sparkSubmit"]
        arguments = tuple(spark.get("entryPointArguments") or ())
        return cls(spark["entryPoint"], arguments, spark.get("sparkSubmitParameters") or "")

    def settings(self) -> dict[str, str]:
        """The Spark settings among the parameters."""
        words = iter(shlex.split(self.parameters))
        return dict(next(words).split("=", 1) for word in words if word == "--conf")

    def environment(self) -> dict[str, str]:
        """The driver's environment variables."""
        return {
            name.removeprefix(_DRIVER_ENVIRONMENT): value
            for name, value in self.settings().items()
            if name.startswith(_DRIVER_ENVIRONMENT)
        }

    def command(self, variables: Mapping[str, str]) -> list[str]:
        """spark-submit on the cluster that `SANDBOX_SPARK_MASTER` names; without one, the program by Python alone.

        A container is told the environment's variables.
        """
        program = [self.entry_point.removeprefix(_IMAGE), *self.arguments]
        master = os.environ.get(MASTER)
        if not master:
            return [self.environment().get("PYSPARK_DRIVER_PYTHON", sys.executable), *program]
        container = shlex.split(os.environ.get(CONTAINER, ""))
        if container:
            container += ["env", *(f"{name}={value}" for name, value in variables.items())]
        parameters = [word.replace(_IMAGE, "") for word in shlex.split(self.parameters)]
        return [*spark_program("spark-submit", container), "--master", master, *parameters, *program]


def spark_home() -> Path:
    """Where pip put Spark."""
    import pyspark

    return Path(pyspark.__file__).parent


def spark_program(name: str, container: Sequence[str] = ()) -> list[str]:
    """The words that run a program of Spark: the one that pip put here, or the one in a container."""
    return [*container, name] if container else [str(spark_home() / "bin" / name)]


class DriverProcess:
    """A driver with the role of its job: credentials of the stand-in, and where the stand-in is."""

    def __init__(self, submission: Submission) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="emr-")
        self._logs = {stream: Path(self._folder.name) / stream for stream in STREAMS}
        variables = ROLE | {"AWS_ENDPOINT_URL": _address()} | submission.environment()
        with self._logs["stdout"].open("wb") as stdout, self._logs["stderr"].open("wb") as stderr:
            self._process = subprocess.Popen(
                submission.command(variables),
                cwd=self._folder.name,
                env=os.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code; TimeoutExpired when it still runs by then."""
        return self._process.wait(seconds)

    def end(self, grace: float = GRACE) -> None:
        """Ends the driver and all of its processes: a signal, the grace, and no mercy."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def put_logs(self, log_uri: str, path: str) -> None:
        """Puts what it wrote below `log_uri`, as EMR does; a bucket that is not there gets nothing."""
        place = urlparse(f"{log_uri.rstrip('/')}/{path}")
        session: Any = boto3.Session(AWS.user, AWS.password, region_name=REGION)
        s3 = session.client("s3", endpoint_url=_address())
        for stream, file in self._logs.items():
            key = f"{place.path.lstrip('/')}/SPARK_DRIVER/{stream}.gz"
            with contextlib.suppress(ClientError):
                s3.put_object(Bucket=place.netloc, Key=key, Body=gzip.compress(file.read_bytes()))

    def clean(self) -> None:
        """Removes its folder."""
        self._folder.cleanup()

    def _signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, which)


def _address() -> str:
    return f"http://{LOOPBACK}:{os.environ['MOTO_PORT']}"
