"""The job of a flow run on EMR Serverless: what the work pool's form asks for, and the request that is made of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from prefect.workers.base import BaseJobConfiguration
from pydantic import ConfigDict, Field, field_validator, model_validator

from blocks.emr_serverless.api_limits import LONGEST_NAME, MOST_ARGUMENTS, checked, tags
from blocks.emr_serverless.driver import SECRETS_VARIABLE
from tidemark.aws.settings import AwsSettings
from tidemark.errors import ConfigError

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
    from prefect.client.schemas.responses import DeploymentResponse

IMAGE_HOME = "/opt/tidemark"

# What EMR Serverless offers: memory (GB) that a worker with this many vCPUs may have, Spark's overhead included.
MEMORY_OF = {1: (2, 8), 2: (4, 16), 4: (8, 30), 8: (16, 60), 16: (32, 120)}
_OVERHEAD = 0.1

_KEYS_OF_THE_API = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
_SECRET_WORDS = (
    "password",
    "secret",
    "token",
    "private_key",
    "api_key",
    "access_key",
    "credential",
    "auth_string",
    "custom_headers",  # how Prefect's client logs in to a proxy
    "connection_url",  # of a database, with its password
)
# Settings of the worker's own machine and of a server: a driver has no use for them.
_LEFT_BEHIND = ("PREFECT_SERVER_", "PREFECT_HOME", "PREFECT_PROFILE", "PREFECT_LOCAL_STORAGE_PATH", "PREFECT_WORKER_")

# The Delta that is published does not load on the Spark of EMR's release, so it is EMR's, which is of the same version.
EMR_DELTA = "file:///usr/share/aws/delta/lib/*.jar"
LOG_STORE = f"file://{IMAGE_HOME}/jars/tidemark-logstore-*.jar"

Cores = Literal[1, 2, 4, 8, 16]


class EMRServerlessConfiguration(BaseJobConfiguration):
    """The job of one flow run. No field holds a secret; `secrets` names them."""

    model_config = ConfigDict(hide_input_in_errors=True)

    application_id: str = Field(
        description="Id of the EMR Serverless application; it is started when it stands still.", min_length=1
    )
    execution_role_arn: str = Field(
        description="ARN of the role that the job runs as: it reads the named secrets, and the lake.",
        pattern=r"^arn:[^:]+:iam::\d{12}:role/.+$",
    )
    image: str | None = Field(
        default=None,
        description="Image that the job needs. EMR Serverless has one an application, not one a job: a job whose "
        "application has another is refused. Empty to take what the application has.",
    )
    region: str | None = Field(default=None, description="AWS region; empty for that of the worker.")
    endpoint_url: str | None = Field(default=None, description="Address of AWS, where it is a stand-in.")
    profile: str | None = Field(default=None, description="AWS profile of the worker; empty for its role.")
    credentials_file: str | None = Field(default=None, description="File that holds the profile, if not the usual one.")

    driver_cores: Cores = Field(default=4, description="vCPUs of the driver.")
    driver_memory_gb: int = Field(
        default=14, description="Memory of the driver, without Spark's overhead of 10 %.", ge=1
    )
    driver_disk_gb: int = Field(default=20, description="Disk of the driver.", ge=20, le=200)
    executor_cores: Cores = Field(default=4, description="vCPUs of an executor.")
    executor_memory_gb: int = Field(default=14, description="Memory of an executor, without Spark's overhead.", ge=1)
    executor_disk_gb: int = Field(default=50, description="Disk of an executor, which shuffles use.", ge=20, le=200)
    min_executors: int = Field(default=1, description="Executors that are kept while the job runs.", ge=0)
    max_executors: int = Field(default=8, description="Executors at most.", ge=1)
    spark_conf: dict[str, str] = Field(default_factory=dict, description="Further Spark settings. No credentials.")

    entry_point: str = Field(
        default=f"local://{IMAGE_HOME}/driver.py", description="Program of the driver; the image brings it."
    )
    python: str = Field(
        default=f"{IMAGE_HOME}/bin/python", description="Python of driver and executors; the image brings it."
    )
    jars: list[str] = Field(
        default_factory=lambda: [EMR_DELTA, LOG_STORE],
        description="Jars on the class path: EMR's own build of Delta, and what writes its logs on S3.",
    )

    secrets: dict[str, str] = Field(
        default_factory=dict,
        description="Environment variables of the driver by the names of their secrets in Secrets Manager, for example "
        "PREFECT_API_KEY: tidemark/prod/prefect-api-key. The driver fetches them itself.",
    )
    log_uri: str | None = Field(
        default=None,
        description="Where EMR puts the logs of driver and executors (s3://…); an error's last lines come from there.",
        pattern=r"^s3://[^/]+/.*$",
    )
    log_group: str | None = Field(default=None, description="CloudWatch log group for the logs; empty for none.")

    timeout_minutes: int = Field(default=360, description="How long the job may run; EMR ends it then.", ge=5, le=10080)
    start_timeout_minutes: float = Field(
        default=30, description="How long the job may wait for its driver to start.", gt=0, le=1440
    )
    capacity_wait_minutes: float = Field(
        default=20, description="How long to try again when AWS has no capacity or limits requests.", ge=0, le=1440
    )
    poll_seconds: float = Field(default=10, description="Seconds from one look at the job to the next.", gt=0, le=300)
    cancel_grace_seconds: int = Field(
        default=60, description="Seconds that a cancelled flow run has to leave the tables tidy.", ge=15, le=3600
    )

    @field_validator("env", "spark_conf", "secrets")
    @classmethod
    def _fits_on_a_command_line(cls, values: dict[str, str | None]) -> dict[str, str | None]:
        broken = [key for key, value in values.items() if "\n" in f"{key}{value}" or "=" in key or not key]
        if broken:
            raise ValueError(f"{', '.join(broken)}: names have no '=', and nothing here has more than one line")
        return values

    @field_validator("image")
    @classmethod
    def _names_a_repository(cls, image: str | None) -> str | None:
        """A deployment's image is the environment's with the commit as its tag: without the first it is none."""
        return None if image is None or not image.partition(":")[0] else image

    @field_validator("spark_conf", "env")
    @classmethod
    def _hold_no_credentials(cls, values: dict[str, str | None]) -> dict[str, str | None]:
        named = [key for key, value in values.items() if value and is_secret(key)]
        if named:
            raise ValueError(f"{', '.join(named)}: a value to hide has no place here; name a secret in `secrets`")
        return values

    @field_validator("secrets")
    @classmethod
    def _are_references(cls, secrets: dict[str, str]) -> dict[str, str]:
        if any("," in variable or "," in name or not name for variable, name in secrets.items()):
            raise ValueError("write VARIABLE: name-of-the-secret; neither may hold a comma or be empty")
        return secrets

    @field_validator("command")
    @classmethod
    def _is_prefects(cls, command: str | None) -> str | None:
        if command and shlex.split(command)[0] != "prefect":
            raise ValueError("the driver runs a command of Prefect's: prefect flow-run execute")
        return command

    @model_validator(mode="after")
    def _sizes_exist(self) -> Self:
        for worker, cores, memory in (
            ("driver", self.driver_cores, self.driver_memory_gb),
            ("executor", self.executor_cores, self.executor_memory_gb),
        ):
            least, most = MEMORY_OF[cores]
            if not least <= memory * (1 + _OVERHEAD) <= most:
                raise ValueError(
                    f"{worker}_memory_gb {memory}: {cores} vCPUs go with {least} to {most} GB, of which Spark takes "
                    "10 % for itself"
                )
        if self.min_executors > self.max_executors:
            raise ValueError(f"min_executors {self.min_executors} is more than max_executors {self.max_executors}")
        return self

    @property
    def aws(self) -> AwsSettings | None:
        """How the worker reaches AWS; None: as its own process says."""
        region = self.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region is None:
            return None
        return AwsSettings(
            region=region,
            endpoint_url=self.endpoint_url,
            profile=self.profile,
            credentials_file=self.credentials_file,
        )

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: Flow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Fills in what belongs to the flow run; raises `ConfigError` when the driver could not reach the API."""
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)
        for key in _KEYS_OF_THE_API:
            if self.env.get(key) and key not in self.secrets:
                raise ConfigError(
                    f"the worker has a {key}, the job run has none",
                    next_step=f"add `{key}: <name of its secret>` to `secrets` of the work pool or deployment",
                )
        kept = {name: value for name, value in self.env.items() if not is_secret(name) and not _is_own(name)}
        self.env = self._fits_on_a_command_line(kept)
        self.spark_submit_parameters()
        arguments = len(shlex.split(self.command or ""))
        if arguments > MOST_ARGUMENTS:
            raise ConfigError(
                f"the command of the job has {arguments:,} words, EMR Serverless takes {MOST_ARGUMENTS:,}",
                next_step="shorten `command` of the work pool or deployment, or leave it empty",
            )

    def request(self, name: str, client_token: str) -> dict[str, Any]:
        """The arguments of StartJobRun."""
        return {
            "applicationId": self.application_id,
            "executionRoleArn": self.execution_role_arn,
            "name": name[:LONGEST_NAME],
            "clientToken": client_token,
            "executionTimeoutMinutes": self.timeout_minutes,
            "tags": tags(self.labels),
            "jobDriver": {
                "sparkSubmit": {
                    "entryPoint": self.entry_point,
                    "entryPointArguments": shlex.split(self.command or "")[1:],
                    "sparkSubmitParameters": self.spark_submit_parameters(),
                }
            },
            "configurationOverrides": {"monitoringConfiguration": dict(self._monitoring())},
        }

    def spark_submit_parameters(self) -> str:
        """Sizes, settings and environment as spark-submit takes them; raises `ConfigError` when EMR takes less."""
        settings = self._sizes() | self.spark_conf | dict(self._environment())
        parameters = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
        if self.jars:
            parameters += ["--jars", ",".join(self.jars)]
        return checked(shlex.join(parameters), settings)

    def _sizes(self) -> dict[str, str]:
        return {
            "spark.driver.cores": str(self.driver_cores),
            "spark.driver.memory": f"{self.driver_memory_gb}g",
            "spark.emr-serverless.driver.disk": f"{self.driver_disk_gb}G",
            "spark.executor.cores": str(self.executor_cores),
            "spark.executor.memory": f"{self.executor_memory_gb}g",
            "spark.emr-serverless.executor.disk": f"{self.executor_disk_gb}G",
            "spark.dynamicAllocation.enabled": "true",
            "spark.dynamicAllocation.initialExecutors": str(self.min_executors),
            "spark.dynamicAllocation.minExecutors": str(self.min_executors),
            "spark.dynamicAllocation.maxExecutors": str(self.max_executors),
        }

    def _environment(self) -> Iterator[tuple[str, str]]:
        driver: dict[str, str] = {name: value for name, value in self.env.items() if value is not None}
        driver |= {"PYSPARK_DRIVER_PYTHON": self.python, "PYSPARK_PYTHON": self.python}
        if self.aws:  # which is what the SDK of Python asks for; EMR itself says AWS_REGION
            driver.setdefault("AWS_DEFAULT_REGION", self.aws.region)
        if self.secrets:
            driver[SECRETS_VARIABLE] = _written(self.secrets)
        yield from ((f"spark.emr-serverless.driverEnv.{name}", value) for name, value in sorted(driver.items()))
        yield "spark.executorEnv.PYSPARK_PYTHON", self.python

    def _monitoring(self) -> Iterator[tuple[str, Any]]:
        if self.log_uri:
            yield "s3MonitoringConfiguration", {"logUri": self.log_uri}
        if self.log_group:
            yield "cloudWatchLoggingConfiguration", {"enabled": True, "logGroupName": self.log_group}


def is_secret(name: str) -> bool:
    """Whether a setting of this name is one to hide."""
    plain = name.lower().replace(".", "_")
    return any(word in plain for word in _SECRET_WORDS)


def _is_own(name: str) -> bool:
    return name.startswith(_LEFT_BEHIND)


def _written(secrets: Mapping[str, str]) -> str:
    return ",".join(f"{variable}={name}" for variable, name in sorted(secrets.items()))
