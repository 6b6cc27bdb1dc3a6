"""Events as rows of the log, encoded where they are emitted."""

from typing import Any

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.payloads import payload_json

LogRow = tuple[str, str, int, str, str, str, str, str, str | None, int, int, str]
"""One event as the columns of the log, encoded."""

ROW_BYTES = 280
"""What a row takes beside its payload and its names: three ids, what stands in an index too, and SQLite's own part. Measured
with a payload of 100 bytes; a large payload leaves more of its last page empty."""

COLUMNS = (
    *("id", "topic", "time", "source", "actor", "project", "mode"),
    *("correlation_id", "causation_id", "hop", "bytes", "payload"),
)
"""In the order of a LogRow."""


def row_of(envelope: Envelope[Any]) -> LogRow:
    """The event as it is written. Raises TypeError if msgspec cannot write the payload as JSON."""
    cause = envelope.cause
    payload = payload_json(envelope.payload)
    return (
        envelope.id,
        envelope.topic,
        round(envelope.timestamp * 1_000_000),
        cause.source,
        cause.actor,
        cause.project,
        cause.mode.value,
        cause.correlation_id,
        cause.causation_id,
        cause.hop,
        # Topics stand in an index, too.
        ROW_BYTES + 2 * len(envelope.topic) + len(cause.source) + len(cause.actor) + len(cause.project) + len(payload),
        payload.decode(),
    )


def row_bytes(row: LogRow) -> int:
    """What the row takes, roughly."""
    return row[-2]
