"""The log of recorded events: how history is read."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.bus.topics import matches, split_pattern
from vivesphere.kernel.cause import Cause, Mode
from vivesphere.kernel.db.models import LoggedEvent
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.unit import Unit
from vivesphere.kernel.principals import Principal

SCAN = 1000
"""Rows looked at in one read when a pattern has to be matched outside the database."""

log = table_of(LoggedEvent)


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
    """Which events; every part that is given must hold. `before` is the cursor: only events with a smaller `seq`."""

    pattern: str = ">"
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


COLUMNS = [log.c[field] for field in RecordedEvent.__struct_fields__]


def history(tx: Unit, query: HistoryQuery, limit: int = 50) -> HistoryPage:
    """Recorded events, newest first. Raises TopicInvalid for a bad pattern.

    The database narrows by the pattern's leading plain tokens; wildcards are matched here. At most SCAN rows are looked at,
    so a page may hold fewer than `limit` and still have a next one.
    """
    # What the database narrows by says everything about a pattern without `*`.
    wildcards = "*" in split_pattern(query.pattern)
    take = SCAN if wildcards else limit + 1
    rows = tx.execute(_select(query).limit(take)).all()
    found: list[RecordedEvent] = []
    for row in rows:
        if wildcards and not matches(query.pattern, row.topic):
            continue
        if len(found) == limit:
            return HistoryPage(items=tuple(found), next_before=found[-1].seq)
        found.append(recorded(row))
    return HistoryPage(items=tuple(found), next_before=rows[-1].seq if len(rows) == take else None)


def recorded(row: sa.Row[Any]) -> RecordedEvent:
    """The event in a row that has at least COLUMNS."""
    fields = {name: row._mapping[name] for name in RecordedEvent.__struct_fields__}
    return RecordedEvent(**{**fields, "mode": Mode(row.mode)})


def _select(query: HistoryQuery) -> sa.Select[Any]:
    wanted = sa.select(*COLUMNS).order_by(log.c.seq.desc())
    conditions = {
        "source": query.source,
        "project": query.project,
        "correlation_id": query.correlation_id,
    }
    wanted = wanted.where(*_topic_conditions(query.pattern))
    wanted = wanted.where(*(log.c[name] == value for name, value in conditions.items() if value is not None))
    if query.since is not None:
        wanted = wanted.where(log.c.time >= query.since)
    if query.until is not None:
        wanted = wanted.where(log.c.time < query.until)
    if query.before is not None:
        wanted = wanted.where(log.c.seq < query.before)
    return wanted


def _topic_conditions(pattern: str) -> list[sa.ColumnElement[bool]]:
    """The pattern's plain beginning as a range, since a range uses an index and needs no escaping.

    `bots.>` is every topic from `bots.` up to, not including, `bots/`: `/` is the character after `.`.
    """
    tokens = split_pattern(pattern)
    plain = [token for token in tokens if token not in ("*", ">")]
    if len(plain) == len(tokens):
        return [log.c.topic == pattern]
    prefix = ".".join(tokens[: min(place for place, token in enumerate(tokens) if token in ("*", ">"))])
    return [log.c.topic >= f"{prefix}.", log.c.topic < f"{prefix}/"] if prefix else []
