"""Events as rows of the log, encoded where they are emitted."""

from typing import Any

import msgspec

from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.db.types import to_microseconds

LogRow = tuple[str, str, int, str, str, str, str, str, str | None, int, str]
"""One event as the columns of `INSERT`, encoded."""

# Text, not a Core construct: recording is the hottest statement of the house, and compiling costs more than SQLite does.
INSERT = (
    "INSERT INTO event_log (id, topic, time, source, actor, project, mode, correlation_id, causation_id, hop, payload) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LAST_SEQ = "SELECT last_insert_rowid()"

# What acknowledging (listener, seq) means: the cursor moves on, or a delivery that waited for another try is settled.
ADVANCE = "UPDATE event_cursors SET seq = ?2 WHERE listener = ?1 AND seq < ?2"
SETTLE = "DELETE FROM deliveries WHERE listener = ?1 AND seq = ?2"


def row_of(envelope: Envelope[Any]) -> LogRow:
    """The event as it is written. Raises TypeError if msgspec cannot write the payload as JSON."""
    cause = envelope.cause
    return (
        envelope.id,
        envelope.topic,
        to_microseconds(envelope.time),
        cause.source,
        cause.actor,
        cause.project,
        cause.mode.value,
        cause.correlation_id,
        cause.causation_id,
        cause.hop,
        payload_json(envelope.payload),
    )


def payload_json(event: Event) -> str:
    """The payload as JSON, the fields its contract calls secret masked."""
    if not event.secret:
        return msgspec.json.encode(event).decode()
    return msgspec.json.encode(event.masked()).decode()
