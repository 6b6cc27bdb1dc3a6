"""The statements by which PostgreSQL settles a durable listener's events."""

from collections.abc import Sequence
from typing import Any

import psycopg

from vivesphere.kernel.bus.in_flight import Settlement
from vivesphere.kernel.db.settling import Settling

_ADVANCE = "UPDATE event_cursors SET seq = %(seq)s WHERE listener = %(listener)s AND seq < %(seq)s"
_FORGET = "DELETE FROM deliveries WHERE listener = %(listener)s AND seq = %(seq)s"
_DONE = (
    "INSERT INTO deliveries (listener, seq, status) SELECT listener, %(seq)s, 'done' FROM event_cursors "
    "WHERE listener = %(listener)s AND seq < %(seq)s ON CONFLICT DO NOTHING"
)
_SWEEP = (
    "DELETE FROM deliveries WHERE listener = %(listener)s AND seq > %(after)s AND seq <= %(seq)s "
    "AND status NOT IN ('waiting', 'dead')"
)


def settle(raw: psycopg.Connection[tuple[Any, ...]], settlements: Sequence[Settlement]) -> None:
    """Note that these listeners have handled these events."""
    settling = Settling.of(settlements)
    for statement, rows in ((_ADVANCE, settling.floors), (_FORGET, settling.handled), (_DONE, settling.ahead)):
        for listener, seq in rows:
            raw.execute(statement, {"listener": listener, "seq": seq}, prepare=True)
    for listener, after, floor in settling.swept:
        raw.execute(_SWEEP, {"listener": listener, "after": after, "seq": floor}, prepare=True)
