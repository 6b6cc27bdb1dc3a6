"""The HTTP edge of audit."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.audit.schemas import AuditEntry, EventRecord
from vivesphere.modules.audit.service import AuditService

Topic = Annotated[str, QueryParameter(max_length=255, description="A topic or a pattern, such as `plans.>` or `*.*.failed`.")]
Since = Annotated[datetime | None, QueryParameter(description="Not before this time.")]
Until = Annotated[datetime | None, QueryParameter(description="Before this time.")]
Source = Annotated[str | None, QueryParameter(max_length=200, description="Published by this principal.")]
Correlation = Annotated[str | None, QueryParameter(max_length=64, description="Of this chain of causes.")]


class AuditController(Controller):
    path = "/api/v1/audit/entries"

    @get(guards=[requires("audit.entry.read")])
    async def list_entries(
        self, audit: AuditService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[AuditEntry]:
        """Sign-ins, new users, refused tables and broken loops, newest first."""
        return await audit.list_entries(cursor, limit)


class EventController(Controller):
    path = "/api/v1/events"

    @get(guards=[requires("audit.event.read")])
    async def list_events(
        self,
        *,
        audit: AuditService,
        topic: Topic = ">",
        since: Since = None,
        until: Until = None,
        source: Source = None,
        correlation_id: Correlation = None,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[EventRecord]:
        """Recorded events that you may hear, newest first. A page may hold fewer than `limit` and still have a next one."""
        return await audit.list_events(
            cursor, limit, topic=topic, since=since, until=until, source=source, correlation_id=correlation_id
        )
