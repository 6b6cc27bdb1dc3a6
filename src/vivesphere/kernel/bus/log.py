"""The event log on the database: for history, for the bus that writes it, and for the durable listeners that read it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from vivesphere.kernel.bus.delivery_log import Failure, Found, Look, Place, Standing
from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.bus.in_flight import Acknowledgement
from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db import deliveries, event_log, log_extent, retention
from vivesphere.kernel.db.errors import DatabaseError, DatabaseUnavailable, TransactionLost
from vivesphere.kernel.db.event_log import Chain, HistoryPage, HistoryQuery, RecordedEvent
from vivesphere.kernel.db.event_rows import LogRow
from vivesphere.kernel.db.handle import DatabaseHandle, Unit
from vivesphere.kernel.db.log_extent import LogExtent
from vivesphere.kernel.db.retention import Order, Swept
from vivesphere.kernel.principals import SYSTEM, Principal


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
        """A page of recorded events, newest first. Raises TopicInvalid for a bad pattern or category."""
        return await self._db.read(event_log.history, query, limit)

    async def after(self, seq: int, query: HistoryQuery, limit: int = 500) -> tuple[RecordedEvent, ...]:
        """What was recorded after `seq`, oldest first; fewer than `limit` if that is all. Raises TopicInvalid like `read`."""
        return await self._db.read(event_log.after, seq, query, limit)

    async def find(self, event_id: str) -> RecordedEvent | None:
        """One recorded event."""
        return await self._db.read(event_log.find, event_id)

    async def chain(self, event_id: str, limit: int = 1000) -> Chain | None:
        """Everything that belongs to the chain of causes of this event; None if the event is not in the log."""
        return await self._db.read(event_log.chain, event_id, limit)

    async def extent(self) -> LogExtent:
        """Which log this is, and how much it holds."""
        while (found := await self._db.read(log_extent.read_extent)) is None:
            await self._db.write(log_extent.name_log)
        return found


class DatabaseEventLog:
    """Writes the event log, each event through a handle of the principal that reports it."""

    def __init__(self, handle: Callable[[Principal], DatabaseHandle]) -> None:
        self._handle = handle

    async def record(self, principal: Principal, event: Event) -> None:
        """A durable event reported outside a unit of work: on disk when this returns. Raises LogUnavailable if it could not be
        written."""
        try:
            await self._handle(principal).write(_emit, event)
        except DatabaseError as error:
            raise LogUnavailable(f"{event.topic} was not published, since it could not be recorded: {error}") from error

    async def append(self, rows: Sequence[LogRow]) -> None:
        """Live events, encoded: on disk when this returns. Raises LogUnavailable if they may be tried again later."""
        with _later():
            await self._handle(SYSTEM).write(Unit.append, rows)

    async def replace(self, order: Order, rows: Sequence[LogRow]) -> Swept:
        """Like `append`, and in the same commit older events make room."""
        with _later():
            return await self._handle(SYSTEM).write(retention.replace, order, rows)


class DatabaseDeliveryLog:
    """The `DeliveryLog` that durable listeners read. `db` is a handle of `system`."""

    def __init__(self, db: DatabaseHandle, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def open_cursor(self, listener: str, start: str) -> Place | None:
        with _unavailable():
            return await self._db.write(deliveries.open_cursor, listener, start)

    async def look(self, wanted: Look) -> Found:
        with _unavailable():
            return await self._db.read(deliveries.look, wanted, self._clock.now())

    async def move_on(self, listener: str, floor: int, swept: int | None) -> None:
        with _unavailable():
            await self._db.write(deliveries.move_on, listener, floor, swept)

    async def park(self, listener: str, failure: Failure) -> bool:
        with _unavailable():
            return await self._db.write(deliveries.park, listener, failure)

    async def standing(self, listener: str, seq: int) -> Standing | None:
        with _unavailable():
            return await self._db.read(deliveries.standing, listener, seq)

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        with _unavailable():
            await self._db.acknowledge(acknowledgement, _nothing)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise LogUnavailable(str(error)) from error


def _nothing(_tx: Unit) -> None:
    """The unit of a handler that wrote nothing: its acknowledgement is all there is to commit."""


@contextmanager
def _later() -> Iterator[None]:
    try:
        yield
    except (DatabaseUnavailable, TransactionLost) as error:
        raise LogUnavailable(f"live events cannot be recorded now: {error}") from error


def _emit(tx: Unit, event: Event) -> None:
    tx.emit(event)
