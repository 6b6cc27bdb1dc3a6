"""Live delivery: bounded queues, each with one task that empties it.

A subscription has one lane, or several with a key: an event goes to the lane of its key, so that order holds for each key and
a slow key holds up only those that share its lane.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal

from vivesphere.kernel.bus.breaker import FAILURES, STORM, Breakers, Tripped
from vivesphere.kernel.bus.limits import TokenBucket
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.cause import act_under
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import told
from vivesphere.kernel.principals import Principal

Overflow = Literal["drop_oldest", "drop_newest"]
Handler = Callable[[Envelope[Any]], Awaitable[None]]
Key = Callable[[Envelope[Any]], Hashable]
Admits = Callable[[Envelope[Any]], bool]

PACE_LOOK = 1.0
"""Seconds after which a listener that waits for its turn looks whether its pace has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What a listener asked for. `capacity` is for all lanes together; one lane needs no key."""

    name: str
    principal: Principal
    pattern: str
    handler: Handler
    capacity: int = 1000
    overflow: Overflow = "drop_oldest"
    key: Key | None = None
    lanes: int = 1

    def __post_init__(self) -> None:
        if self.lanes > 1 and self.key is None:
            raise ValueError(f"{self.name} asks for {self.lanes} lanes and names no key that says which event goes where")
        if not 1 <= self.lanes <= self.capacity:
            raise ValueError(
                f"{self.name} asks for {self.lanes} lanes; it needs one, and at most one for each of {self.capacity}"
            )


Failed = Callable[["Subscription", Envelope[Any], BaseException], None]
"""Hears which listener raised, at what, and what it raised."""


class Subscription:
    """A listener's place on the bus. `dropped`, `handled` and `failed` count events since it began.

    `pace` is the rate at which events are handed to it, which may change while it listens; None is as fast as it can.
    """

    def __init__(
        self,
        asked: Listening,
        *,
        admits: Admits | None,
        pace: TokenBucket | None,
        clock: Clock,
        failed: Failed,
        tripped: Tripped,
    ) -> None:
        self.asked = asked
        self.name = asked.name
        self.pattern = asked.pattern
        self.pace = pace
        self.clock = clock
        self.closed = False
        self.on_close: list[Callable[[], object]] = []
        self.breakers = Breakers()
        self._failed = failed
        self._tripped = tripped
        self._admits = admits
        self.lanes = tuple(_Lane(self, admits) for _ in range(asked.lanes))
        self.offer: Callable[[Envelope[Any]], None] = self.lanes[0].offer if asked.key is None else self._offer_by_key
        """Queue an event, or drop one by the stated policy. Never waits, so no listener can delay a publisher."""

    @property
    def handled(self) -> int:
        return sum(lane.handled for lane in self.lanes)

    @property
    def dropped(self) -> int:
        return sum(lane.dropped for lane in self.lanes)

    @property
    def failed(self) -> int:
        return sum(lane.failed for lane in self.lanes)

    @property
    def depth(self) -> int:
        """How many events wait."""
        return sum(len(lane.queue) for lane in self.lanes)

    def close(self) -> None:
        """Stop: nothing more is handled, what waits is discarded, and a handler that runs is cancelled."""
        if self.closed:
            return
        self.closed = True
        for tell in self.on_close:
            tell()
        for lane in self.lanes:
            lane.close()

    async def drained(self) -> None:
        """Return once everything queued so far has been handled."""
        for lane in self.lanes:
            await lane.idle.wait()

    def lets_through(self, envelope: Envelope[Any]) -> bool:
        """Whether the breakers let a caused event, or one of a listener that failed, be handled."""
        now = self.clock.monotonic()
        if envelope.cause.hop and self.breakers.came_round(envelope, now):
            self._trip(envelope, STORM)
        return self.breakers.admit(envelope.topic, now)

    def handler_failed(self, envelope: Envelope[Any], error: BaseException) -> None:
        if self.breakers.failed(envelope.topic, self.clock.monotonic()):
            reason = f"it failed {FAILURES} times in a row, the last time by {told(error)}"[:500]
            self._trip(envelope, reason)
        self._failed(self, envelope, error)

    def _trip(self, envelope: Envelope[Any], reason: str) -> None:
        """While a breaker is open, what would not be handled is not even queued: the neighbours are to notice nothing."""
        self._set_admission(self._admits_while_tripped)
        self._tripped(self.name, envelope, reason)

    def _admits_while_tripped(self, envelope: Envelope[Any]) -> bool:
        if self.breakers.turns_away(envelope.topic, self.clock.monotonic()):
            return False
        if not self.breakers.tripped():
            self._set_admission(self._admits)
        return self._admits is None or self._admits(envelope)

    def _set_admission(self, admits: Admits | None) -> None:
        if self.closed:
            return
        for lane in self.lanes:
            lane.admits = admits

    def _offer_by_key(self, envelope: Envelope[Any]) -> None:
        key = self.asked.key
        assert key is not None  # noqa: S101 - tells the checker what the constructor has seen
        try:
            place = hash(key(envelope))
        except Exception as error:  # noqa: BLE001 - the bus boundary: a key is the listener's code, and the publisher is on the stack
            self.lanes[0].failed += 1
            self.handler_failed(envelope, error)
        else:
            self.lanes[place % len(self.lanes)].offer(envelope)


class _Lane:
    """One queue, and the task that empties it."""

    __slots__ = (
        "_capacity",
        "_drop_oldest",
        "_more",
        "_of",
        "_task",
        "admits",
        "dropped",
        "failed",
        "handled",
        "idle",
        "queue",
    )

    def __init__(self, of: Subscription, admits: Admits | None) -> None:
        self.handled = 0
        self.dropped = 0
        self.failed = 0
        self.queue: deque[Envelope[Any]] = deque()
        self.idle = asyncio.Event()
        self.idle.set()
        self._of = of
        self.admits = admits
        self._capacity = of.asked.capacity // of.asked.lanes
        self._drop_oldest = of.asked.overflow == "drop_oldest"
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._drain(), name=f"bus:{of.name}")
        # However it comes to its end: a listener that hears no more is none.
        self._task.add_done_callback(lambda _: of.close())

    def offer(self, envelope: Envelope[Any]) -> None:
        if self.admits is not None and not self.admits(envelope):
            return
        queue = self.queue
        if len(queue) >= self._capacity:
            self.dropped += 1
            if not self._drop_oldest:
                return
            queue.popleft()
        queue.append(envelope)
        if len(queue) == 1:
            self.idle.clear()
            self._more.set()

    def close(self) -> None:
        # A publisher may be under way to it.
        self.admits = _nothing
        self.queue.clear()
        self.idle.set()
        # A handler that closes its own subscription is let finish; the loop in `_drain` ends by itself.
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def _drain(self) -> None:
        of, queue, handler = self._of, self.queue, self._of.asked.handler
        # The dict itself: it is asked about each event, and nearly always empty.
        watched = of.breakers.by_topic
        while not of.closed:
            await self._more.wait()
            while queue:
                if of.pace is not None:
                    await self._turn()
                envelope = queue.popleft()
                if (envelope.cause.hop or watched) and not of.lets_through(envelope):
                    continue
                act_under(envelope)
                try:
                    await handler(envelope)
                    self.handled += 1
                    if watched:
                        of.breakers.succeeded(envelope.topic)
                except (Exception, asyncio.CancelledError) as error:
                    # A handler may await what was cancelled elsewhere; only a cancellation of this task ends it.
                    if isinstance(error, asyncio.CancelledError) and self._task.cancelling():
                        raise
                    self.failed += 1
                    of.handler_failed(envelope, error)
            self._more.clear()
            self.idle.set()

    async def _turn(self) -> None:
        """Wait until one more event may be handed over; what comes meanwhile waits in the queue, or is dropped by policy."""
        while (pace := self._of.pace) is not None and (wait := pace.take()):
            await self._of.clock.sleep(min(wait, PACE_LOOK))


def _nothing(_envelope: Envelope[Any]) -> bool:
    return False
