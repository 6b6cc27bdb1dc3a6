"""How long to wait before connecting again."""

from collections.abc import Callable


class Backoff:
    """Doubles from `first` to `longest` seconds; starts over after a connection that held for `healthy` seconds.

    Up to a fifth is taken off at random, so that the accounts a server has dropped together do not all come back together.
    """

    def __init__(
        self, random: Callable[[], float], *, first: float = 1.0, longest: float = 300.0, healthy: float = 60.0
    ) -> None:
        self._random = random
        self._first = first
        self._longest = longest
        self._healthy = healthy
        self._next = first

    def after(self, held: float) -> float:
        """Seconds to wait after a connection that held for `held` seconds; 0 for one that never came about."""
        if held >= self._healthy:
            self._next = self._first
        wait, self._next = self._next, min(self._next * 2, self._longest)
        return wait * (1 - 0.2 * self._random())
