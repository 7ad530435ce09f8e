"""What warehouses share in a run is worked out once, whoever asks first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tidemark.targets.exports import Once


def test_whoever_asks_meanwhile_waits_for_the_first() -> None:
    asked, release = threading.Barrier(4), threading.Event()
    calls: list[int] = []
    once: Once[int] = Once()

    def work_out() -> int:
        release.wait(10)
        calls.append(1)
        return len(calls)

    def ask() -> int:
        asked.wait(10)
        return once.get("key", work_out)

    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask) for _ in range(3)]
        asked.wait(10)
        release.set()
        assert [answer.result() for answer in answers] == [1, 1, 1]


def test_a_failure_is_not_remembered() -> None:
    once: Once[str] = Once()

    def fail() -> str:
        raise OSError("the network is gone")

    with pytest.raises(OSError, match="gone"):
        once.get("key", fail)
    assert once.get("key", lambda: "worked out") == "worked out"


def test_keys_do_not_share_values() -> None:
    once: Once[int] = Once()
    assert once.get("gold.a", lambda: 10) == 10
    assert once.get("gold.b", lambda: 20) == 20
    assert once.get("gold.a", lambda: 99) == 10


def test_what_is_forgotten_is_given_back_and_worked_out_anew() -> None:
    once: Once[int] = Once()
    once.get("gold.a", lambda: 10)
    assert once.forget() == (10,)
    assert once.get("gold.a", lambda: 11) == 11
