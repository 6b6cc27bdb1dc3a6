"""Events as rows of the log, encoded where they are emitted."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.payloads import payload_json

LogRow = tuple[str, str, int, str, str, str, str, str, str | None, int, int, str]
"""One event as the columns of the log, encoded."""

ROW_BYTES = 280
"""What a row takes beside its payload and its names: three ids, what stands in an index too, and SQLite's own part. Measured
with a payload of 100 bytes; a large payload leaves more of its last page empty."""

_COLUMNS = "id, topic, time, source, actor, project, mode, correlation_id, causation_id, hop, bytes, payload"

AT_ONCE = (256, 32, 4, 1)
"""Rows in one statement. Python lets go of its lock for each statement and gets it back after up to a switch interval: beside
a busy loop one row at a time came to 6,000 rows/s, 256 to 30,000. Few sizes, so that the statements stay prepared."""

LAST_SEQ = "SELECT last_insert_rowid()"


def write_rows(raw: sqlite3.Connection, rows: Sequence[LogRow]) -> None:
    """Put rows at the end of the log, in their order."""
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            raw.execute(_insert(size), tuple(chain.from_iterable(rows[start : start + size])))
            start += size


@cache
def _insert(rows: int) -> str:
    """Text, not a Core construct: this is the hottest statement of the house, and compiling costs more than SQLite does."""
    one = f"({', '.join('?' * (_COLUMNS.count(',') + 1))})"
    return f"INSERT INTO event_log ({_COLUMNS}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - made of constants


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
