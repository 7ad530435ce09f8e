"""What a Prefect server knows of a flow run."""

from __future__ import annotations

import time
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

_SECONDS = 30.0
_PAGE = 200


def task_runs(flow_run: UUID, at_least: int) -> list[TaskRun]:
    """The task runs of a flow run; they are recorded a little later than they happen, so this waits for them."""
    deadline = time.monotonic() + _SECONDS
    with get_client(sync_client=True) as client:
        while True:
            found = _task_runs(client, flow_run)
            if len(found) >= at_least or time.monotonic() > deadline:
                return found
            time.sleep(0.2)


def newest_flow_run(flow_name: str) -> FlowRun:
    """The latest run of a flow."""
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=_PAGE)
        flows = {run.flow_id: client.read_flow(run.flow_id).name for run in runs}
    return next(run for run in runs if flows[run.flow_id] == flow_name)


def _task_runs(client: SyncPrefectClient, flow_run: UUID) -> list[TaskRun]:
    return client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])), sort=TaskRunSort.NAME_ASC, limit=_PAGE
    )
