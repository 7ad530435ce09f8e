"""EMR Serverless in tests: the stand-in, an application in it, a work pool for it, and programs to run as drivers."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import uuid
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import boto3
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import LogSort

from blocks.emr_serverless import EMRServerlessWorker
from sandbox.credentials import AWS, AWS_PROFILE, REGION
from sandbox.home import Home
from sandbox.processes import Processes
from sandbox.readiness import wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.flows import Flow

ROLE = "arn:aws:iam::123456789012:role/tidemark-job"
BUCKET = "emr-logs"
SETTLED = 60.0  # seconds within which everything in these tests has happened

Answer = TypeVar("Answer")


@contextmanager
def emulator(folder: Path, **settings: str) -> Iterator[str]:
    """The address of an AWS stand-in of its own, with a bucket for logs and nothing else."""
    home = Home(folder)
    home.folder.mkdir(parents=True)
    processes = Processes(home)
    processes.start("aws", settings)
    try:
        wait_until_ready(home, processes, "aws")
        running = processes.known("aws")
        assert running is not None
        address = f"http://127.0.0.1:{running.port}"
        home.aws_credentials.write_text(
            f"[{AWS_PROFILE}]\naws_access_key_id = {AWS.user}\naws_secret_access_key = {AWS.password}\n"
        )
        where = {"LocationConstraint": REGION}
        client("s3", address).create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        yield address
    finally:
        processes.stop(["aws"])


def client(service: str, address: str) -> Any:
    """A boto3 client of the stand-in."""
    session: Any = boto3.Session(AWS.user, AWS.password, region_name=REGION)
    return session.client(service, endpoint_url=address)


@dataclass(frozen=True)
class Application:
    """An application of the stand-in, and a work pool whose flow runs it runs."""

    folder: Path
    address: str
    id: str
    pool: str

    @property
    def emr(self) -> Any:
        return client("emr-serverless", self.address)

    def job_runs(self) -> list[dict[str, Any]]:
        """Its job runs as EMR lists them."""
        listed: list[dict[str, Any]] = self.emr.list_job_runs(applicationId=self.id)["jobRuns"]
        return listed

    def program(self, body: str) -> str:
        """An entry point that runs `body` (Python, with `flow_run(state)`, which reports a state to Prefect)."""
        path = self.folder / f"{uuid.uuid4().hex}.py"
        path.write_text(_REPORTING + textwrap.dedent(body))
        return f"local://{path}"

    def variables(self, body: str, **others: Any) -> dict[str, Any]:
        """Job variables of a small job that runs `body`, looked at often."""
        return {
            "application_id": self.id,
            "execution_role_arn": ROLE,
            "region": REGION,
            "endpoint_url": self.address,
            "profile": AWS_PROFILE,
            "credentials_file": str(Home(self.folder).aws_credentials),
            "driver_cores": 1,
            "driver_memory_gb": 2,
            "executor_cores": 1,
            "executor_memory_gb": 2,
            "python": sys.executable,
            "entry_point": self.program(body),
            "log_uri": f"s3://{BUCKET}/emr/",
            "poll_seconds": 0.1,
            **others,
        }

    def worker(self, name: str = "first") -> EMRServerlessWorker:
        return EMRServerlessWorker(work_pool_name=self.pool, name=name, create_pool_if_not_found=False)


def application(folder: Path, address: str, **tags: str) -> Application:
    """A new application with these tags (`sandbox:` before each), and a work pool of its own."""
    emr = client("emr-serverless", address)
    named = {f"sandbox:{name.replace('_', '-')}": value for name, value in tags.items()}
    created = emr.create_application(name="shop", releaseLabel="emr-spark-8.2.0", type="SPARK", tags=named)
    pool = f"emr-{created['applicationId']}"
    template = EMRServerlessWorker.get_default_base_job_template()
    wanted = WorkPoolCreate(name=pool, type="emr-serverless", base_job_template=template)
    in_prefect(lambda prefect: prefect.create_work_pool(wanted))
    return Application(folder, address, created["applicationId"], pool)


def in_prefect(ask: Callable[[PrefectClient], Coroutine[Any, Any, Answer]]) -> Answer:
    """What the Prefect server answers."""

    async def asked() -> Answer:
        async with get_client() as prefect:
            return await ask(prefect)

    return asyncio.run(asked())


async def scheduled(
    application: Application,
    flow: Flow[..., Any],
    variables: dict[str, Any],
    parameters: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
) -> UUID:
    """A flow run of a deployment (with parameters of its `own`) in the application's work pool, due now."""
    async with get_client() as prefect:
        flow_id = await prefect.create_flow(flow)
        deployment = await prefect.create_deployment(
            flow_id,
            f"on-{application.id}-{uuid.uuid4().hex[:6]}.local",
            work_pool_name=application.pool,
            job_variables=variables,
            parameters=own,
            entrypoint=f"{flow.fn.__module__}.{flow.fn.__name__}",
        )
        return (await prefect.create_flow_run_from_deployment(deployment, parameters=parameters)).id


async def flow_run(id_: UUID) -> FlowRun:
    """The flow run as it is now."""
    async with get_client() as prefect:
        return await prefect.read_flow_run(id_)


async def logs(id_: UUID) -> str:
    """The flow run's log."""
    async with get_client() as prefect:
        of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[id_]))
        records = await prefect.read_logs(of_run, limit=200, offset=0, sort=LogSort.TIMESTAMP_ASC)
    return "\n".join(record.message for record in records)


async def until(holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Returns when it holds; fails when it does not within a minute."""
    async with asyncio.timeout(SETTLED):
        while not await holds():
            await asyncio.sleep(0.1)


def follows(worker: EMRServerlessWorker, run: UUID) -> bool:
    """Whether the worker has still something to do for a flow run."""
    return run in worker._followed | worker._submitting_flow_run_ids


async def ended(worker: EMRServerlessWorker, run: UUID, seconds: float = 240) -> FlowRun:
    """The flow run when the worker has nothing more to do for it."""
    async with asyncio.timeout(seconds):
        while follows(worker, run):
            await asyncio.sleep(0.2)
    return await flow_run(run)


def run_flow(
    application: Application,
    flow: Flow[..., Any],
    variables: dict[str, Any],
    parameters: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
    seconds: float = 240,
) -> FlowRun:
    """The flow run after a worker has worked on it."""

    async def run() -> FlowRun:
        id_ = await scheduled(application, flow, variables, parameters, own)
        async with application.worker() as worker:
            await worker.get_and_submit_flow_runs()
            return await ended(worker, id_, seconds)

    return asyncio.run(run())


_REPORTING = """
import json, os, sys, time, urllib.request

def flow_run(state, **more):
    url = f"{os.environ['PREFECT_API_URL']}/flow_runs/{os.environ['PREFECT__FLOW_RUN_ID']}/set_state"
    body = json.dumps({"state": {"type": state.upper(), "name": state}, "force": True, **more}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    urllib.request.urlopen(request, timeout=20).read()

"""
