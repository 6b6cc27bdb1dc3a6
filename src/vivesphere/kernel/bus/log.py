"""What was said: the recorded events, for those who may not read the kernel's table themselves."""

from vivesphere.kernel.db.event_log import HistoryPage, HistoryQuery, RecordedEvent, find, history
from vivesphere.kernel.db.handle import DatabaseHandle


class EventHistory:
    """Reads the event log through the kernel's own handle. Secret fields were masked when the event was written."""

    def __init__(self, db: DatabaseHandle) -> None:
        self._db = db

    async def read(self, query: HistoryQuery, limit: int = 50) -> HistoryPage:
        """A page of recorded events, newest first. Raises TopicInvalid for a bad pattern."""
        return await self._db.read(history, query, limit)

    async def find(self, event_id: str) -> RecordedEvent | None:
        """One recorded event by its id."""
        return await self._db.read(find, event_id)
