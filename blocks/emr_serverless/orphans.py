"""Flow runs of a work pool that no living worker follows: their worker was killed, or another took its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType, WorkerStatus
from prefect.client.schemas.sorting import FlowRunSort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

WORKER_LABEL = "prefect.worker.name"
_BEGUN_TYPES = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_BEING_SUBMITTED = timedelta(minutes=5)  # a worker that submits a flow run puts its name on it a moment later
_PAGE = 200


async def orphans_of(client: PrefectClient, work_pool: str, worker: str) -> list[FlowRun]:
    """The flow runs that `worker` may take up: those under its own name, and those of workers that are offline."""
    begun = [flow_run async for flow_run in _begun(client, work_pool)]
    if not begun:
        return []
    online = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE]))
    workers = await client.read_workers_for_work_pool(work_pool, worker_filter=online, limit=_PAGE, offset=0)
    others = {other.name for other in workers} - {worker}
    return [flow_run for flow_run in begun if not _is_followed(flow_run, others)]


async def _begun(client: PrefectClient, work_pool: str) -> AsyncIterator[FlowRun]:
    offset = 0
    while True:
        page = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_BEGUN_TYPES))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool])),
            sort=FlowRunSort.ID_DESC,
            limit=_PAGE,
            offset=offset,
        )
        for flow_run in page:
            yield flow_run
        if len(page) < _PAGE:
            return
        offset += _PAGE


def _is_followed(flow_run: FlowRun, others: set[str]) -> bool:
    follower = flow_run.labels.get(WORKER_LABEL)
    if follower is not None:
        return follower in others
    since = flow_run.state.timestamp if flow_run.state else flow_run.created
    return since is None or datetime.now(UTC) - since < _BEING_SUBMITTED
