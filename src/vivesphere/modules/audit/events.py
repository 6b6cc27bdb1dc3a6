"""Reading the recorded events: history, one event, its chain of causes. Nobody reads afterwards what they may not hear."""

from collections.abc import Callable
from datetime import datetime

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.log import EventHistory, events_by_topic
from vivesphere.kernel.bus.overview import BusOverview
from vivesphere.kernel.bus.topics import split_pattern, split_topic
from vivesphere.kernel.cause import cause_for
from vivesphere.kernel.db.effect_records import EffectRecord
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.http.hearing import may_hear_kind, may_read
from vivesphere.kernel.http.paging import Page, decode_cursor, encode_cursor
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal
from vivesphere.modules.audit.errors import CursorForeign, EventUnknown, FilterInvalid
from vivesphere.modules.audit.schemas import (
    BusReport,
    ChainEffect,
    ChainEvent,
    EventChain,
    EventFilter,
    EventRecord,
)

EFFECT_PERMISSION = "audit.effect.read"
"""What seeing the acts of a chain needs: their targets are addresses and channels of people."""

Hears = Callable[[RecordedEvent], bool]


class EventService:
    """Whoever asks is the actor of the running cause, in its project."""

    def __init__(
        self,
        principal: Principal,
        history: EventHistory,
        permissions: Permissions,
        bus_overview: Callable[[], BusOverview],
    ) -> None:
        self._principal = principal
        self._history = history
        self._permissions = permissions
        self._bus_overview = bus_overview

    async def list_events(self, cursor: str | None, limit: int, wanted: EventFilter) -> Page[EventRecord]:
        """Newest first. Raises FilterInvalid, CursorForeign or InvalidInput."""
        position = decode_cursor(cursor, tuple[str, int])
        log = await self.log_of(position)
        query = self.query(wanted, "", before=None if position is None else position[1])
        found = await self._history.read(query, limit)
        hears = self.hears()
        following = None if found.next_before is None else encode_cursor((log, found.next_before))
        return Page([shown(event) for event in found.items if hears(event)], following)

    async def find(self, event_id: str) -> EventRecord:
        """Raises EventUnknown, also for an event that the caller may not hear."""
        return shown(await self._heard(event_id))

    async def chain(self, event_id: str) -> EventChain:
        """The whole tree of causes that the event belongs to. Raises EventUnknown like `find`."""
        await self._heard(event_id)
        chain = await self._history.chain(event_id)
        if chain is None:
            raise EventUnknown(event_id)
        hears = self.hears()
        return EventChain(
            correlation_id=chain.correlation_id,
            events=[_link(event) if hears(event) else _hidden(event) for event in chain.events],
            effects=[_act(effect) for effect in chain.effects if self._may_see(effect)],
            truncated=chain.truncated,
        )

    async def bus(self) -> BusReport:
        overview = self._bus_overview()
        fields = {name: getattr(overview, name) for name in overview.__struct_fields__}
        return BusReport(**fields, log=await self._history.extent())

    async def log_of(self, position: tuple[str, object] | None) -> str:
        """The name of the log, which begins every cursor. Raises CursorForeign for a position in another one."""
        log = (await self._history.extent()).log_id
        if position is not None and position[0] != log:
            raise CursorForeign
        return log

    def query(self, wanted: EventFilter, at: str, before: int | None = None) -> HistoryQuery:
        """The filter in the caller's project. Raises FilterInvalid, whose pointers begin with `at`."""
        _check_topics(wanted, at)
        for name in ("since", "until"):
            _check_aware(getattr(wanted, name), f"{at}/{name}")
        return HistoryQuery(
            pattern=wanted.topic,
            category=wanted.category,
            since=wanted.since,
            until=wanted.until,
            source=wanted.source,
            correlation_id=wanted.correlation_id,
            project=cause_for(self._principal).project,
            before=before,
        )

    def hears(self) -> Hears:
        """Whether the caller may hear an event: made for one answer, since contracts come and go with plugins."""
        actor, kinds, permissions = cause_for(self._principal).actor, events_by_topic(), self._permissions
        return lambda event: may_read(permissions, actor, event, kinds.get(event.topic))

    def hears_topic(self) -> Callable[[str], bool]:
        """Whether the caller may hear what a topic names, in the project they ask in."""
        cause, kinds, permissions = cause_for(self._principal), events_by_topic(), self._permissions
        return lambda topic: may_hear_kind(permissions, cause.actor, kinds.get(topic), cause.project)

    async def _heard(self, event_id: str) -> RecordedEvent:
        event = await self._history.find(event_id)
        if event is None or not self.hears()(event):
            raise EventUnknown(event_id)
        return event

    def _may_see(self, effect: EffectRecord) -> bool:
        return self._permissions.allows(cause_for(self._principal).actor, EFFECT_PERMISSION, effect.project)


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


def _link(event: RecordedEvent) -> ChainEvent:
    record = shown(event)
    return ChainEvent(**{name: getattr(record, name) for name in record.__struct_fields__})


def _hidden(event: RecordedEvent) -> ChainEvent:
    return ChainEvent(
        id=event.id,
        at=event.time,
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        hop=event.hop,
        hidden=True,
    )


def _act(effect: EffectRecord) -> ChainEffect:
    return ChainEffect(id=effect.id, kind=effect.kind, target=effect.target, status=effect.status, at=effect.created_at)


def _check_topics(wanted: EventFilter, at: str) -> None:
    try:
        split_pattern(wanted.topic)
    except TopicInvalid as error:
        raise FilterInvalid(f"{at}/topic", str(error)) from None
    try:
        if wanted.category is not None and len(split_topic(wanted.category)) != 1:
            raise TopicInvalid("it is the first part of a topic, such as bots, without a dot")
    except TopicInvalid as error:
        raise FilterInvalid(f"{at}/category", str(error)) from None


def _check_aware(moment: datetime | None, pointer: str) -> None:
    if moment is not None and moment.tzinfo is None:
        raise FilterInvalid(pointer, "must say its time zone, such as 2026-01-05T12:00:00Z")
