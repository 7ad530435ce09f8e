"""Which processes live: of this place it is known, of another, whatever it is called, nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tidemark.control import processes
from tidemark.control.processes import lives, this_process

NAME = "from tidemark.control.processes import this_process; print(this_process(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_a_process_lives_until_it_has_ended(other: subprocess.Popen[str]) -> None:
    assert other.stdout is not None
    name = other.stdout.readline().strip()
    assert lives(name)
    assert lives(this_process())
    assert name != this_process()
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert lives(name) is False  # nobody has asked yet how it ended: its number is still taken
    other.wait()
    assert lives(name) is False


def test_a_process_with_the_number_of_one_that_has_ended_is_another() -> None:
    host_and_pid, _, mark = this_process().rpartition(":")
    place, _, start = mark.partition("-")
    assert lives(f"{host_and_pid}:{place}-{int(start) + 1}") is False


def test_of_containers_with_one_host_name_and_one_number_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    here = this_process()
    monkeypatch.setattr(processes, "_place", lambda: "another0")
    there = this_process()
    assert there.rpartition(":")[0] == here.rpartition(":")[0]
    assert there != here
    assert lives(here) is None
    assert lives("worker:1") is None  # as versions before this one called them
    assert lives("") is None


def test_what_the_system_hides_is_not_taken_for_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    here = this_process()
    monkeypatch.setattr(processes, "_start", lambda pid: None)
    assert lives(here) is None
