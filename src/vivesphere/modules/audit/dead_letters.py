"""Hearing again: dead letters and replay. Always by one named listener, and never what the caller may not hear."""

from collections.abc import AsyncIterator, Sequence

from vivesphere.kernel.bus.errors import ListenerUnknown, TopicInvalid
from vivesphere.kernel.bus.redelivery import Redelivery
from vivesphere.kernel.bus.topics import split_pattern
from vivesphere.kernel.db.dead_letters import DeadLetter
from vivesphere.kernel.http.paging import MAX_LIMIT, Page, decode_cursor, encode_cursor
from vivesphere.modules.audit.errors import FilterInvalid, LetterUnknown, ListenerNotRunning
from vivesphere.modules.audit.events import EventService, Hears, shown
from vivesphere.modules.audit.schemas import (
    Count,
    DeadLetterFilter,
    DeadLetterRecord,
    ReplayRequest,
    ReplayResult,
)


class DeadLetterService:
    def __init__(self, redelivery: Redelivery, events: EventService) -> None:
        self._redelivery = redelivery
        self._events = events

    async def list_letters(self, cursor: str | None, limit: int, wanted: DeadLetterFilter) -> Page[DeadLetterRecord]:
        """Newest first, also of listeners that run no more. Raises FilterInvalid, CursorForeign or InvalidInput."""
        self._check(wanted)
        position = decode_cursor(cursor, tuple[str, str])
        log = await self._events.log_of(position)
        before = None if position is None else position[1]
        found = await self._redelivery.dead_letters(
            listener=wanted.listener, topic=wanted.topic, before=before, limit=limit + 1
        )
        hears = self._events.hears()
        kept = found[:limit]
        following = encode_cursor((log, kept[-1].id)) if len(found) > limit else None
        return Page([_shown(letter) for letter in kept if hears(letter.event)], following)

    async def find(self, letter_id: str) -> DeadLetterRecord:
        """Raises LetterUnknown, also for one that the caller may not hear."""
        letter = await self._redelivery.find(letter_id)
        if letter is None or not self._events.hears()(letter.event):
            raise LetterUnknown(letter_id)
        return _shown(letter)

    async def retry(self, letter_id: str) -> DeadLetterRecord:
        """Let its listener try again, as if for the first time. Raises LetterUnknown."""
        letter = await self.find(letter_id)
        if not await self._redelivery.retry((letter_id,)):
            raise LetterUnknown(letter_id)
        return letter

    async def drop(self, letter_id: str) -> None:
        """The event stays in the log; its listener is done with it. Raises LetterUnknown."""
        await self.find(letter_id)
        if not await self._redelivery.drop((letter_id,)):
            raise LetterUnknown(letter_id)

    async def retry_all(self, wanted: DeadLetterFilter) -> Count:
        """Let the listeners try again whatever of it the caller may hear."""
        return Count(sum([await self._redelivery.retry(ids) async for ids in self._heard(wanted)]))

    async def drop_all(self, wanted: DeadLetterFilter) -> Count:
        return Count(sum([await self._redelivery.drop(ids) async for ids in self._heard(wanted)]))

    async def replay(self, asked: ReplayRequest) -> ReplayResult:
        """Raises ListenerNotRunning or FilterInvalid."""
        query = self._events.query(asked.filter, "/filter")
        try:
            done = await self._redelivery.replay(
                query,
                asked.listener,
                dry_run=asked.dry_run,
                only=self._events.hears_topic(),
                hears=self._events.hears(),
            )
        except ListenerUnknown:
            raise ListenerNotRunning(asked.listener, self._redelivery.listeners()) from None
        return ReplayResult(matched=done.matched, queued=done.queued, skipped=done.skipped, more=done.more)

    async def _heard(self, wanted: DeadLetterFilter) -> AsyncIterator[Sequence[str]]:
        """Ids of the letters that the caller may hear, page by page. Those that are there when it begins; each once."""
        self._check(wanted)
        hears: Hears = self._events.hears()
        before = None
        while True:
            found = await self._redelivery.dead_letters(
                listener=wanted.listener, topic=wanted.topic, before=before, limit=MAX_LIMIT
            )
            if ids := [letter.id for letter in found if hears(letter.event)]:
                yield ids
            if len(found) < MAX_LIMIT:
                return
            before = found[-1].id

    def _check(self, wanted: DeadLetterFilter) -> None:
        try:
            split_pattern(wanted.topic)
        except TopicInvalid as error:
            raise FilterInvalid("/topic", str(error)) from None


def _shown(letter: DeadLetter) -> DeadLetterRecord:
    return DeadLetterRecord(
        id=letter.id,
        listener=letter.listener,
        attempts=letter.attempts,
        error=letter.error,
        failed_at=letter.failed_at,
        event=shown(letter.event),
    )
