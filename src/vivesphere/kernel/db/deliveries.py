"""How far durable listeners have come, and what they failed to handle. Rules that `kernel/bus/log.py` runs as `system`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vivesphere.kernel.bus.durable import Ahead, Due
from vivesphere.kernel.db.event_log import COLUMNS, log, recorded
from vivesphere.kernel.db.models import Delivery, EventCursor
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit

BATCH = 200
"""Events in one read."""

cursors = table_of(EventCursor)
deliveries = table_of(Delivery)

_CURSOR = sa.select(cursors.c.seq).where(cursors.c.listener == sa.bindparam("name"))
_NEWEST = sa.select(sa.func.coalesce(sa.func.max(log.c.seq), 0))
_MOVE = sa.update(cursors).where(cursors.c.listener == sa.bindparam("name"), cursors.c.seq < sa.bindparam("reached"))
_AHEAD = (
    sa.select(*COLUMNS)
    .where(log.c.seq > sa.bindparam("after"), log.c.topic.in_(sa.bindparam("topics", expanding=True)))
    .order_by(log.c.seq)
    .limit(BATCH)
)
_OF_LISTENER = deliveries.c.listener == sa.bindparam("name")
_WAITING = sa.and_(_OF_LISTENER, deliveries.c.status == "waiting")
_DUE = (
    sa.select(deliveries.c.attempts, *COLUMNS)
    .join(log, log.c.seq == deliveries.c.seq)
    .where(_WAITING, deliveries.c.next_at <= sa.bindparam("now"))
    .order_by(deliveries.c.next_at)
    .limit(BATCH)
)
_NEXT_AT = sa.select(sa.func.min(deliveries.c.next_at)).where(_WAITING)
_FORGET = sa.delete(deliveries).where(_OF_LISTENER, deliveries.c.seq == sa.bindparam("failed"))


def open_cursor(tx: Unit, listener: str) -> int:
    """Where the listener goes on. One that is new begins now: it hears what comes after its coming."""
    known = tx.execute(_CURSOR, {"name": listener}).scalar_one_or_none()
    if known is not None:
        return int(known)
    newest = int(tx.execute(_NEWEST).scalar_one())
    tx.execute(sa.insert(cursors), {"listener": listener, "seq": newest})
    return newest


def ahead(tx: Unit, topics: Sequence[str], after: int) -> Ahead:
    """The next events of these topics."""
    found = tuple(_due(row) for row in tx.execute(_AHEAD, {"after": after, "topics": topics}))
    if len(found) == BATCH:
        return Ahead(found, found[-1].seq)
    return Ahead(found, int(tx.execute(_NEWEST).scalar_one()))


def move_on(tx: Unit, listener: str, reached: int) -> None:
    """Remember that there was nothing for the listener up to here."""
    tx.execute(_MOVE, {"name": listener, "reached": reached, "seq": reached})


def due(tx: Unit, listener: str, now: datetime) -> tuple[Due, ...]:
    """Events whose next try has come, the longest overdue first."""
    rows = tx.execute(_DUE, {"name": listener, "now": now}).all()
    return tuple(_due(row, row.attempts) for row in rows)


def next_at(tx: Unit, listener: str) -> datetime | None:
    """When the next try is due, if anything waits."""
    moment: datetime | None = tx.execute(_NEXT_AT, {"name": listener}).scalar_one()
    return moment


def park(tx: Unit, listener: str, failed: Due, error: str, again_at: datetime | None) -> None:
    """Put a failed event aside, until `again_at` or, without it, as a dead letter; the listener goes on with the next one."""
    seq = failed.seq
    tx.execute(_FORGET, {"name": listener, "failed": seq})
    tx.execute(
        sa.insert(deliveries),
        {
            "listener": listener,
            "seq": seq,
            "status": "dead" if again_at is None else "waiting",
            "attempts": failed.attempts + 1,
            "next_at": again_at or tx.now(),
            "error": error,
        },
    )
    move_on(tx, listener, seq)


def _due(row: sa.Row[Any], attempts: int = 0) -> Due:
    event = recorded(row)
    return Due(
        seq=event.seq,
        id=event.id,
        topic=event.topic,
        time=event.time,
        cause=event.cause(),
        payload=event.payload,
        attempts=attempts,
    )
