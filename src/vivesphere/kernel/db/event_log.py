"""The log of recorded events: how history is read.

No column but `topic`, `id` and `correlation_id` has an index: each costs every event some of the time it takes to record it.
`seq` follows time, so that a time is found by halving; what else is asked is looked at row by row, 10 million rows a second.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.topics import split_topic
from vivesphere.kernel.cause import Cause, Mode
from vivesphere.kernel.db.effect_records import EffectRecord, of_chain
from vivesphere.kernel.db.log_topics import Conditions, merged, recorded_topics, topic_conditions
from vivesphere.kernel.db.models import LoggedEvent
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.principals import Principal

OUT_OF_STEP = timedelta(minutes=1)
"""By so much the times of neighbours in the log may be out of order: an event gets its `seq` when it is written. An event
written under a clock that was further off may be missed by a query that names a time."""


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as history keeps it: the payload is plain JSON, its secret fields masked."""

    seq: int
    id: str
    topic: str
    time: datetime
    source: Principal
    actor: Principal
    project: str
    mode: Mode
    correlation_id: str
    causation_id: str | None
    hop: int
    payload: dict[str, Any]

    def cause(self) -> Cause:
        """The cause the event was reported under."""
        return Cause(
            source=self.source,
            actor=self.actor,
            project=self.project,
            mode=self.mode,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            hop=self.hop,
        )


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; every part that is given must hold. `category` is the topic's first token. `before` is the cursor: only
    events with a smaller `seq`."""

    pattern: str = ">"
    category: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    project: str | None = None
    correlation_id: str | None = None
    before: int | None = None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next_before` is the `before` of the next page; None when there is no more."""

    items: tuple[RecordedEvent, ...]
    next_before: int | None


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that came of one cause: its events and its acts on the outside world, both oldest first. `truncated` says
    that there is more than was asked for."""

    correlation_id: str
    events: tuple[RecordedEvent, ...]
    effects: tuple[EffectRecord, ...]
    truncated: bool


log = table_of(LoggedEvent)

COLUMNS = [log.c[field] for field in RecordedEvent.__struct_fields__]

_NEXT = sa.select(log.c.seq, log.c.time).where(log.c.seq >= sa.bindparam("from_seq")).order_by(log.c.seq).limit(1)
_OLDEST = sa.select(sa.func.min(log.c.seq))
_NEWEST = sa.select(sa.func.max(log.c.seq))
_BY_ID = sa.select(*COLUMNS).where(log.c.id == sa.bindparam("event_id"))
_OF_CHAIN = (
    sa.select(*COLUMNS)
    .where(log.c.correlation_id == sa.bindparam("chain"))
    .order_by(log.c.seq)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


def history(tx: Unit, query: HistoryQuery, limit: int = 50) -> HistoryPage:
    """Recorded events, newest first. Raises TopicInvalid for a bad pattern or category."""
    rows = _rows(tx, query, _time_conditions(tx, query), limit + 1, newest_first=True)
    found = tuple(recorded(row) for row in rows[:limit])
    return HistoryPage(items=found, next_before=found[-1].seq if len(rows) > limit else None)


def after(tx: Unit, seq: int, query: HistoryQuery, limit: int = 500) -> tuple[RecordedEvent, ...]:
    """What was recorded after `seq`, oldest first; fewer than `limit` if that is all. Raises TopicInvalid as `history` does."""
    conditions = [log.c.seq > seq, log.c.seq <= tx.horizon, *_time_conditions(tx, query)]
    return tuple(recorded(row) for row in _rows(tx, query, conditions, limit, newest_first=False))


def of_topics(tx: Unit, query: HistoryQuery, topics: Sequence[str], after: int, limit: int) -> tuple[RecordedEvent, ...]:
    """What the query asks for of these topics, whatever its own pattern, after that place and oldest first."""
    conditions = [log.c.seq > after, log.c.seq <= tx.horizon, *_time_conditions(tx, query), *_plain_conditions(query)]
    these = log.c.seq.in_(merged(topics, conditions, limit, newest_first=False))
    return tuple(recorded(row) for row in tx.execute(sa.select(*COLUMNS).where(these).order_by(log.c.seq)))


def find(tx: Unit, event_id: str) -> RecordedEvent | None:
    row = tx.execute(_BY_ID, {"event_id": event_id}).one_or_none()
    return None if row is None else recorded(row)


def chain(tx: Unit, event_id: str, limit: int = 1000) -> Chain | None:
    """The chain of causes that the event belongs to, `limit` events and as many effects of it; None if it is not in the log."""
    event = find(tx, event_id)
    if event is None:
        return None
    events = tx.execute(_OF_CHAIN, {"chain": event.correlation_id, "most": limit + 1}).all()
    effects = of_chain(tx, event.correlation_id, limit + 1)
    return Chain(
        correlation_id=event.correlation_id,
        events=tuple(recorded(row) for row in events[:limit]),
        effects=effects[:limit],
        truncated=max(len(events), len(effects)) > limit,
    )


def seq_at(tx: Unit, moment: datetime, past: timedelta = timedelta()) -> int:
    """Where the log reaches what is so long past the moment: the first event of that time or later has this `seq`, or a later
    one if neighbours are out of step (OUT_OF_STEP)."""
    low, high = (int(tx.execute(end).scalar_one() or 0) for end in (_OLDEST, _NEWEST))
    while low <= high:
        middle = (low + high) // 2
        row = tx.execute(_NEXT, {"from_seq": middle}).one_or_none()
        # The moment may be the last one there is, and so long past it none.
        if row is not None and row.time - moment < past:
            low = row.seq + 1
        else:
            high = middle - 1
    return low


def recorded(row: sa.Row[Any]) -> RecordedEvent:
    """The event in a row that has at least COLUMNS."""
    fields = {name: row._mapping[name] for name in RecordedEvent.__struct_fields__}
    return RecordedEvent(**{**fields, "mode": Mode(row.mode)})


def _rows(tx: Unit, query: HistoryQuery, within: Conditions, limit: int, *, newest_first: bool) -> Sequence[sa.Row[Any]]:
    if query.category is not None and len(split_topic(query.category)) > 1:
        raise TopicInvalid(f"a category is the first token of a topic, not {query.category!r}")
    conditions = within + _plain_conditions(query)
    topics = None
    if query.correlation_id is None:
        source = None if query.source is None else Principal(query.source)
        topics = recorded_topics(tx, query.pattern, query.category, source)
    if topics is None:
        conditions += topic_conditions(query.pattern, query.category)
    elif topics:
        conditions = [log.c.seq.in_(merged(topics, conditions, limit, newest_first=newest_first))]
    else:
        return ()
    order = log.c.seq.desc() if newest_first else log.c.seq.asc()
    return tx.execute(sa.select(*COLUMNS).where(*conditions).order_by(order).limit(limit)).all()


def _plain_conditions(query: HistoryQuery) -> Conditions:
    asked = {"source": query.source, "project": query.project, "correlation_id": query.correlation_id}
    return [log.c[name] == value for name, value in asked.items() if value is not None]


def _time_conditions(tx: Unit, query: HistoryQuery) -> Conditions:
    """Times, and the part of the log in which to look for them."""
    conditions: Conditions = []
    if query.since is not None:
        conditions += [log.c.time >= query.since, log.c.seq >= seq_at(tx, query.since, -OUT_OF_STEP)]
    if query.until is not None:
        conditions += [log.c.time < query.until, log.c.seq < seq_at(tx, query.until, OUT_OF_STEP)]
    if query.before is not None:
        conditions.append(log.c.seq < query.before)
    return conditions
