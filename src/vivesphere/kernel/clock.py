"""Time as a part one can replace: tests hand in a clock that they move themselves."""

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """The only source of time for code that waits or stamps; a test advances its own."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def timestamp(self) -> float:
        """The wall clock, in seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; zero or less yields to the loop once."""
        ...


class SystemClock:
    """The machine's own clocks."""

    # The functions themselves: every message asks for them, and a method around them costs as much again.
    now = staticmethod(partial(datetime.now, UTC))
    timestamp = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))


async def wait_at_most(clock: Clock, event: asyncio.Event, seconds: float) -> None:
    """Return once the event is set, and after so many seconds by this clock at the latest."""
    either = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in either:
            task.cancel()
