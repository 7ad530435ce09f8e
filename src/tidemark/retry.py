"""Trying again what fails for a moment: with growing, jittered waits, a limit, and the other side's own wishes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from tidemark.redaction import redact

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryPolicy:
    """`attempts` tries, and more until `lasting` seconds have passed since the first began.

    Waits are random, up to `first_wait` seconds doubled each time, to `longest_wait`.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 20.0
    lasting: float = 0.0

    def call(
        self,
        action: Callable[[], Answer],
        *,
        passing: Callable[[BaseException], bool],
        asked_wait: Callable[[BaseException], float | None] = lambda _: None,
    ) -> Answer:
        """What `action` returns.

        Failures for which `passing` holds are tried again; the last of them, and every other, is raised. Where the
        other side asks for a wait (seconds), it gets at least that, unless the time would be over by then: it gets
        `longest_wait` then.
        """
        jitter = wait_random_exponential(multiplier=self.first_wait, max=self.longest_wait)

        def wait(state: RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = (asked_wait(failure) if failure else None) or 0.0
            left = self.lasting - (state.seconds_since_start or 0.0)
            return min(asked, max(self.longest_wait, left)) + jitter(state)

        attempts = Retrying(
            stop=stop_after_attempt(self.attempts) & stop_after_delay(self.lasting),
            wait=wait,
            retry=retry_if_exception(passing),
            before_sleep=_tell,
            reraise=True,
        )
        return attempts(action)


def _tell(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    log.warning("attempt %d failed, next in %.1f s: %s", state.attempt_number, pause, redact(str(failure)))
