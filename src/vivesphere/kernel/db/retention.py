"""What leaves the event log, and what goes with it. Rules that `bus/retention.py` runs as `system`.

Everything happens in units of at most UNIT rows, so that nobody waits long for the writer. Each statement gives one row:
Python lets go of its lock for each row it fetches, and beside a busy loop gets it back late.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db import log_extent
from vivesphere.kernel.db.event_rows import LogRow
from vivesphere.kernel.db.log_extent import Counted
from vivesphere.kernel.db.models import Delivery, EventCursor, KeptReply
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.types import to_microseconds
from vivesphere.kernel.db.unit import Unit

UNIT = 1000
"""Rows that one unit looks at and deletes at most."""

SEEN_AGAIN = timedelta(hours=1)
"""A listener that runs is noted as seen if that was longer ago."""

cursors = table_of(EventCursor)
deliveries = table_of(Delivery)
replies = table_of(KeptReply)


class Owed(msgspec.Struct, frozen=True):
    """The first event that has to stay, and the listener for which: it has not come to it, or has put it aside."""

    listener: str
    seq: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Delete, of the `unit` rows after `after`, those older than `until`, and as many more as the log has above `most_bytes`.

    What a listener may owe stays; events of the `live` topics are nobody's to be delivered later.
    """

    after: int
    until: datetime
    most_bytes: int
    live: Sequence[str]
    unit: int = UNIT


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds, `uncounted` rows of it since the count was kept, and whether any is `due` to be deleted."""

    held: Counted
    uncounted: int
    due: bool


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit did. `reached` is the `after` of the next one; None if there is nothing more to delete. `owed` rows were
    due and had to stay."""

    reached: int | None
    owed: int
    left: Counted


class OldLetter(msgspec.Struct, frozen=True):
    """A dead letter that is too old to be kept."""

    id: str
    listener: str


_MOST = sa.bindparam("most", type_=sa.Integer)
_FURTHEST_BEHIND = sa.select(cursors.c.listener, cursors.c.seq).order_by(cursors.c.seq).limit(1)
_FIRST_ASIDE = (
    sa.select(deliveries.c.listener, deliveries.c.seq)
    .where(deliveries.c.status.in_(("waiting", "dead")))
    .order_by(deliveries.c.seq)
    .limit(1)
)

# The running total makes the excess a question about rows, so that the last one that goes is found without telling all.
_DUE = sa.text(
    "SELECT max(seq) FROM ("
    " SELECT seq, time, sum(bytes) OVER (ORDER BY seq) - bytes AS before"
    " FROM (SELECT seq, time, bytes FROM event_log WHERE seq > :after AND seq <= :horizon ORDER BY seq LIMIT :unit) AS span"
    ") AS summed WHERE before < :excess OR time < :until"
)
_MAY_GO = (
    "(seq <= coalesce((SELECT min(seq) FROM event_cursors), :last) OR topic IN :live)"
    " AND seq NOT IN ("
    "SELECT seq FROM deliveries WHERE seq > :after AND seq <= :last AND status IN ('waiting', 'dead'))"
)
_LIVE: sa.BindParameter[str] = sa.bindparam("live", expanding=True)
_SPAN = "FROM event_log WHERE seq > :after AND seq <= :last"
_WHAT_GOES = f"SELECT bytes, CASE WHEN {_MAY_GO} THEN 1 ELSE 0 END AS goes {_SPAN}"
_TOTALS = "count(*) AS looked_at, coalesce(sum(goes), 0) AS rows, coalesce(sum(goes * bytes), 0) AS bytes"
_GOING = sa.text(f"SELECT {_TOTALS} FROM ({_WHAT_GOES}) AS span").bindparams(_LIVE)  # noqa: S608 - made of constants
_DELETE = sa.text(f"DELETE {_SPAN} AND {_MAY_GO}").bindparams(_LIVE)

_SEEN = (
    sa.update(cursors)
    .where(cursors.c.listener.in_(sa.bindparam("running", expanding=True)), cursors.c.seen_at < sa.bindparam("long_ago"))
    .values(seen_at=sa.bindparam("at"))
)
_GONE = sa.select(cursors.c.listener).where(cursors.c.seen_at < sa.bindparam("since"))
_FORGET_CURSOR = sa.delete(cursors).where(cursors.c.listener == sa.bindparam("name"))
_STILL_GONE = _GONE.where(cursors.c.listener == sa.bindparam("name"))

