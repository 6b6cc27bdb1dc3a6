"""What a person may do about events that a durable listener is through with: read, retry and drop its dead letters, and replay.

Rules that `bus/redelivery.py` runs as `system`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.deliveries import cursors, deliveries
from vivesphere.kernel.db.event_log import COLUMNS, RecordedEvent, recorded
from vivesphere.kernel.db.log_topics import log, topic_conditions
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.ids import AFTER_EVERY_ID, new_id

_IDS = deliveries.c.id.in_(sa.bindparam("ids", expanding=True))
_DEAD = deliveries.c.status == "dead"
_NAME = sa.bindparam("name", type_=sa.String)

_LETTERS = (
    sa.select(
        deliveries.c.id.label("letter_id"),
        deliveries.c.listener,
        deliveries.c.attempts,
        deliveries.c.error,
        deliveries.c.failed_at,
        *COLUMNS,
    )
    .join(log, log.c.seq == deliveries.c.seq)
    .where(_DEAD)
)
_ONE = _LETTERS.where(deliveries.c.id == sa.bindparam("letter_id"))
_OWNERS = sa.select(deliveries.c.listener).where(_DEAD, _IDS).distinct()
_RETRY = sa.update(deliveries).where(_DEAD, _IDS).values(status="waiting", attempts=0, next_at=sa.bindparam("now_due"))
_PASSED = sa.select(cursors.c.seq).where(cursors.c.listener == deliveries.c.listener).scalar_subquery() >= deliveries.c.seq
_DROP = sa.delete(deliveries).where(_DEAD, _IDS, _PASSED)
# The cursor has not passed it: without a row it would come again.
_SETTLE = sa.update(deliveries).where(_DEAD, _IDS).values(status="done", id=None, error="", failed_at=None, attempts=0)

_CURSOR = sa.select(cursors.c.seq).where(cursors.c.listener == _NAME)
_ASIDE = sa.select(deliveries.c.seq, deliveries.c.status).where(
    deliveries.c.listener == _NAME, deliveries.c.seq.in_(sa.bindparam("seqs", expanding=True))
)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a durable listener has given up, with its last error, until a person retries or drops it."""

    id: str
    listener: str
    attempts: int
    error: str
    failed_at: datetime
    event: RecordedEvent


def dead_letters(tx: Unit, *, listener: str | None, topic: str, before: str | None, limit: int) -> tuple[DeadLetter, ...]:
    """Those whose event the pattern names, the newest first. Raises TopicInvalid."""
    wanted = _LETTERS.where(deliveries.c.id < (before or AFTER_EVERY_ID), *topic_conditions(topic, None))
    if listener is not None:
        wanted = wanted.where(deliveries.c.listener == listener)
    return tuple(map(_letter, tx.execute(wanted.order_by(deliveries.c.id.desc()).limit(limit))))


def find(tx: Unit, letter_id: str) -> DeadLetter | None:
    row = tx.execute(_ONE, {"letter_id": letter_id}).one_or_none()
    return None if row is None else _letter(row)


def retry(tx: Unit, ids: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Let them wait as if they had never been tried, and be due now. How many there were, and whose."""
    owners = tuple(tx.execute(_OWNERS, {"ids": ids}).scalars())
    return tx.execute(_RETRY, {"ids": ids, "now_due": tx.now()}).rowcount, owners


def drop(tx: Unit, ids: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Be done with them. How many there were, and whose."""
    owners = tuple(tx.execute(_OWNERS, {"ids": ids}).scalars())
    return tx.execute(_DROP, {"ids": ids}).rowcount + tx.execute(_SETTLE, {"ids": ids}).rowcount, owners


def replayable(tx: Unit, listener: str, seqs: Sequence[int]) -> int:
    """How many of these events `replay` would take."""
    fresh, again = _split(tx, listener, seqs)
    return len(fresh) + len(again)


def replay(tx: Unit, listener: str, seqs: Sequence[int]) -> int:
    """Let the listener handle these events again; how many. Not those that it has not reached, or that wait already.

    A dead letter among them is retried: it was never handled, so it is no replay.
    """
    fresh, again = _split(tx, listener, seqs)
    due = {"listener": listener, "status": "waiting", "next_at": tx.now()}
    if fresh:
        tx.execute(sa.insert(deliveries), [due | {"seq": seq, "id": new_id(), "replay": True} for seq in fresh])
    if again:
        this = sa.and_(deliveries.c.listener == _NAME, deliveries.c.seq.in_(sa.bindparam("seqs", expanding=True)))
        tx.execute(sa.update(deliveries).where(this).values(attempts=0, **due), {"name": listener, "seqs": again})
    return len(fresh) + len(again)


def _split(tx: Unit, listener: str, seqs: Sequence[int]) -> tuple[list[int], list[int]]:
    """Of the events that the listener has reached, those that have no row, and those that are dead letters."""
    cursor = tx.execute(_CURSOR, {"name": listener}).scalar_one_or_none()
    aside = {row.seq: row.status for row in tx.execute(_ASIDE, {"name": listener, "seqs": seqs})}
    reached = [seq for seq in seqs if cursor is not None and seq <= cursor]
    return [seq for seq in reached if seq not in aside], [seq for seq in reached if aside.get(seq) == "dead"]


def _letter(row: sa.Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.letter_id,
        listener=row.listener,
        attempts=row.attempts,
        error=row.error,
        failed_at=row.failed_at,
        event=recorded(row),
    )
