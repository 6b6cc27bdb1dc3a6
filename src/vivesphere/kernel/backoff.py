"""How long to wait before trying again what has just failed."""

import random
from collections.abc import Callable


def delay(failures: int, jitter: Callable[[], float] = random.random, *, first: float, longest: float) -> float:
    """Seconds to wait when `failures` attempts failed before this one: doubles from `first` to `longest`.

    Up to a fifth is taken off at random, so that all that one failure has ended together does not come back together.
    """
    # Beyond 2^64 nothing but an overflow would change.
    return min(first * 2.0 ** min(failures, 64), longest) * (1 - 0.2 * jitter())


class Backoff:
    """Counts failures for `delay`; starts over after an attempt that held for `healthy` seconds."""

    def __init__(
        self,
        jitter: Callable[[], float] = random.random,
        *,
        first: float = 1.0,
        longest: float = 60.0,
        healthy: float = 60.0,
    ) -> None:
        self._jitter = jitter
        self._first = first
        self._longest = longest
        self._healthy = healthy
        self._failures = 0

    def after(self, held: float = 0.0) -> float:
        """Seconds to wait after an attempt that held for `held` seconds; 0 for one that never came about."""
        if held >= self._healthy:
            self._failures = 0
        self._failures += 1
        return delay(self._failures - 1, self._jitter, first=self._first, longest=self._longest)
