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

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds; zero or less yields to the loop once."""
        ...


class SystemClock:
    """The machine's own clocks."""

    # The functions themselves: every message asks for both, and a method around them costs as much again.
    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))
