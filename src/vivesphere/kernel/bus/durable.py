"""Durable delivery: a listener that reads only from the event log, and has handled an event when it says so on disk.

At least once: an event is handed over again until its handler returned. A handler may have the acknowledgement in the commit
of its last unit of work, so that what it writes is written exactly once. One event at a time, in the order of the log; an
event that fails is put aside and tried again later, and the next one goes on meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import structlog

from vivesphere.kernel.backoff import delay
from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import Cause, act_under
from vivesphere.kernel.clock import Clock

E_co = TypeVar("E_co", bound=Event, covariant=True)

MAX_DELIVER = 10
"""Tries before an event is a dead letter."""

FIRST_DELAY = 1.0
LONGEST_DELAY = 300.0
"""Seconds before the first and, doubling, before the later tries."""

AWAY_DELAY = 1.0
"""Seconds until the log is asked again after the database failed."""

SKIP = 5000
"""So many events that are none of the listener's are remembered as looked at; a start looks at fewer again."""

logger = structlog.get_logger("vivesphere.bus")


class Acknowledgement:
    """That a durable listener has handled the event with this `seq`. `done` once it is on disk."""

    __slots__ = ("done", "listener", "seq")

    def __init__(self, listener: str, seq: int) -> None:
        self.listener = listener
        self.seq = seq
        self.done = False


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event to be handled, its payload plain JSON. `attempts` failed before."""

    seq: int
    id: str
    topic: str
    time: datetime
    cause: Cause
    payload: dict[str, Any]
    attempts: int = 0


class Ahead(msgspec.Struct, frozen=True):
    """What comes next for a listener; everything up to `reached` has been looked at."""

    events: tuple[Due, ...]
    reached: int


class DeliveryLog(Protocol):
    """The event log, and each listener's place in it. Everything raises LogUnavailable while the database is away."""

    async def open_cursor(self, listener: str) -> int:
        """Where the listener goes on; a new one begins now."""
        ...

    async def due(self, listener: str) -> Sequence[Due]:
        """Events whose next try has come."""
        ...

    async def ahead(self, topics: Sequence[str], after: int) -> Ahead: ...

    async def next_at(self, listener: str) -> datetime | None:
        """When the next try is due, if anything waits."""
        ...

    async def move_on(self, listener: str, reached: int) -> None: ...

    async def park(self, listener: str, failed: Due, error: str, again_at: datetime | None) -> None:
        """Put a failed event aside, for good if there is no `again_at`."""
        ...

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None: ...


class Delivery(Generic[E_co]):
    """An event handed to a durable listener. `attempt` counts from 1.

    A handler whose last unit of work is `db.acknowledge(delivery.acknowledgement, rule, …)` has that unit done exactly once.
    """

    def __init__(self, envelope: Envelope[E_co], acknowledgement: Acknowledgement, attempt: int) -> None:
        self.envelope = envelope
        self.acknowledgement = acknowledgement
        self.attempt = attempt

    @property
    def event(self) -> E_co:
        return self.envelope.payload


Handler = Callable[[Delivery[Any]], Awaitable[None]]


class DurableListener:
    """One listener's place in the log. `handled`, `failed` and `dead` count since the start."""

    def __init__(
        self,
        name: str,
        kinds: Mapping[str, type[Event]],
        handler: Handler,
        *,
        log: DeliveryLog,
        clock: Clock,
        admits: Callable[[Envelope[Any]], bool],
        jitter: Callable[[], float],
    ) -> None:
        """`kinds` are the events by topic; `jitter` gives 0.0 to 1.0."""
        self.name = name
        self.handled = 0
        self.failed = 0
        self.dead = 0
        self._kinds = kinds
        self._handler = handler
        self._log = log
        self._clock = clock
        self._admits = admits
        self._jitter = jitter
        self._more = asyncio.Event()
        self._resting = asyncio.Event()
        self._seen = 0
        self._kept = 0

    def offer(self, _routed: tuple[Envelope[Any], Cause]) -> None:
        """Something was recorded: a signal to look, nothing more."""
        self._more.set()

    async def drained(self) -> None:
        """Return once everything recorded so far has been handled or put aside."""
        while self._more.is_set() or not self._resting.is_set():
            await self._resting.wait()
            # Whoever was told of more has not woken yet.
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Deliver until cancelled. While the database is away it waits and asks again: nothing is lost in a log."""
        opened = False
        while True:
            try:
                if not opened:
                    self._seen = self._kept = await self._log.open_cursor(self.name)
                    opened = True
                self._more.clear()
                if not await self._round():
                    await self._rest()
            except LogUnavailable:
                logger.warning("durable_listener_waits", listener=self.name, exc_info=True)
                await self._clock.sleep(AWAY_DELAY)

    async def _round(self) -> bool:
        """Hand over what is due and what comes next; whether there may be more at once."""
        for parked in await self._log.due(self.name):
            await self._deliver(parked)
        found = await self._log.ahead(tuple(self._kinds), self._seen)
        for event in found.events:
            await self._deliver(event)
            self._seen = self._kept = event.seq
        # The newest `seq` may be behind us if retention has emptied the log.
        self._seen = max(self._seen, found.reached)
        if self._seen - self._kept >= SKIP:
            await self._log.move_on(self.name, self._seen)
            self._kept = self._seen
        return bool(found.events)

    async def _deliver(self, due: Due) -> None:
        acknowledgement = Acknowledgement(self.name, due.seq)
        try:
            envelope = self._envelope(due)
            act_under(envelope.cause.after(envelope.id))
            if self._admits(envelope):
                await self._handler(Delivery(envelope, acknowledgement, due.attempts + 1))
        except (Exception, asyncio.CancelledError) as error:
            # A handler may await what was cancelled elsewhere; only a cancellation of this task ends it.
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            if not acknowledgement.done:
                await self._put_aside(due, error)
            return
        self.handled += 1
        if not acknowledgement.done:
            await self._log.acknowledge(acknowledgement)

    async def _put_aside(self, due: Due, error: BaseException) -> None:
        self.failed += 1
        attempts = due.attempts + 1
        given_up = attempts >= MAX_DELIVER
        self.dead += given_up
        seconds = delay(due.attempts, self._jitter, first=FIRST_DELAY, longest=LONGEST_DELAY)
        again_at = None if given_up else self._clock.now() + timedelta(seconds=seconds)
        logger.warning("delivery_failed", listener=self.name, event_id=due.id, attempts=attempts, dead=given_up, exc_info=error)
        await self._log.park(self.name, due, f"{type(error).__name__}: {error}"[:1000], again_at)

    async def _rest(self) -> None:
        """Until something is recorded, or a failed event's next try is due."""
        moment = await self._log.next_at(self.name)
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._more.wait())]
        if moment is not None:
            seconds = (moment - self._clock.now()).total_seconds()
            waits.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        self._resting.set()
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._resting.clear()
            for wait in waits:
                wait.cancel()

    def _envelope(self, event: Due) -> Envelope[Any]:
        """Raises msgspec.ValidationError if the contract no longer reads what it once wrote."""
        payload = msgspec.convert(event.payload, self._kinds[event.topic])
        return Envelope(id=event.id, topic=event.topic, time=event.time, cause=event.cause, payload=payload, seq=event.seq)
