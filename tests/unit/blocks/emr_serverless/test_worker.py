"""The worker against the stand-in: each job is a small program that really runs, and Prefect's server is a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.states import Cancelling, Running

from blocks.emr_serverless import EMRServerlessWorker
from blocks.emr_serverless.configuration import EMRServerlessConfiguration
from blocks.emr_serverless.job_runs import JobRun, JobRuns
from tests.support.deployments.emr import (
    Application,
    ended,
    flow_run,
    follows,
    logs,
    run_flow,
    scheduled,
    until,
)

pytestmark = pytest.mark.slow  # half of them wait: for time-outs, for a worker's end
CANARY = "c4nary-Password-77dd"
DONE = "flow_run('Running'); flow_run('Completed')"
STAYS = "flow_run('Running'); time.sleep(60)"
TELLS = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(flow_run('Crashed')));"
Make = Callable[..., Application]


@flow
def nightly() -> None:
    """Never runs here: what its jobs run are programs that report its states."""


async def is_running(run: UUID) -> bool:
    state = (await flow_run(run)).state
    return state is not None and state.is_running()


def ran(application: Application, variables: dict[str, Any]) -> Any:
    """The flow run after a worker has worked on it."""
    return run_flow(application, nightly, variables)


def test_a_flow_run_is_a_job_run_of_its_name(make: Make) -> None:
    application = make()
    run = ran(application, application.variables(DONE))
    assert run.state.is_completed()
    (job_run,) = application.job_runs()
    assert (job_run["name"], job_run["state"]) == (f"tidemark-{run.id}", "SUCCESS")
    assert run.infrastructure_pid == f"{application.id}:{job_run['id']}"
    known = application.emr.get_application(applicationId=application.id)["application"]
    assert known["state"] == "STARTED"


def test_the_driver_gets_names_of_secrets_and_the_flow_runs_variables(make: Make) -> None:
    application = make()
    told = ("TEAM", "TIDEMARK_ENVIRONMENT_SECRETS", "PREFECT__FLOW_RUN_ID")
    body = f"print(*(f'{{name}}: {{os.environ[name]}}' for name in {told}), sep='\\n', file=sys.stderr); sys.exit(3)"
    variables = application.variables(body, env={"TEAM": "data and more"}, secrets={"API": "tidemark/api"})
    run = ran(application, variables)
    assert "TEAM: data and more\n" in run.state.message
    assert "TIDEMARK_ENVIRONMENT_SECRETS: API=tidemark/api\n" in run.state.message
    assert f"PREFECT__FLOW_RUN_ID: {run.id}\n" in run.state.message


def test_a_driver_that_dies_is_told_with_its_last_lines_and_no_secret(make: Make) -> None:
    application = make()
    body = f"""
    flow_run('Running')
    print("password={CANARY}", *range(200), "MemoryError: out of heap", sep="\\n", file=sys.stderr)
    sys.exit(137)
    """
    run = ran(application, application.variables(body))
    assert run.state.is_crashed()
    message = run.state.message
    (job_run,) = application.job_runs()
    assert message.startswith(f"Job run {job_run['id']} of application {application.id} ended as FAILED: Job failed")
    assert "ExitCode: 137" in message
    assert "MemoryError: out of heap" in message
    assert f"evidence  s3://emr-logs/emr/applications/{application.id}/jobs/{job_run['id']}/" in message
    assert CANARY not in message
    assert "\n  3\n" not in message


def test_a_job_that_ends_without_a_word_crashed(make: Make) -> None:
    application = make()
    run = ran(application, application.variables("flow_run('Running')"))
    assert run.state.is_crashed()
    assert "ended without a word of the flow run's end" in run.state.message


def test_a_program_that_is_not_there_is_told(make: Make) -> None:
    application = make()
    run = ran(application, application.variables("", entry_point="local:///no/such/driver.py"))
    assert run.state.is_crashed()
    assert "/no/such/driver.py" in run.state.message


def test_a_failed_flow_keeps_its_own_state(make: Make) -> None:
    application = make()
    run = ran(application, application.variables("flow_run('Running'); flow_run('Failed'); sys.exit(1)"))
    assert (run.state.name, run.state.message) == ("Failed", None)


@pytest.mark.parametrize("body", [STAYS, TELLS + STAYS], ids=["silent", "told to end"])
def test_a_job_that_runs_too_long_has_timed_out(make: Make, body: str) -> None:
    application = make(minute="0.3")
    run = ran(application, application.variables(body, timeout_minutes=5))
    assert (run.state.type.value, run.state.name) == ("FAILED", "TimedOut")
    assert "it ran longer than 5 minutes" in run.state.message


def test_a_job_that_does_not_start_in_time_is_cancelled(make: Make) -> None:
    application = make(pending="60")
    run = ran(application, application.variables(DONE, start_timeout_minutes=0.01))
    assert run.state.name == "TimedOut"
    assert "waited 0.01 minutes for its driver to start" in run.state.message
    assert [job_run["state"] for job_run in application.job_runs()] == ["CANCELLED"]


def test_where_aws_refuses_for_now_it_is_asked_again(make: Make) -> None:
    application = make(refuse="ServiceQuotaExceededException ConflictException")
    run = ran(application, application.variables(DONE))
    assert run.state.is_completed()
    assert len(application.job_runs()) == 1


def test_what_aws_refuses_for_good_is_not_tried_again(make: Make) -> None:
    application = make(refuse="ValidationException AccessDeniedException")
    run = ran(application, application.variables(DONE))
    assert run.state.is_crashed()
    assert "ValidationException" in run.state.message
    assert application.job_runs() == []


def test_no_capacity_for_longer_than_is_waited_is_told(make: Make) -> None:
    application = make(refuse="ServiceQuotaExceededException " * 20)
    run = ran(application, application.variables(DONE, capacity_wait_minutes=0))
    assert run.state.is_crashed()
    assert "ServiceQuotaExceededException" in run.state.message


def test_a_job_that_found_no_room_is_started_again_as_another(make: Make) -> None:
    application = make(no_room="1")
    run = ran(application, application.variables(DONE))
    assert run.state.is_completed()
    first, second = sorted(application.job_runs(), key=lambda job_run: job_run["state"])
    assert (first["state"], second["state"]) == ("FAILED", "SUCCESS")
    assert run.infrastructure_pid == f"{application.id}:{second['id']}"


def test_no_room_is_final_when_patience_is_over(make: Make) -> None:
    application = make(no_room="9")
    run = ran(application, application.variables(DONE, capacity_wait_minutes=0))
    assert run.state.is_crashed()
    assert "Insufficient capacity" in run.state.message
    assert len(application.job_runs()) == 1


def test_a_cancelled_flow_run_that_does_not_react_is_ended(make: Make) -> None:
    application = make()
    variables = application.variables(STAYS, cancel_grace_seconds=15)

    async def run() -> Any:
        id_ = await scheduled(application, nightly, variables)
        async with application.worker() as worker:
            await worker.get_and_submit_flow_runs()
            await until(lambda: is_running(id_))
            await worker.client.set_flow_run_state(id_, Cancelling())
            return await ended(worker, id_)

    found = asyncio.run(run())
    assert found.state.is_cancelled()
    assert [job_run["state"] for job_run in application.job_runs()] == ["CANCELLED"]


def test_a_flow_run_that_is_cancelled_before_it_began_is_ended_at_once(make: Make) -> None:
    application = make(pending="60")

    async def run() -> Any:
        id_ = await scheduled(application, nightly, application.variables(DONE))
        async with application.worker() as worker:
            await worker.get_and_submit_flow_runs()
            await until(lambda: has_job_run(id_))
            await worker.client.set_flow_run_state(id_, Cancelling())
            return await ended(worker, id_)

    found = asyncio.run(run())
    assert found.state.is_cancelled()
    assert [job_run["state"] for job_run in application.job_runs()] == ["CANCELLED"]


async def has_job_run(run: UUID) -> bool:
    return (await flow_run(run)).infrastructure_pid is not None


async def abandoned(application: Application, variables: dict[str, Any], name: str) -> UUID:
    """A flow run whose worker went away while its job ran."""
    id_ = await scheduled(application, nightly, variables)
    worker = application.worker(name)

    async def work() -> None:
        async with worker:
            await worker.get_and_submit_flow_runs()
            await asyncio.sleep(60)

    working = asyncio.create_task(work())
    await until(lambda: is_running(id_))
    await until(lambda: has_job_run(id_))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return id_


async def taken_up(worker: EMRServerlessWorker, run: UUID) -> Any:
    """The flow run after the worker has looked for what nobody follows."""
    async with worker:
        await worker.sync_with_backend()
        return await ended(worker, run)


def test_a_worker_that_comes_back_takes_up_what_runs(make: Make) -> None:
    application = make()
    variables = application.variables("flow_run('Running'); time.sleep(4); sys.exit(9)")

    async def run() -> Any:
        id_ = await abandoned(application, variables, "same")
        return await taken_up(application.worker("same"), id_)

    found = asyncio.run(run())
    assert found.state.is_crashed()
    assert "ExitCode: 9" in found.state.message
    assert len(application.job_runs()) == 1


def test_a_job_that_ended_while_no_worker_looked_is_told(make: Make) -> None:
    application = make()
    variables = application.variables("flow_run('Running'); time.sleep(1); sys.exit(9)")

    async def ended() -> bool:
        return all(job_run["state"] == "FAILED" for job_run in application.job_runs())

    async def run() -> Any:
        id_ = await abandoned(application, variables, "same")
        await until(ended)
        return await taken_up(application.worker("same"), id_)

    found = asyncio.run(run())
    assert found.state.is_crashed()
    assert "ExitCode: 9" in found.state.message
    assert len(application.job_runs()) == 1


def test_what_a_living_worker_follows_is_left_to_it(make: Make) -> None:
    application = make()

    async def run() -> bool:
        id_ = await abandoned(application, application.variables("flow_run('Running'); time.sleep(5)"), "living")
        async with application.worker("other") as other:
            await other.sync_with_backend()
            return follows(other, id_)

    assert not asyncio.run(run())


async def configured(application: Application, run: UUID, worker_name: str) -> EMRServerlessConfiguration:
    """The job of a flow run as this worker would submit it."""
    async with application.worker(worker_name) as worker:
        return await EMRServerlessConfiguration.resolve_for_flow_run(
            await flow_run(run), client=worker.client, work_pool=worker.work_pool, worker_name=worker_name
        )


def test_a_flow_run_that_was_submitted_is_not_started_twice(make: Make) -> None:
    """Its worker died between StartJobRun and telling Prefect, and somebody scheduled it again."""
    application = make()

    async def run() -> tuple[Any, JobRun]:
        id_ = await scheduled(application, nightly, application.variables("time.sleep(3);" + DONE))
        started = JobRuns(await configured(application, id_, "dies")).start(id_, 1)
        async with application.worker("next") as worker:
            await worker.get_and_submit_flow_runs()
            return await ended(worker, id_), started

    found, started = asyncio.run(run())
    assert found.state.is_completed()
    assert found.infrastructure_pid == started.pid
    assert len(application.job_runs()) == 1


def test_of_two_workers_that_submit_at_once_one_is_first(make: Make) -> None:
    application = make()

    async def run() -> list[JobRun]:
        id_ = await scheduled(application, nightly, application.variables("time.sleep(3)"))
        jobs = [await configured(application, id_, name) for name in ("one", "two", "two")]
        return [JobRuns(job).start(id_, 1) for job in jobs]

    first, *others = asyncio.run(run())
    assert [other.id for other in others] == [first.id, first.id]
    assert len(application.job_runs()) == 1


def test_a_flow_run_that_runs_but_has_no_job_run_crashed(make: Make) -> None:
    application = make()

    async def run() -> Any:
        id_ = await scheduled(application, nightly, application.variables(DONE))
        async with application.worker("same") as worker:
            await worker.client.set_flow_run_state(id_, Running(), force=True)
            await worker.client.update_flow_run_labels(id_, {"prefect.worker.name": "same"})
            await worker.sync_with_backend()
            return await ended(worker, id_)

    found = asyncio.run(run())
    assert found.state.is_crashed()
    assert "knows no job run of this flow run" in found.state.message
    assert application.job_runs() == []


def test_states_of_the_job_run_are_in_the_flow_runs_log(make: Make) -> None:
    application = make()
    run = ran(application, application.variables("time.sleep(1);" + DONE))
    (job_run,) = application.job_runs()
    told = [
        f"Job run {job_run['id']} of application {application.id}: SUBMITTED",
        f"Job run {job_run['id']}: SUBMITTED → ",
        "RUNNING → SUCCESS",
    ]

    async def are_told() -> bool:
        written = await logs(run.id)
        return all(line in written for line in told)

    asyncio.run(until(are_told))


def test_killing_says_what_cannot_be_killed(make: Make) -> None:
    application = make()
    configuration = EMRServerlessConfiguration(**application.variables(DONE))
    worker = application.worker()
    with pytest.raises(InfrastructureNotFound, match="no job run"):
        asyncio.run(worker.kill_infrastructure(f"{application.id}:00abc", configuration))
    with pytest.raises(InfrastructureNotAvailable, match="not of the application"):
        asyncio.run(worker.kill_infrastructure("other:00abc", configuration))
