"""How long to wait before trying again what has just failed."""

import random
from collections.abc import Callable


class Backoff:
    """Doubles from `first` to `longest` seconds; starts over after an attempt that held for `healthy` seconds.

    Up to a fifth is taken off at random, so that all that one failure has ended together does not come back together.
    """

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
        self._next = first

    def after(self, held: float = 0.0) -> float:
        """Seconds to wait after an attempt that held for `held` seconds; 0 for one that never came about."""
        if held >= self._healthy:
            self._next = self._first
        wait, self._next = self._next, min(self._next * 2, self._longest)
        return wait * (1 - 0.2 * self._jitter())
