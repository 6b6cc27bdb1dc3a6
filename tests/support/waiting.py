"""Waiting for what another process does: asked again and again until it is so, or the deadline has passed."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 30.0
PAUSE = 0.05


def until(ask: Callable[[], T], wanted: Callable[[T], bool] = bool, deadline: float = DEADLINE) -> T:
    """The first answer that is wanted. Fails with the last answer if none came in time."""
    end = time.monotonic() + deadline
    while True:
        answer = ask()
        if wanted(answer):
            return answer
        assert time.monotonic() < end, f"still not so after {deadline:g} s: {answer!r}"
        # The other process has no way to wake us; this is how often we look, not how long we hope.
        time.sleep(PAUSE)
