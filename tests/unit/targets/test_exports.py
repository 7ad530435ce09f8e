"""What warehouses share in a run is worked out once, whoever asks first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tidemark.targets.exports import Exports, Once


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
    exports = Exports()
    assert exports.rows("gold.a", 1, lambda: 10) == 10
    assert exports.rows("gold.a", 2, lambda: 20) == 20
    assert exports.rows("gold.b", 1, lambda: 30) == 30
    assert exports.rows("gold.a", 1, lambda: 99) == 10
