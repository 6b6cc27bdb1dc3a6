"""A sleep that ends early when there is news."""

import asyncio
from datetime import datetime

from vivesphere.kernel.clock import Clock, wait_at_most

LONGEST_SLEEP = 60.0
"""Seconds. A machine that was suspended, or whose clock was set, is noticed after this long at the latest."""


class Alarm:
    """For one sleeper."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = asyncio.Event()

    def set(self) -> None:
        """Wake the sleeper, now or as soon as it lies down."""
        self._news.set()

    async def sleep_until(self, moment: datetime | None) -> None:
        """Return at `moment`, at news, or after LONGEST_SLEEP; without a moment at news only."""
        if moment is None:
            await self._news.wait()
        else:
            seconds = (moment - self._clock.now()).total_seconds()
            await wait_at_most(self._clock, self._news, min(seconds, LONGEST_SLEEP))
        self._news.clear()
