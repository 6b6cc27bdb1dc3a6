"""The statements by which a durable listener's events are settled, in the epilogue of the commit that handled them.

Texts, not Core constructs: they run in every commit of a listener, and compiling costs more than SQLite does.
"""

import sqlite3
from collections.abc import Sequence

from vivesphere.kernel.bus.in_flight import Settlement

_ADVANCE = "UPDATE event_cursors SET seq = ? WHERE listener = ? AND seq < ?"
_FORGET = "DELETE FROM deliveries WHERE listener = ? AND seq = ?"

# Nothing that is due is left of it, but the cursor has not passed it: without the row it would come again. A handler may say
# so twice, and in one commit.
_DONE = (
    "INSERT INTO deliveries (listener, seq, status) "
    "SELECT listener, ?2, 'done' FROM event_cursors WHERE listener = ?1 AND seq < ?2 ON CONFLICT DO NOTHING"
)

# By the primary key, since the rows ahead of the cursor may be many and those that it has just passed are few. The other index
# serves no NOT IN.
_SWEEP = "DELETE FROM deliveries WHERE listener = ? AND seq > ? AND seq <= ? AND status NOT IN ('waiting', 'dead')"


def settle(raw: sqlite3.Connection, settlements: Sequence[Settlement]) -> None:
    """Note that these listeners have handled these events."""
    floors: dict[str, int] = {}
    for each in settlements:
        floors[each.listener] = max(each.floor, floors.get(each.listener, 0))
    raw.executemany(_ADVANCE, [(floor, listener, floor) for listener, floor in floors.items()])
    raw.executemany(_FORGET, [(each.listener, each.seq) for each in settlements])
    if ahead := [(each.listener, each.seq) for each in settlements if each.seq > each.floor]:
        raw.executemany(_DONE, ahead)
    for each in settlements:
        if each.swept is not None:
            raw.execute(_SWEEP, (each.listener, each.swept, each.floor))
