"""The kernel's own events about the bus: told without making anybody wait, and never as often as what they tell of."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

import msgspec
import structlog

from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import ViveSphereError
from vivesphere.kernel.principals import SYSTEM, Principal

Recorder = Callable[[Principal, Event], Awaitable[None]]
"""Writes one durable event in a unit of work of that principal; it is dispatched after the commit."""

EVERY = 1.0
"""Seconds between two tellings of the same."""

REMEMBERED = 4096

log = structlog.get_logger("vivesphere.bus")


class Throttle:
    """Says at most once in EVERY seconds, for each subject, that it is time to tell. Capped: strangers name the subjects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Hashable, tuple[float, int]] = {}

    def due(self, subject: Hashable) -> int | None:
        """How often it happened since the last telling, this time included, if it is time; else None."""
        now = self._clock.monotonic()
        at, silent = self._told.pop(subject, (float("-inf"), 0))
        if now - at < EVERY:
            self._told[subject] = (at, silent + 1)
            return None
        make_room(self._told, REMEMBERED)
        self._told[subject] = (now, 0)
        return silent + 1


class Reports:
    """Records durable events of the kernel in the background."""

    def __init__(self) -> None:
        self._background: set[asyncio.Task[None]] = set()

    def record(self, recorder: Recorder, event: Event, cause: Cause) -> None:
        """Begin to record an event about what happened under `cause`."""
        task = asyncio.create_task(_record(recorder, event, cause))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def settled(self) -> None:
        """Return once everything reported so far is recorded."""
        if self._background:
            await asyncio.wait(self._background)


async def _record(recorder: Recorder, event: Event, cause: Cause) -> None:
    try:
        with acting_under(own_cause(cause)):
            await recorder(SYSTEM, event)
    except ViveSphereError:
        # The database is away or the server stops; the log line is then all that is left to say it with.
        log.exception("kernel_event_lost", topic=event.topic, payload=event)


def own_cause(of: Cause | None = None) -> Cause:
    """The kernel's cause for telling about `of`: hop 0, so that even a broken loop can be told of."""
    told = Cause(source=SYSTEM, actor=SYSTEM)
    return told if of is None else msgspec.structs.replace(told, project=of.project, correlation_id=of.correlation_id)
