"""Everything deployed to the sandbox's Prefect server, and a worker that runs it, as a team has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from sandbox import lifecycle
from sandbox.home import Endpoints
from tidemark.control.leases import KIND as LEASE
from tidemark.control.state import SqliteState

ROOT = Path(__file__).parents[3]
POOL = "tidemark-local"
Answer = TypeVar("Answer")


@dataclass
class Deployed:
    """A home with a sandbox, and the worker of its work pool."""

    home: Path
    endpoints: Endpoints
    worker: subprocess.Popen[bytes] | None = None
    _logs: list[Path] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"{self.endpoints.url('prefect')}/api"

    @property
    def variables(self) -> dict[str, str]:
        """What a worker is started with; the sandbox's ports are found through its home."""
        return os.environ | {
            "TIDEMARK_HOME": str(self.home),
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.home / "client"),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "DO_NOT_TRACK": "1",
            "COLUMNS": "200",
        }

    def command(self, module: str, *arguments: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.variables, capture_output=True, text=True, timeout=seconds, check=False
        )

    def done(self, module: str, *arguments: str) -> str:
        """The output of a command that must succeed."""
        answer = self.command(module, *arguments)
        assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
        return answer.stdout

    def start_worker(self) -> None:
        log = self.home / f"worker-{len(self._logs)}.log"
        self._logs.append(log)
        with log.open("wb") as output:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"],
                cwd=ROOT,
                env=self.variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill_worker(self) -> None:
        """Ends the worker and all that it has started, as a machine that loses its power does."""
        if self.worker is None:
            return
        process = psutil.Process(self.worker.pid)
        everything = [process, *process.children(recursive=True)]
        for each in everything:
            each.suspend()  # or a parent could still tell of a child's death
        for each in everything:
            each.kill()
        psutil.wait_procs(everything, timeout=30)
        self.worker.wait()
        self.worker = None

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return httpx.post(f"{self.api}{path}", json=dict(body), timeout=60)

    def deployment(self, name: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.api}/deployments/name/{name}", timeout=60)
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, deployment: str, **parameters: Any) -> httpx.Response:
        """Asks the API for a run of a deployment."""
        created = f"/deployments/{self.deployment(deployment)['id']}/create_flow_run"
        return self.post(created, {"parameters": parameters, "state": {"type": "SCHEDULED"}})

    def start(self, deployment: str, **parameters: Any) -> str:
        """Begins a run of a deployment; gives the flow run's id."""
        answer = self.ask(deployment, **parameters)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return str(answer.json()["id"])

    def state(self, flow_run: str) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.api}/flow_runs/{flow_run}", timeout=60).json()["state"]
        return found

    def ended(self, flow_run: str, seconds: float = 600) -> dict[str, Any]:
        """The state in which a flow run ended."""
        final = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
        return self.wait(
            lambda: (state := self.state(flow_run))["type"] in final and state, seconds, f"run {flow_run} to end"
        )

    def running_task(self, beginning: str, seconds: float = 400) -> str:
        """Waits until a task whose name begins like this is recorded."""

        def look() -> str | None:
            body = {"task_runs": {"name": {"like_": beginning}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 5}
            found = self.post("/task_runs/filter", body).json()
            return next((str(each["name"]) for each in found if each["state_type"] == "RUNNING"), None)

        return self.wait(look, seconds, f"a task {beginning}…")

    def events(self, name: str) -> list[dict[str, Any]]:
        body = {"filter": {"event": {"name": [name]}}, "limit": 50}
        found: list[dict[str, Any]] = self.post("/events/filter", body).json()["events"]
        return found

    def artifacts(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.post("/artifacts/filter", {"artifacts": {"type": {"any_": [kind]}}}).json()
        return found

    def versions(self) -> dict[str, int]:
        """The Delta version of every table of silver and gold."""
        logs = [path for layer in ("silver", "gold") for path in (self.home / "lake" / layer).glob("*/_delta_log")]
        return {
            f"{log.parent.parent.name}.{log.parent.name}": max(int(file.stem) for file in log.glob("*[0-9].json"))
            for log in logs
        }

    def held_leases(self) -> list[str]:
        """Tables whose lease is still held by a process that lives, or lived when it was taken."""
        state = SqliteState(self.home / "state" / "state.db")
        now = time.time()
        return [lease.key for lease in state.list(LEASE) if _expires(lease.value) > now]

    def wait(self, look: Callable[[], Answer | bool | None], seconds: float, what: str) -> Answer:
        """What `look` gives once it gives something."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look()
            if found is not None and not isinstance(found, bool):
                return found
            time.sleep(0.5)
        raise AssertionError(f"waited {seconds:.0f} s in vain for {what}\n{''.join(self._tails())}")

    def _tails(self) -> Iterator[str]:
        for log in self._logs:
            yield f"--- {log.name}\n{log.read_text('utf-8', 'replace')[-3000:]}\n"


@contextmanager
def deployed(scale: float) -> Iterator[Deployed]:
    """A sandbox of three days, set up and deployed as `docs/prefect.md` says, with a worker; it is gone in the end."""
    home = Path(tempfile.mkdtemp(prefix="tidemark-deployed-"))
    team = Deployed(home, lifecycle.up(home, days=3, scale=scale))
    try:
        for command in (["setup", "--dry-run"], ["setup"], ["deploy"], ["automations"]):
            team.done("cli.main", "prefect", *command)
        team.start_worker()
        yield team
    finally:
        team.kill_worker()
        lifecycle.down(home)
        shutil.rmtree(home, ignore_errors=True)


def _expires(lease: Mapping[str, Any]) -> float:
    from datetime import UTC, datetime

    return datetime.fromisoformat(str(lease["expires_at"])).replace(tzinfo=UTC).timestamp()
