"""Slows down guessing: after some wrong passwords for a name from an address, each next try must wait longer."""

from collections import OrderedDict

import msgspec

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import TooManyRequests

FIRST_WAIT = 1.0
LONGEST_WAIT = 900.0
FORGOTTEN_AFTER = 3600.0
KEPT = 10_000


class _Tries(msgspec.Struct):
    failed: int
    last: float
    free_at: float


class Lockout:
    """Kept in memory: a restart forgives, and nothing can be filled up by names that do not exist."""

    def __init__(self, free_attempts: int, clock: Clock) -> None:
        self._free = free_attempts
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def begin(self, username: str, address: str) -> None:
        """Raises TooManyRequests while locked. The try counts as failed until `succeeded` says otherwise: guesses that run side
        by side must not all pass before the first one fails."""
        now = self._clock.monotonic()
        tries = self._tries.pop((username, address), None)
        if tries is None or now - tries.last > FORGOTTEN_AFTER:
            tries = _Tries(0, now, now)
        self._tries[(username, address)] = tries
        if len(self._tries) > KEPT:
            self._tries.popitem(last=False)
        if now < tries.free_at:
            wait = tries.free_at - now
            raise TooManyRequests(f"Too many wrong passwords; wait {wait:.0f} s and try again.", wait)
        tries.failed += 1
        tries.last = now
        if tries.failed >= self._free:
            tries.free_at = now + min(FIRST_WAIT * 2 ** (tries.failed - self._free), LONGEST_WAIT)

    def succeeded(self, username: str, address: str) -> None:
        self._tries.pop((username, address), None)