_OF_LISTENER = sa.select(deliveries.c.seq).where(deliveries.c.listener == sa.bindparam("name")).limit(_MOST)
_FORGET_DELIVERIES = sa.delete(deliveries).where(
    deliveries.c.listener == sa.bindparam("name"), deliveries.c.seq.in_(_OF_LISTENER)
)
_IS_OLD = sa.and_(deliveries.c.status == "dead", deliveries.c.failed_at < sa.bindparam("until"))
_OLD_LETTERS = sa.select(deliveries.c.id, deliveries.c.listener).where(_IS_OLD).order_by(deliveries.c.failed_at).limit(_MOST)

_OLD_REPLIES = sa.select(replies.c.asker, replies.c.key).where(replies.c.created_at < sa.bindparam("until")).limit(_MOST)
_FORGET_REPLIES = sa.delete(replies).where(sa.tuple_(replies.c.asker, replies.c.key).in_(_OLD_REPLIES))


def furthest_behind(tx: Unit) -> Owed | None:
    """Who holds the log up, and at which event; None if nobody listens durably."""
    cursor, aside = tx.execute(_FURTHEST_BEHIND).one_or_none(), tx.execute(_FIRST_ASIDE).one_or_none()
    owed = [Owed(cursor.listener, cursor.seq + 1)] if cursor else []
    owed += [Owed(aside.listener, aside.seq)] if aside else []
    return min(owed, key=lambda each: each.seq, default=None)


def look(tx: Unit, order: Order) -> Looked:
    """Whether there is anything to sweep: most of the time there is not, and nothing need be written."""
    kept, held = log_extent.kept(tx), log_extent.count(tx)
    return Looked(held=held, uncounted=held.events - kept.events, due=_last_due(tx, order, held) is not None)


def count_anew(tx: Unit) -> None:
    """Keep the count."""
    log_extent.keep(tx, log_extent.count(tx))


def sweep(tx: Unit, order: Order) -> Swept:
    """Delete what is due of the next rows."""
    held = log_extent.count(tx)
    last = _last_due(tx, order, held)
    if last is None:
        return Swept(reached=None, owed=0, left=held)
    span = {"after": order.after, "last": last, "live": order.live}
    going = tx.execute(_GOING, span).one()
    tx.execute(_DELETE, span)
    left = Counted(newest=held.newest, events=held.events - going.rows, bytes=held.bytes - going.bytes)
    log_extent.keep(tx, left)
    return Swept(reached=last, owed=going.looked_at - going.rows, left=left)


def replace(tx: Unit, order: Order, rows: Sequence[LogRow]) -> Swept:
    """Delete what is due, and write these rows in its place."""
    swept = sweep(tx, order)
    tx.append(rows)
    return swept


def note_seen(tx: Unit, running: Sequence[str]) -> None:
    """These listeners run."""
    tx.execute(_SEEN, {"running": running, "long_ago": tx.now() - SEEN_AGAIN, "at": tx.now()})


def gone_listeners(tx: Unit, since: datetime) -> tuple[str, ...]:
    """Who has not come to listen since then."""
    return tuple(tx.execute(_GONE, {"since": since}).scalars())


def forget_listener(tx: Unit, name: str, since: datetime) -> bool:
    """Forget UNIT events that it owes, and then the listener itself, unless it has come to listen meanwhile. True if it has to
    be done again."""
    if tx.execute(_STILL_GONE, {"name": name, "since": since}).one_or_none() is None:
        return False
    if tx.execute(_FORGET_DELIVERIES, {"name": name, "most": UNIT}).rowcount == UNIT:
        return True
    tx.execute(_FORGET_CURSOR, {"name": name})
    return False


def old_letters(tx: Unit, until: datetime) -> tuple[OldLetter, ...]:
    """Dead letters that failed before then, UNIT of them, the oldest first."""
    return tuple(OldLetter(row.id, row.listener) for row in tx.execute(_OLD_LETTERS, {"until": until, "most": UNIT}))


def forget_replies(tx: Unit, until: datetime) -> int:
    """Replies kept before then, UNIT of them; call again until there are none."""
    return tx.execute(_FORGET_REPLIES, {"until": until, "most": UNIT}).rowcount


def empty_pages(tx: Unit) -> int:
    """Pages of the file that hold nothing."""
    return tx.empty_pages()


def give_back(tx: Unit, pages: int) -> None:
    """Hand so many of them back to the disk."""
    tx.give_back(pages)


def _last_due(tx: Unit, order: Order, held: Counted) -> int | None:
    excess = max(0, held.bytes - order.most_bytes)
    due = {
        "after": order.after,
        "unit": order.unit,
        "horizon": tx.horizon,
        "excess": excess,
        "until": to_microseconds(order.until),
    }
    last: int | None = tx.execute(_DUE, due).scalar_one()
    return last
