"""Asking the event log until it answers: what is in a log is not lost because the database is away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import told

T = TypeVar("T")

AWAY_DELAY = 1.0
"""Seconds until the log is asked again after the database failed."""

logger = structlog.get_logger("vivesphere.bus")


class Patience:
    """Of one listener. `trouble` is why the log did not answer, until it does."""

    def __init__(self, listener: str, clock: Clock) -> None:
        self.trouble: str | None = None
        self._listener = listener
        self._clock = clock

    async def ask(self, act: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                found = await act()
            except LogUnavailable as error:
                logger.warning("durable_listener_waits", listener=self._listener, exc_info=True)
                self.trouble = told(error)
                await self._clock.sleep(AWAY_DELAY)
            else:
                self.trouble = None
                return found
