"""Live delivery: each subscription has one bounded queue and one task that empties it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import structlog

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.cause import Cause, act_under
from vivesphere.kernel.principals import Principal

Overflow = Literal["drop_oldest", "drop_newest"]
Handler = Callable[[Envelope[Any]], Awaitable[None]]

Routed = tuple[Envelope[Any], Cause]
"""An event, and the cause of what a listener does because of it: made once for all its listeners."""

log = structlog.get_logger("vivesphere.bus")


class Subscription:
    """A listener's place on the bus. `dropped`, `handled` and `failed` count events since it began."""

    def __init__(
        self,
        *,
        name: str,
        principal: Principal,
        pattern: str,
        handler: Handler,
        capacity: int,
        overflow: Overflow,
        admits: Callable[[Envelope[Any]], bool] | None,
        on_failure: Callable[["Subscription", Envelope[Any], BaseException], None],
    ) -> None:
        self.name = name
        self.principal = principal
        self.pattern = pattern
        self.dropped = 0
        self.handled = 0
        self.failed = 0
        self.closed = False
        self.on_close: list[Callable[[], object]] = []
        self._handler = handler
        self._capacity = capacity
        self._drop_oldest = overflow == "drop_oldest"
        self._admits = admits
        self._on_failure = on_failure
        self._queue: deque[Routed] = deque()
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._drain(), name=f"bus:{name}")

    @property
    def depth(self) -> int:
        """How many events wait."""
        return len(self._queue)

    def offer(self, delivery: Routed) -> None:
        """Queue an event, or drop one by the stated policy. Never waits, so no listener can delay a publisher."""
        if self._admits is not None and not self._admits(delivery[0]):
            return
        queue = self._queue
        if len(queue) >= self._capacity:
            self.dropped += 1
            if not self._drop_oldest:
                return
            queue.popleft()
        queue.append(delivery)
        if len(queue) == 1:
            self._idle.clear()
            self._more.set()

    def close(self) -> None:
        """Stop: nothing more is handled, what waits is discarded, and a handler that runs is cancelled."""
        if self.closed:
            return
        self.closed = True
        self._queue.clear()
        self._idle.set()
        for tell in self.on_close:
            tell()
        # A handler that closes its own subscription is let finish; the loop in `_drain` ends by itself.
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def drained(self) -> None:
        """Return once everything queued so far has been handled."""
        await self._idle.wait()

    async def _drain(self) -> None:
        queue, handler = self._queue, self._handler
        while not self.closed:
            await self._more.wait()
            while queue:
                envelope, cause = queue.popleft()
                act_under(cause)
                try:
                    await handler(envelope)
                    self.handled += 1
                except (Exception, asyncio.CancelledError) as error:
                    # A handler may await what was cancelled elsewhere; only a cancellation of this task ends it.
                    if isinstance(error, asyncio.CancelledError) and self._task.cancelling():
                        raise
                    self.failed += 1
                    log.warning(
                        "listener_failed", listener=self.name, topic=envelope.topic, event_id=envelope.id, exc_info=True
                    )
                    self._on_failure(self, envelope, error)
            self._more.clear()
            self._idle.set()
