"""What was said: the recorded events, for those who may not read the kernel's table themselves."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from vivesphere.kernel.bus.durable import Acknowledgement, Ahead, Due
from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db import deliveries
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.event_log import HistoryPage, HistoryQuery, history
from vivesphere.kernel.db.handle import DatabaseHandle, Unit


def events_by_topic() -> Mapping[str, type[Event]]:
    """Every known event, so that nobody reads afterwards what they may not hear."""
    return {kind.topic: kind for kind in _kinds(Event) if kind.topic}


def _kinds(root: type[Event]) -> Iterator[type[Event]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _kinds(kind)


class EventHistory:
    """Reads the event log through the kernel's own handle. Secret fields were masked when the event was written."""

    def __init__(self, db: DatabaseHandle) -> None:
        self._db = db

    async def read(self, query: HistoryQuery, limit: int = 50) -> HistoryPage:
        """A page of recorded events, newest first. Raises TopicInvalid for a bad pattern."""
        return await self._db.read(history, query, limit)


class DatabaseDeliveryLog:
    """The `DeliveryLog` that durable listeners read, on the database. `db` is a handle of `system`."""

    def __init__(self, db: DatabaseHandle, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def open_cursor(self, listener: str) -> int:
        with _translated():
            return await self._db.write(deliveries.open_cursor, listener)

    async def due(self, listener: str) -> Sequence[Due]:
        with _translated():
            return await self._db.read(deliveries.due, listener, self._clock.now())

    async def ahead(self, topics: Sequence[str], after: int) -> Ahead:
        with _translated():
            return await self._db.read(deliveries.ahead, topics, after)

    async def next_at(self, listener: str) -> datetime | None:
        with _translated():
            return await self._db.read(deliveries.next_at, listener)

    async def move_on(self, listener: str, reached: int) -> None:
        with _translated():
            await self._db.write(deliveries.move_on, listener, reached)

    async def park(self, listener: str, failed: Due, error: str, again_at: datetime | None) -> None:
        with _translated():
            await self._db.write(deliveries.park, listener, failed, error, again_at)

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        with _translated():
            await self._db.acknowledge(acknowledgement, _nothing)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise LogUnavailable(str(error)) from error


def _nothing(_tx: Unit) -> None:
    """The unit of a handler that wrote nothing: its acknowledgement is all there is to commit."""
