"""The statements by which SQLite settles a durable listener's events.

Texts, not Core constructs: they run in every commit of a listener, and compiling costs more than SQLite does.
"""

import sqlite3
from collections.abc import Sequence

from vivesphere.kernel.bus.in_flight import Settlement
from vivesphere.kernel.db.settling import Settling

_ADVANCE = "UPDATE event_cursors SET seq = ?2 WHERE listener = ?1 AND seq < ?2"
_FORGET = "DELETE FROM deliveries WHERE listener = ? AND seq = ?"
_DONE = (
    "INSERT INTO deliveries (listener, seq, status) "
    "SELECT listener, ?2, 'done' FROM event_cursors WHERE listener = ?1 AND seq < ?2 ON CONFLICT DO NOTHING"
)

# By the primary key, since the rows ahead of the cursor may be many and those that it has just passed are few. The other index
# serves no NOT IN.
_SWEEP = "DELETE FROM deliveries WHERE listener = ? AND seq > ? AND seq <= ? AND status NOT IN ('waiting', 'dead')"


def settle(raw: sqlite3.Connection, settlements: Sequence[Settlement]) -> None:
    """Note that these listeners have handled these events."""
    settling = Settling.of(settlements)
    raw.executemany(_ADVANCE, settling.floors)
    raw.executemany(_FORGET, settling.handled)
    if settling.ahead:
        raw.executemany(_DONE, settling.ahead)
    for swept in settling.swept:
        raw.execute(_SWEEP, swept)
