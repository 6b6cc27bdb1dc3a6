"""How far durable listeners have come, and what they failed to handle. Rules that `bus/log.py` runs as `system`."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from vivesphere.kernel.bus.delivery_log import Due, Failure, Found, Look, Place, Standing
from vivesphere.kernel.db.event_log import COLUMNS, recorded
from vivesphere.kernel.db.models import Delivery, EventCursor, LoggedEvent
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.ids import new_id

log = table_of(LoggedEvent)
cursors = table_of(EventCursor)
deliveries = table_of(Delivery)

_NAME = sa.bindparam("name", type_=sa.String)
_SEQ = sa.bindparam("at", type_=sa.BigInteger)
_ROOM = sa.bindparam("room", type_=sa.Integer)

_HORIZON = sa.bindparam("horizon", type_=sa.BigInteger)

_CURSOR = sa.select(cursors.c.seq).where(cursors.c.listener == _NAME)
_SEEN = sa.update(cursors).where(cursors.c.listener == _NAME)
_NEWEST = sa.select(sa.func.coalesce(sa.func.max(log.c.seq), 0)).where(log.c.seq <= _HORIZON)
_SEQ_OF = sa.select(log.c.seq).where(log.c.id == sa.bindparam("event_id"))
_MOVE = sa.update(cursors).where(cursors.c.listener == _NAME, cursors.c.seq < sa.bindparam("reached"))

_OF_LISTENER = deliveries.c.listener == _NAME
_ROW = sa.select(deliveries).where(_OF_LISTENER, deliveries.c.seq == _SEQ)
_THIS = sa.and_(_OF_LISTENER, deliveries.c.seq == _SEQ)
_BEYOND = sa.select(deliveries.c.seq).where(_OF_LISTENER, deliveries.c.seq > _SEQ)
_DEAD = sa.select(sa.func.count()).where(_OF_LISTENER, deliveries.c.status == "dead")
_SWEEP = sa.delete(deliveries).where(
    _OF_LISTENER,
    deliveries.c.seq > sa.bindparam("swept"),
    deliveries.c.seq <= sa.bindparam("floor"),
    deliveries.c.status.not_in(("waiting", "dead")),
)
_WAITING = (
    sa.select(deliveries.c.seq, deliveries.c.next_at)
    .join(log, log.c.seq == deliveries.c.seq)
    .where(_OF_LISTENER, deliveries.c.status == "waiting", deliveries.c.seq <= sa.bindparam("upto"))
    .order_by(deliveries.c.next_at, deliveries.c.seq)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_STATE = (deliveries.c.attempts, deliveries.c.next_at, deliveries.c.status, deliveries.c.replay)
_DUE = (
    sa.select(*_STATE, *COLUMNS)
    .join(log, log.c.seq == deliveries.c.seq)
    .where(_OF_LISTENER, deliveries.c.seq.in_(sa.bindparam("seqs", expanding=True)))
)
_EVERYTHING = 2**63 - 1


def open_cursor(tx: Unit, listener: str, start: str = "now") -> Place | None:
    """Where the listener goes on; a new one begins at `start`. None if that is an event which is not in the log."""
    seq = tx.execute(_CURSOR, {"name": listener}).scalar_one_or_none()
    if seq is None:
        seq = _start(tx, start)
        if seq is None:
            return None
        tx.execute(sa.insert(cursors), {"listener": listener, "seq": seq, "seen_at": tx.now()})
    else:
        tx.execute(_SEEN, {"name": listener, "seen_at": tx.now()})
        # What a person dropped while nobody listened.
        tx.execute(_SWEEP, {"name": listener, "swept": -1, "floor": seq})
    beyond = tx.execute(_BEYOND, {"name": listener, "at": seq}).scalars().all()
    return Place(seq, tuple(beyond), tx.execute(_DEAD, {"name": listener}).scalar_one())


def look(tx: Unit, wanted: Look, now: datetime) -> Found:
    """What there is to do for a listener."""
    upto = _EVERYTHING if wanted.upto is None else wanted.upto
    # One more than may be in hand, so that those cannot hide the rest.
    asked = {"name": wanted.listener, "upto": upto, "most": len(wanted.held) + wanted.room + 1}
    waiting = tx.execute(_WAITING, asked).all()
    due = [row.seq for row in waiting if row.next_at <= now]
    ready = [seq for seq in due if seq not in wanted.held]
    ahead, reached, newest = _ahead(tx, wanted, wanted.room - len(ready))
    return Found(
        due=_due(tx, wanted.listener, ready[: wanted.room]),
        ahead=ahead,
        reached=reached,
        newest=newest,
        more=len(ready) >= wanted.room or len(ahead) >= wanted.room - len(ready),
        held_back=len(ready) < len(due),
        next_at=next((row.next_at for row in waiting if row.next_at > now), None),
        dead=tx.execute(_DEAD, {"name": wanted.listener}).scalar_one() if wanted.count_dead else None,
    )


def move_on(tx: Unit, listener: str, floor: int, swept: int | None = None) -> None:
    """Remember that there is nothing more for the listener up to the floor."""
    tx.execute(_MOVE, {"name": listener, "reached": floor, "seq": floor})
    if swept is not None:
        tx.execute(_SWEEP, {"name": listener, "swept": swept, "floor": floor})


def park(tx: Unit, listener: str, failure: Failure) -> bool:
    """Put a failed event aside, until `again_at` or, without it, as a dead letter.

    A unit that acknowledges may be committed although whoever waited for it was cancelled. False if that has happened: then
    the event is handled, and must not come again.
    """
    this = {"name": listener, "at": failure.due.seq}
    row = tx.execute(_ROW, this).one_or_none()
    if row is None:
        if tx.execute(_CURSOR, {"name": listener}).scalar_one() >= failure.due.seq:
            return False
        fresh = {"listener": listener, "seq": failure.due.seq, "status": "waiting", "id": new_id()}
        tx.execute(sa.insert(deliveries), fresh)
    elif row.status == "done":
        return False
    state = {
        "status": "dead" if failure.again_at is None else "waiting",
        "attempts": failure.due.attempts + 1,
        "next_at": failure.again_at,
        "failed_at": tx.now(),
        "error": failure.error,
    }
    tx.execute(sa.update(deliveries).where(_THIS), this | state)
    if failure.settlement is not None:
        move_on(tx, listener, failure.settlement.floor, failure.settlement.swept)
    return True


def standing(tx: Unit, listener: str, seq: int) -> Standing | None:
    """How it stands with an event put aside; None if nothing more is to be done about it."""
    row = tx.execute(_ROW, {"name": listener, "at": seq}).one_or_none()
    if row is None or row.status == "done":
        return None
    return Standing(row.attempts, row.next_at, row.status == "dead")


def _start(tx: Unit, start: str) -> int | None:
    if start == "beginning":
        return 0
    if start == "now":
        return int(tx.execute(_NEWEST, {"horizon": tx.horizon}).scalar_one())
    seq = tx.execute(_SEQ_OF, {"event_id": start}).scalar_one_or_none()
    return None if seq is None else int(seq) - 1


def _ahead(tx: Unit, wanted: Look, room: int) -> tuple[tuple[Due, ...], int, int]:
    newest = int(tx.execute(_NEWEST, {"horizon": tx.horizon}).scalar_one())
    if room <= 0:
        return (), wanted.after, newest
    statement = _events_ahead(tuple(wanted.topics), ordered=wanted.ordered)
    rows = tx.execute(statement, {"name": wanted.listener, "after": wanted.after, "room": room, "horizon": tx.horizon}).all()
    found = tuple(map(_made, rows))
    return found, found[-1].seq if len(found) == room else newest, newest


def _due(tx: Unit, listener: str, seqs: Sequence[int]) -> tuple[Due, ...]:
    if not seqs:
        return ()
    rows = {row.seq: row for row in tx.execute(_DUE, {"name": listener, "seqs": seqs})}
    return tuple(_made(rows[seq]) for seq in seqs)


@lru_cache(maxsize=256)
def _events_ahead(topics: tuple[str, ...], *, ordered: bool) -> sa.Select[Any]:
    """The next events of these topics. Each topic is a run of an index, in order already, and the database merges the runs; for
    `topic IN (…)` it would sort all there is of them. What has a row is settled or put aside, and comes by its own way, but an
    ordered listener goes on no further than an event that it has put aside."""
    aside = sa.select(deliveries.c.seq).where(_OF_LISTENER, deliveries.c.seq == log.c.seq)
    if ordered:
        aside = aside.where(deliveries.c.status == "done")
    ahead = sa.and_(log.c.seq > sa.bindparam("after", type_=sa.BigInteger), log.c.seq <= _HORIZON)
    runs = [sa.select(log.c.seq).where(log.c.topic == topic, ahead, ~aside.exists()) for topic in topics]
    merged: Any = sa.union_all(*runs) if len(runs) > 1 else runs[0]
    seqs = merged.order_by(merged.selected_columns.seq).limit(_ROOM)
    row = sa.and_(_OF_LISTENER, deliveries.c.seq == log.c.seq)
    return sa.select(*_STATE, *COLUMNS).outerjoin_from(log, deliveries, row).where(log.c.seq.in_(seqs)).order_by(log.c.seq)


def _made(row: sa.Row[Any]) -> Due:
    event = recorded(row)
    return Due(
        seq=event.seq,
        id=event.id,
        topic=event.topic,
        time=event.time,
        cause=event.cause(),
        payload=event.payload,
        attempts=row.attempts or 0,
        again_at=row.next_at,
        dead=row.status == "dead",
        replay=bool(row.replay),
    )
