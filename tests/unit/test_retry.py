"""What passes is tried again, as often and as late as the policy says; nothing else is."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tidemark.redaction import protect
from tidemark.retry import RetryPolicy

QUICK = RetryPolicy(attempts=4, first_wait=0.001, longest_wait=0.01)


class PassingError(Exception):
    """A failure that may go away."""


def failing(times: int, failure: Exception) -> tuple[list[int], Callable[[], str]]:
    calls: list[int] = []

    def action() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise failure
        return "done"

    return calls, action


def is_passing(failure: BaseException) -> bool:
    return isinstance(failure, PassingError)


@pytest.mark.parametrize("times", [0, 1, 3])
def test_it_goes_on_until_it_works(times: int) -> None:
    calls, action = failing(times, PassingError())
    assert QUICK.call(action, passing=is_passing) == "done"
    assert len(calls) == times + 1


def test_the_last_failure_is_raised_as_it_is() -> None:
    last = PassingError("still down")
    calls, action = failing(99, last)
    with pytest.raises(PassingError) as raised:
        QUICK.call(action, passing=is_passing)
    assert raised.value is last
    assert len(calls) == QUICK.attempts


def test_a_failure_that_does_not_pass_is_raised_at_once() -> None:
    calls, action = failing(1, ValueError("wrong password"))
    with pytest.raises(ValueError, match="wrong password"):
        QUICK.call(action, passing=is_passing)
    assert len(calls) == 1


def test_a_wait_that_was_asked_for_is_kept_up_to_the_longest() -> None:
    policy = RetryPolicy(attempts=2, first_wait=0.0, longest_wait=0.2)
    for asked, least, most in ((0.1, 0.1, 0.19), (3600.0, 0.2, 0.5)):
        _, action = failing(1, PassingError())
        started = time.monotonic()
        policy.call(action, passing=is_passing, asked_wait=lambda _, asked=asked: asked)
        assert least <= time.monotonic() - started < most


def test_it_goes_on_for_as_long_as_the_policy_lasts() -> None:
    policy = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.05, lasting=0.6)
    calls, action = failing(999, PassingError("still down"))
    started = time.monotonic()
    with pytest.raises(PassingError):
        policy.call(action, passing=is_passing)
    assert 0.6 <= time.monotonic() - started < 1.5
    assert len(calls) > 10


def test_slow_failures_get_their_attempts_though_the_time_is_over() -> None:
    policy = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.001, lasting=0.01)
    calls: list[int] = []

    def slow() -> str:
        calls.append(1)
        time.sleep(0.02)
        raise PassingError

    with pytest.raises(PassingError):
        policy.call(slow, passing=is_passing)
    assert len(calls) == policy.attempts


def test_a_wait_that_was_asked_for_is_kept_whole_while_there_is_time() -> None:
    policy = RetryPolicy(attempts=2, first_wait=0.0, longest_wait=0.1, lasting=5)
    _, action = failing(1, PassingError())
    started = time.monotonic()
    policy.call(action, passing=is_passing, asked_wait=lambda _: 0.7)
    assert 0.7 <= time.monotonic() - started < 1.5


def test_waits_differ_so_that_clients_do_not_come_back_together(caplog: pytest.LogCaptureFixture) -> None:
    policy = RetryPolicy(attempts=8, first_wait=0.02, longest_wait=0.02)
    with pytest.raises(PassingError):
        policy.call(failing(99, PassingError())[1], passing=is_passing)
    waits = {record.args[1] for record in caplog.records if isinstance(record.args, tuple)}
    assert len(waits) > 3


def test_the_log_of_a_failure_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    protect({"password": "canary-in-a-log"})
    _, action = failing(1, PassingError("login with canary-in-a-log failed"))
    QUICK.call(action, passing=is_passing)
    assert "attempt 1 failed" in caplog.text
    assert "canary-in-a-log" not in caplog.text
