"""Keeping security events, and reading what was kept."""

from datetime import datetime
from typing import Any

import msgspec

from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.log import EventHistory, events_by_topic
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.errors import FieldError, InvalidInput
from vivesphere.kernel.http.paging import Page, decode_cursor, encode_cursor, page
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal
from vivesphere.modules.audit import rules
from vivesphere.modules.audit.schemas import AuditEntry, EventRecord

SUBJECTS = ("username", "user_id", "principal")
"""The fields of security events that say whom they concern, in the order in which they are looked for."""

UNKNOWN_EVENT = "audit.entry.read"
"""What reading an event needs whose contract is not known (any more)."""


class AuditService:
    def __init__(self, db: DatabaseHandle, history: EventHistory, permissions: Permissions) -> None:
        self._db = db
        self._history = history
        self._permissions = permissions

    async def keep(self, delivery: Delivery[Any]) -> None:
        """Write a security event into the audit log; the entry and the event's acknowledgement are one commit."""
        await self._db.acknowledge(delivery.acknowledgement, rules.keep, entry_of(delivery.envelope))

    async def list_entries(self, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """Newest first."""
        found = await self._db.read(rules.list_entries, decode_cursor(cursor, str), limit + 1)
        return page(found, limit, lambda entry: entry.id)

    async def list_events(
        self,
        cursor: str | None,
        limit: int,
        *,
        topic: str,
        since: datetime | None,
        until: datetime | None,
        source: str | None,
        correlation_id: str | None,
    ) -> Page[EventRecord]:
        """The project's recorded events that the caller may hear, newest first.

        Raises InvalidInput for a pattern or a time that is none.
        """
        cause = cause_for(self._db.principal)
        query = HistoryQuery(
            pattern=topic,
            since=_aware(since, "since"),
            until=_aware(until, "until"),
            source=source,
            project=cause.project,
            correlation_id=correlation_id,
            before=decode_cursor(cursor, int),
        )
        try:
            found = await self._history.read(query, limit)
        except TopicInvalid as error:
            raise InvalidInput(f"The topic is not valid: {error}.", [FieldError("/topic", str(error))]) from None
        following = None if found.next_before is None else encode_cursor(found.next_before)
        known = events_by_topic()
        heard = [shown(event) for event in found.items if self._may_hear(cause.actor, event, known.get(event.topic))]
        return Page(heard, following)

    def _may_hear(self, actor: Principal, event: RecordedEvent, kind: type[Event] | None) -> bool:
        if not self._permissions.allows(actor, UNKNOWN_EVENT if kind is None else kind.permission, event.project):
            return False
        return kind is None or msgspec.convert(event.payload, kind).addressee() in (None, actor)


def entry_of(envelope: Envelope[Any]) -> AuditEntry:
    """The event as an entry: who, whom, and the rest of what it says as JSON."""
    event = envelope.payload
    said: dict[str, Any] = msgspec.to_builtins(event)
    for name in type(event).secret & said.keys():
        del said[name]
    subject = next((str(said.pop(name)) for name in SUBJECTS if name in said), "")
    return AuditEntry(
        id=envelope.id,
        at=envelope.time,
        category=envelope.topic.partition(".")[0],
        action=envelope.topic,
        actor=envelope.cause.actor,
        subject=subject[:300],
        detail=msgspec.json.encode(said).decode() if said else "",
    )


def shown(event: RecordedEvent) -> EventRecord:
    return EventRecord(
        id=event.id,
        seq=event.seq,
        topic=event.topic,
        at=event.time,
        project=event.project,
        source=event.source,
        actor=event.actor,
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        hop=event.hop,
        data=event.payload,
    )


def _aware(moment: datetime | None, name: str) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        detail = "must say its time zone, such as 2026-01-05T12:00:00Z"
        raise InvalidInput(f"{name} {detail}.", [FieldError(f"/{name}", detail)])
    return moment
