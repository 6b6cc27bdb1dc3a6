"""Stops two machines from talking to each other for ever, when neither knows that the other is one."""

from collections import deque
from collections.abc import Callable, Hashable

from vivesphere.kernel.capped import make_room

CHANNELS = 4096
PATIENCE = 5


class LoopGuard:
    """At most `most` replies in one channel within any `window` seconds."""

    def __init__(self, monotonic: Callable[[], float], *, most: int, window: float) -> None:
        self._monotonic = monotonic
        self._most = most
        self._window = window
        self._given: dict[Hashable, deque[float]] = {}

    def allows(self, channel: Hashable) -> bool:
        """Whether one more reply may go to the channel; if so it is counted."""
        now = self._monotonic()
        given = self._given.pop(channel, deque())
        while given and given[0] <= now - self._window:
            given.popleft()
        make_room(self._given, CHANNELS)
        self._given[channel] = given  # the channel spoken in last stands last, so the longest silent one is forgotten first
        if len(given) >= self._most:
            return False
        given.append(now)
        return True


class Patience:
    """Ends a talk that leads nowhere: two bots that answer each other's "I do not know", however slowly, would never end it."""

    def __init__(self, most: int = PATIENCE) -> None:
        self._most = most
        self._in_vain: dict[Hashable, int] = {}

    def holds(self, channel: Hashable, *, understood: bool) -> bool:
        """Whether to answer. After `most` messages in a row that were not understood, only one that is wins the ear back."""
        before = self._in_vain.pop(channel, 0)
        if understood:
            return True
        make_room(self._in_vain, CHANNELS)
        self._in_vain[channel] = before + 1
        return before < self._most
