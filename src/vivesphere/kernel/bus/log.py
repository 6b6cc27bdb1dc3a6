"""What was said: the recorded events, for those who may not read the kernel's table themselves."""

from collections.abc import Iterator, Mapping

from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.db.event_log import HistoryPage, HistoryQuery, history
from vivesphere.kernel.db.handle import DatabaseHandle


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
