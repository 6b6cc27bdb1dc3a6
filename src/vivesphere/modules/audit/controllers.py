"""The HTTP edge of audit."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import QueryParameter

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.audit.dead_letters import DeadLetterService
from vivesphere.modules.audit.events import EventService
from vivesphere.modules.audit.schemas import (
    AuditEntry,
    BusReport,
    Count,
    DeadLetterFilter,
    DeadLetterRecord,
    EventChain,
    EventFilter,
    EventRecord,
    ReplayRequest,
    ReplayResult,
)
from vivesphere.modules.audit.service import AuditService

Topic = Annotated[str, QueryParameter(max_length=255, description="A topic or a pattern, such as `plans.>` or `*.*.failed`.")]
Category = Annotated[str | None, QueryParameter(max_length=100, description="The first part of the topic, such as `plans`.")]
Since = Annotated[datetime | None, QueryParameter(description="Not before this time, which has a time zone.")]
Until = Annotated[datetime | None, QueryParameter(description="Before this time, which has a time zone.")]
Source = Annotated[str | None, QueryParameter(max_length=200, description="Published by this principal: `module:plans`.")]
Correlation = Annotated[str | None, QueryParameter(max_length=64, description="Of this chain of causes.")]
ListenerName = Annotated[
    str | None, QueryParameter(max_length=200, description="Of this durable listener: `module:audit/security`.")
]


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
        events: EventService,
        topic: Topic = ">",
        category: Category = None,
        since: Since = None,
        until: Until = None,
        source: Source = None,
        correlation_id: Correlation = None,
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[EventRecord]:
        """Recorded events that you may hear, newest first. A page may hold fewer than `limit` and still have a next one."""
        wanted = EventFilter(
            topic=topic, category=category, since=since, until=until, source=source, correlation_id=correlation_id
        )
        return await events.list_events(cursor, limit, wanted)

    @get("/{event_id:str}", guards=[requires("audit.event.read")])
    async def get_event(self, events: EventService, event_id: str) -> EventRecord:
        """One recorded event. What you may not hear is not there."""
        return await events.find(event_id)

    @get("/{event_id:str}/chain", guards=[requires("audit.event.read")])
    async def get_chain(self, events: EventService, event_id: str) -> EventChain:
        """Why it happened: everything of the event's chain of causes, oldest first.

        The tree is by `causation_id`. Events that you may not hear are there without a word (`hidden`), so that it stays whole.
        Seeing the acts on the outside world needs `audit.effect.read`.
        """
        return await events.chain(event_id)

    @post("/replay", guards=[requires("audit.event.replay")], status_code=200)
    async def replay_events(self, letters: DeadLetterService, data: ReplayRequest) -> ReplayResult:
        """Let one durable listener hear recorded events again, in mode `replay`: acts on the outside world are only pretended.

        Of the events that the filter names, those of the kinds it listens to, which it has had, and which you may hear.
        """
        return await letters.replay(data)


class DeadLetterController(Controller):
    path = "/api/v1/events/dead-letters"

    @get(guards=[requires("audit.event.read")])
    async def list_dead_letters(
        self,
        *,
        letters: DeadLetterService,
        listener: ListenerName = None,
        topic: Topic = ">",
        limit: PageLimit = DEFAULT_LIMIT,
        cursor: PageCursor = None,
    ) -> Page[DeadLetterRecord]:
        """What durable listeners gave up, newest first, as far as you may hear it."""
        return await letters.list_letters(cursor, limit, DeadLetterFilter(listener=listener, topic=topic))

    @delete(guards=[requires("audit.event.replay")], status_code=200)
    async def drop_dead_letters(self, letters: DeadLetterService, listener: ListenerName = None, topic: Topic = ">") -> Count:
        """Drop all that you may hear. The events stay in the log; their listeners are done with them."""
        return await letters.drop_all(DeadLetterFilter(listener=listener, topic=topic))

    @post("/retry", guards=[requires("audit.event.replay")], status_code=200)
    async def retry_dead_letters(self, letters: DeadLetterService, data: DeadLetterFilter) -> Count:
        """Let the listeners try again, as if for the first time, all that you may hear."""
        return await letters.retry_all(data)

    @get("/{letter_id:str}", guards=[requires("audit.event.read")])
    async def get_dead_letter(self, letters: DeadLetterService, letter_id: str) -> DeadLetterRecord:
        return await letters.find(letter_id)

    @delete("/{letter_id:str}", guards=[requires("audit.event.replay")])
    async def drop_dead_letter(self, letters: DeadLetterService, letter_id: str) -> None:
        """Drop it. The event stays in the log; its listener is done with it."""
        await letters.drop(letter_id)

    @post("/{letter_id:str}/retry", guards=[requires("audit.event.replay")], status_code=202)
    async def retry_dead_letter(self, letters: DeadLetterService, letter_id: str) -> DeadLetterRecord:
        """Let its listener try again, as if for the first time. The answer is the letter as it was."""
        return await letters.retry(letter_id)


class BusController(Controller):
    path = "/api/v1/bus"

    @get(guards=[requires("audit.bus.read")])
    async def get_bus(self, events: EventService) -> BusReport:
        """The bus as it is now: who listens and how far behind, what was dropped or refused, and how far the log reaches."""
        return await events.bus()
