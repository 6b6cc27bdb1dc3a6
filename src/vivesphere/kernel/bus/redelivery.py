"""Hearing again, when a person says so: dead letters are read, retried and dropped, and one listener gets events again."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from vivesphere.kernel.bus.durable import DurableSubscription
from vivesphere.kernel.bus.errors import ListenerUnknown
from vivesphere.kernel.bus.topics import matches, split_pattern
from vivesphere.kernel.db import dead_letters, event_log
from vivesphere.kernel.db.dead_letters import DeadLetter
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.handle import DatabaseHandle

__all__ = ["DeadLetter", "Redelivery", "Replayed"]

CHUNK = 500
"""Events or letters in one unit of work, so that others get their turn in between."""


class Replayed(msgspec.Struct, frozen=True):
    """Of the events that `matched`, those `queued` for the listener and those `skipped`: not reached by it yet, or waiting
    already. `more` says that there are more than were looked at."""

    matched: int
    queued: int
    skipped: int
    more: bool


class Redelivery:
    """`db` is a handle of `system`; `running` gives the durable listeners of this process."""

    def __init__(self, db: DatabaseHandle, running: Callable[[], Iterable[DurableSubscription]]) -> None:
        self._db = db
        self._running = running

    def listeners(self) -> tuple[str, ...]:
        """The names of the durable listeners that run."""
        return tuple(sorted(listener.name for listener in self._running()))

    async def dead_letters(
        self, *, listener: str | None = None, topic: str = ">", before: str | None = None, limit: int = 50
    ) -> tuple[DeadLetter, ...]:
        """The newest first, also of listeners that run no more; only ids smaller than `before`. Raises TopicInvalid."""
        rule = dead_letters.dead_letters
        return await self._db.read(rule, listener=listener, topic=topic, before=before, limit=limit)

    async def find(self, letter_id: str) -> DeadLetter | None:
        return await self._db.read(dead_letters.find, letter_id)

    async def retry(self, ids: Sequence[str]) -> int:
        """Let their listeners try again, as if for the first time; how many were dead letters. That of a listener which does
        not run waits until it does."""
        return await self._decide(dead_letters.retry, ids)

    async def drop(self, ids: Sequence[str]) -> int:
        """Be done with them, and let an ordered listener go on; how many were dead letters. The events stay in the log."""
        return await self._decide(dead_letters.drop, ids)

    async def replay(
        self,
        query: HistoryQuery,
        listener: str,
        *,
        dry_run: bool,
        limit: int = 10_000,
        only: Callable[[str], bool] = lambda _topic: True,
        hears: Callable[[RecordedEvent], bool] = lambda _event: True,
    ) -> Replayed:
        """Let one listener handle again what it has handled of the kinds that it hears; the oldest first, `limit` at most.
        `only` says which topics whoever asks may have replayed, and `hears` which events of them.

        Raises ListenerUnknown for one that does not run, TopicInvalid for a bad pattern.
        """
        found = next((each for each in self._running() if each.name == listener), None)
        if found is None:
            raise ListenerUnknown(f"no durable listener {listener} runs; those that run: {', '.join(self.listeners())}")
        split_pattern(query.pattern)
        topics = [topic for topic in found.topics if _asked(query, topic) and only(topic)]
        rule = dead_letters.replayable if dry_run else dead_letters.replay
        looked = matched = queued = after = 0
        while events := await self._events(query, topics, after, min(CHUNK, limit - looked)):
            seqs = [event.seq for event in events if hears(event)]
            queued += await (self._db.read if dry_run else self._db.write)(rule, listener, seqs)
            matched += len(seqs)
            looked += len(events)
            after = events[-1].seq
        if queued and not dry_run:
            found.reconsider()
        more = looked >= limit and bool(await self._events(query, topics, after, 1))
        return Replayed(matched=matched, queued=queued, skipped=matched - queued, more=more)

    async def _events(self, query: HistoryQuery, topics: Sequence[str], after: int, limit: int) -> Sequence[RecordedEvent]:
        if not topics or limit < 1:
            return ()
        return await self._db.read(event_log.of_topics, query, topics, after, limit)

    async def _decide(self, rule: Callable[..., tuple[int, tuple[str, ...]]], ids: Sequence[str]) -> int:
        decided = 0
        for start in range(0, len(ids), CHUNK):
            count, owners = await self._db.write(rule, ids[start : start + CHUNK])
            decided += count
            for listener in self._running():
                if listener.name in owners:
                    listener.reconsider()
        return decided


def _asked(query: HistoryQuery, topic: str) -> bool:
    return matches(query.pattern, topic) and query.category in (None, topic.partition(".")[0])
