"""Events on their way: in order, beside the run, kept where nobody takes them, and ended for those who died."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tidemark.aws.folder import Folder, open_folder
from tidemark.config.environment import Environment
from tidemark.control.processes import this_process
from tidemark.observe.lineage.courier import Courier
from tidemark.observe.lineage.left import FORGOTTEN, Left
from tidemark.observe.lineage.transports import FileTransport, HttpTransport, UnreachableError

Event = dict[str, Any]
DEAD = f"{this_process().partition(':')[0]}:1:{this_process().rpartition(':')[2].partition('-')[0]}-none"


def event(kind: str, run: str = "a") -> Event:
    return {"eventType": kind, "run": {"runId": run}}


def aborted(start: Event, at: datetime, why: str) -> Event:
    return {**start, "eventType": "ABORT", "why": why}


class Taken:
    """A transport that takes everything, or nothing."""

    where = "memory"

    def __init__(self, *, down: bool = False, slow: float = 0.0) -> None:
        self.events: list[Event] = []
        self.down, self.slow = down, slow

    def send(self, events: Sequence[Event]) -> None:
        time.sleep(self.slow)
        if self.down:
            raise UnreachableError("memory is full")
        self.events += events

    def close(self) -> None:
        """Nothing to close."""

    @property
    def kinds(self) -> list[str]:
        return [f"{each['eventType']} {each['run']['runId']}" for each in self.events]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path / "lineage"))


def courier(transport: object, folder: Folder, run_id: str = "run-1", patience: float = 10.0) -> Courier:
    def connect() -> Any:
        return transport

    return Courier(connect, folder, run_id=run_id, process=this_process(), aborted=aborted, patience=patience)


def test_events_arrive_in_order_and_are_counted(folder: Folder) -> None:
    taken = Taken()
    sender = courier(taken, folder)
    for each in (event("START", "a"), event("START", "b"), event("COMPLETE", "a"), event("FAIL", "b")):
        sender.take(partial(dict, each))
    told = sender.finish()
    assert taken.kinds == ["START a", "START b", "COMPLETE a", "FAIL b"]
    assert (told.sent, told.waiting, told.lost, told.where, told.why) == (4, 0, 0, "memory", None)
    assert list(Left(folder).open()) == []


def test_an_event_that_cannot_be_made_fails_nothing(folder: Folder) -> None:
    taken = Taken()
    sender = courier(taken, folder)
    sender.take(partial(json.loads, "{"))
    sender.take(partial(event, "START"))
    assert sender.finish().sent == 1


def test_what_nobody_takes_waits_and_is_sent_by_a_later_run(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    sender = courier(Taken(down=True), folder)
    sender.take(partial(event, "START"))
    sender.take(partial(event, "COMPLETE"))
    told = sender.finish()
    assert (told.sent, told.waiting, told.why) == (0, 2, "memory is full")
    assert len(Left(folder).waiting()) == 1
    assert "lineage events wait: memory is full" in caplog.text

    taken = Taken()
    later = courier(taken, folder, "run-2")
    later.take(partial(event, "START", "b"))
    later.take(partial(event, "COMPLETE", "b"))
    told = later.finish()
    assert taken.kinds == ["START a", "COMPLETE a", "START b", "COMPLETE b"]
    assert told.sent == 2  # its own
    assert Left(folder).waiting() == []


def test_a_backend_that_hangs_does_not_hold_the_run_up(folder: Folder) -> None:
    taken = Taken(slow=3.0)
    sender = courier(taken, folder, patience=0.3)
    sender.take(partial(event, "START"))
    time.sleep(0.4)
    sender.take(partial(event, "COMPLETE"))
    began = time.monotonic()
    told = sender.finish()
    assert time.monotonic() - began < 1.5
    kept = [each for name in Left(folder).waiting() for each in Left(folder).take(name)]
    assert [each["eventType"] for each in kept] == ["START", "COMPLETE"]
    assert told.waiting == 2
    assert list(Left(folder).open()) == []


def test_a_secret_that_is_not_there_fails_no_run(folder: Folder) -> None:
    def connect() -> Any:
        raise KeyError("there is no secret")

    sender = Courier(connect, folder, run_id="r", process=this_process(), aborted=aborted)
    sender.take(partial(event, "START"))
    told = sender.finish()
    assert (told.sent, told.waiting) == (0, 1)
    assert "there is no secret" in str(told.why)


def test_jobs_of_a_run_that_died_are_ended_by_the_next(folder: Folder) -> None:
    left = Left(folder)
    left.note_open("dead", DEAD, [event("START", "x"), event("START", "y")])
    left.note_open("alive", this_process(), [event("START", "z")])
    left.note_open("held", DEAD, [event("START", "h")])
    taken = Taken()
    sender = courier(taken, folder)
    sender.take(partial(event, "START"))
    sender.take(partial(event, "COMPLETE"))
    sender.settle("y")
    told = sender.finish(held={"held"})
    assert taken.kinds == ["START a", "COMPLETE a", "ABORT x"]
    assert "run dead died" in taken.events[-1]["why"]
    assert told.sent == 3
    assert sorted(each.run_id for each in left.open()) == ["alive", "held"]


def test_no_job_of_another_run_is_ended_where_nobody_knows_which_are_held(folder: Folder) -> None:
    left = Left(folder)
    left.note_open("dead", DEAD, [event("START", "x")])
    taken = Taken()
    courier(taken, folder).finish(held=None)
    assert taken.kinds == []
    assert [each.run_id for each in left.open()] == ["dead"]


def test_a_killed_run_has_left_what_it_began(folder: Folder) -> None:
    sender = courier(Taken(), folder)
    sender.take(partial(event, "START"))
    _until(lambda: bool(list(Left(folder).open())))
    (open_run,) = Left(folder).open()
    assert (open_run.run_id, open_run.starts) == ("run-1", (event("START"),))
    sender.finish()


def test_of_a_run_elsewhere_silence_tells(folder: Folder) -> None:
    Left(folder).note_open("elsewhere", "another-host:7:abcdef12-99", [event("START")])
    (found,) = Left(folder).open()
    now = datetime.now(UTC).replace(tzinfo=None)
    assert not found.is_dead(now)
    assert found.is_dead(now + FORGOTTEN + timedelta(seconds=1))


def test_there_is_an_end_to_what_waits(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.observe.lineage.left.MOST_SPOOLED", 2)
    for run in ("a", "b", "c"):
        Left(folder).keep([event("START", run)], run)
    kept = [each["run"]["runId"] for name in Left(folder).waiting() for each in Left(folder).take(name)]
    assert kept == ["b", "c"]


def test_files_have_a_line_an_event(folder: Folder, tmp_path: Path) -> None:
    transport = FileTransport(folder, "2025-03-30", "run-1")
    transport.send([event("START")])
    transport.send([event("COMPLETE")])
    assert transport.where == str(tmp_path / "lineage/2025-03-30/run-1.jsonl")
    lines = Path(transport.where).read_text().splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "lineage").write_text("a file, not a folder")
    transport = FileTransport(open_folder(str(tmp_path / "lineage")), "2025-03-30", "run-1")
    with pytest.raises(UnreachableError, match="cannot be written"):
        transport.send([event("START")])


class _Backend(BaseHTTPRequestHandler):
    answers: list[int]
    bodies: list[Event]
    headers_seen: list[str]

    def do_POST(self) -> None:
        """Takes an event, or answers as it was told to."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.answers.pop(0) if self.answers else 201
        if status < 300:
            self.bodies.append(json.loads(body))
            self.headers_seen.append(f"{self.path} {self.headers.get('Authorization')}")
        self.send_response(status)
        self.send_header("Retry-After", "3600")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def backend() -> Iterator[ThreadingHTTPServer]:
    _Backend.answers, _Backend.bodies, _Backend.headers_seen = [], [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def http(port: int, **more: Any) -> HttpTransport:
    lineage = {"transport": "http", "url": f"http://127.0.0.1:{port}", "timeout": "1s", **more}
    return HttpTransport(
        Environment.model_validate(
            {"name": "test", "home": "/srv", "exchange": "/x", "secrets": "env", "lineage": lineage}
        )
    )


def test_a_backend_gets_each_event_with_the_key_of_the_secret(
    backend: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_SECRET_LINEAGE", json.dumps({"api_key": "k3y-k3y-k3y"}))
    transport = http(backend.server_port, secret="lineage", endpoint="/api/v2/lineage")
    transport.send([event("START"), event("COMPLETE")])
    assert [each["eventType"] for each in _Backend.bodies] == ["START", "COMPLETE"]
    assert set(_Backend.headers_seen) == {"/api/v2/lineage Bearer k3y-k3y-k3y"}
    transport.close()


def test_what_passes_is_tried_again_and_what_is_refused_is_put_aside(
    backend: ThreadingHTTPServer, folder: Folder, tmp_path: Path
) -> None:
    _Backend.answers = [503, 201, 422, 201]
    sender = courier(http(backend.server_port), folder)
    for each in ("START", "RUNNING", "COMPLETE"):
        sender.take(partial(event, each))
    told = sender.finish()
    assert [each["eventType"] for each in _Backend.bodies] == ["START", "COMPLETE"]
    assert (told.sent, told.lost, told.waiting) == (2, 1, 0)
    assert "answers 422" in str(told.why)
    (refused,) = (tmp_path / "lineage/_refused").iterdir()
    assert json.loads(refused.read_text())["eventType"] == "RUNNING"


def test_a_dead_backend_costs_the_run_nothing(folder: Folder) -> None:
    sender = courier(http(9), folder)  # nobody listens
    sender.take(partial(event, "START"))
    _until(lambda: bool(Left(folder).waiting()))
    for _ in range(50):
        sender.take(partial(event, "OTHER"))
    began = time.monotonic()
    told = sender.finish()
    assert time.monotonic() - began < 1.0
    assert (told.sent, told.waiting) == (0, 51)
    assert "http://127.0.0.1:9/api/v1/lineage cannot be reached" in str(told.why)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_place_that_cannot_append_gets_a_file_a_time() -> None:
    store = fsspec.filesystem("memory")
    folder = Folder("memory://lineage-of-a-test", store)
    transport = FileTransport(folder, "2025-03-30", "run-1")
    transport.send([event("START")])
    transport.send([event("COMPLETE")])
    assert transport.where == "memory://lineage-of-a-test/2025-03-30/run-1-*.jsonl"
    assert folder.below("2025-03-30").files() == ["run-1-0001.jsonl", "run-1-0002.jsonl"]
    left = Left(folder)
    left.keep([event("START", "x")], "run-1-0001")
    (name,) = left.waiting()
    assert left.take(name) == [event("START", "x")]
    left.done(name)
    assert left.waiting() == []
    left.done(name)  # another run was sooner
    assert left.take(name) == []


def test_what_a_machine_that_went_down_left_broken_holds_nobody_up(folder: Folder) -> None:
    left = Left(folder)
    left.keep([event("START", "a"), event("COMPLETE", "a")], "run-0-0001")
    (name,) = left.waiting()
    folder.write_text(name, f'{json.dumps(event("START", "a"))}\n{{"eventType": "COMP')
    folder.write_text("_spool/00000000T000000000000-run-0-0000.jsonl", '{"eventType"')
    folder.write_text("_open/run-0.json", '{"process": "x", "st')
    left.note_open("dead", DEAD, [event("START", "x")])
    taken = Taken()
    sender = courier(taken, folder)
    sender.take(partial(event, "START", "b"))
    sender.take(partial(event, "COMPLETE", "b"))
    sender.finish()
    assert taken.kinds == ["START a", "START b", "COMPLETE b", "ABORT x"]
    assert left.waiting() == []
    assert list(left.open()) == []
    aside = {each: folder.read_text(f"_refused/{each}") for each in folder.below("_refused").files()}
    assert sorted(aside.values()) == ['{"eventType"', '{"eventType": "COMP', '{"process": "x", "st']
