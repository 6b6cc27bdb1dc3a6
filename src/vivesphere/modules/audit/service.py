"""Keeping security events, and reading what was kept. What else is recorded is read in `events.py`."""

from typing import Any

import msgspec

from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.modules.audit import rules
from vivesphere.modules.audit.schemas import AuditEntry

SUBJECTS = ("username", "user_id", "principal", "grantee")
"""The fields of security events that say whom they concern, in the order in which they are looked for."""


class AuditService:
    def __init__(self, db: DatabaseHandle) -> None:
        self._db = db

    async def keep(self, delivery: Delivery[Any]) -> None:
        """Write a security event into the audit log; the entry and the event's acknowledgement are one commit."""
        await self._db.acknowledge(delivery.acknowledgement, rules.keep, entry_of(delivery.envelope))

    async def list_entries(self, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """Newest first."""
        found = await self._db.read(rules.list_entries, decode_cursor(cursor, str), limit + 1)
        return page(found, limit, lambda entry: entry.id)


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
