"""The flow run is the driver: spark-submit on two workers, the image's own entry point, Prefect's own cancellation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling

from blocks.emr_serverless import driver
from tests.support.deployments.driven import counted, dies, stays
from tests.support.deployments.emr import Application, client, ended, run_flow, scheduled, until
from tidemark.spark.jars import jar_folder, locked_jars
from tidemark.spark.logstore import jar_name

CANARY = "c4nary-shop-key-5512"
Make = Callable[..., Application]


def variables(application: Application, **others: Any) -> dict[str, Any]:
    names = [*(jar.file_name for jar in locked_jars() if jar.group == "io.delta"), jar_name()]
    jars = [f"local://{jar_folder() / name}" for name in names]
    entry_point = f"local://{driver.__file__}"
    return application.variables(
        "", entry_point=entry_point, jars=jars, min_executors=2, max_executors=2, poll_seconds=0.5, **others
    )


def test_a_flow_run_drives_two_executors_and_has_its_secret(make: Make, master: str, tmp_path: Path) -> None:
    application = make()
    client("secretsmanager", application.address).create_secret(Name="shop/key", SecretString=CANARY)

    parameters = {"folder": str(tmp_path), "rows": 1000, "executors": 2}
    found = run_flow(application, counted, variables(application, secrets={"SHOP_KEY": "shop/key"}), parameters)
    assert found.state is not None
    assert found.state.is_completed(), found.state.message
    note = json.loads((tmp_path / "note.json").read_text())
    assert note == {"master": master, "name": "counted", "executors": 2, "rows": 1000, "key": CANARY}
    (job_run,) = application.job_runs()
    assert job_run["state"] == "SUCCESS"
    submitted = application.emr.get_job_run(applicationId=application.id, jobRunId=job_run["id"])["jobRun"]
    assert CANARY not in str(submitted)
    assert "SHOP_KEY=shop/key" in str(submitted)


def test_a_cancelled_flow_run_tidies_up_before_it_ends(make: Make, tmp_path: Path) -> None:
    application = make()

    async def began() -> bool:
        return (tmp_path / "began").exists()

    async def run() -> FlowRun:
        id_ = await scheduled(application, stays, variables(application), {"folder": str(tmp_path)})
        async with application.worker() as worker:
            await worker.get_and_submit_flow_runs()
            await until(began)
            await worker.client.set_flow_run_state(id_, Cancelling())
            return await ended(worker, id_)

    found = asyncio.run(run())
    assert found.state is not None
    assert found.state.is_cancelled()
    assert (tmp_path / "tidied").exists()
    assert [job_run["state"] for job_run in application.job_runs()] == ["SUCCESS"]


def test_a_driver_that_is_killed_crashed(make: Make, tmp_path: Path) -> None:
    application = make()
    found = run_flow(application, dies, variables(application), {"folder": str(tmp_path)})
    assert found.state is not None
    assert found.state.is_crashed()
