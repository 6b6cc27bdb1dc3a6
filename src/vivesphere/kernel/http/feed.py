"""What one client of a stream is shown: events as they happen, and before them what was recorded since it last was there.

An interest is one or several patterns with a place in the log, `start`: it brings what was recorded after it, each event once,
in the order of the log. While history is read, an event that is recorded is not queued: history will bring it. So nothing is
lost between the two, however fast events come, and a slow client slows the reading down instead of filling the memory. Events
that are not recorded come as they happen. The queue is bounded; a client too slow for what happens loses the oldest events and
is told how many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol

import msgspec

from vivesphere.kernel.bus.bus import Watcher
from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.bus.log import events_by_topic
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.overview import SubscriberOverview
from vivesphere.kernel.bus.topics import matches, split_pattern
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.cause import DEFAULT_PROJECT
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.event_log import HistoryQuery, RecordedEvent
from vivesphere.kernel.db.log_extent import LogExtent
from vivesphere.kernel.http.frames import Frame, Item
from vivesphere.kernel.http.hearing import may_hear, may_read
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal

CAPACITY = 1000
PAGE = 500
MAX_PATTERNS = 64
KEPT_IDS = 10_000
"""Events shown as they happened while history is read: it may have them too by the time it comes there."""

LOG_AWAY = "The event log cannot be read now, so nothing that was recorded before can be sent; subscribe again in a moment."


class NotUnderstood(Exception):
    """What a client asked is well formed, and cannot be done. The message is its sentence."""


class History(Protocol):
    """The event log, as a feed reads it. It may raise LogUnavailable or a DatabaseError."""

    async def extent(self) -> LogExtent: ...

    async def after(self, seq: int, query: HistoryQuery, limit: int = PAGE) -> Sequence[RecordedEvent]: ...


class Bus(Protocol):
    """Where events happen."""

    def watch(self, watcher: Watcher, pattern: str) -> Callable[[], None]: ...


class StreamContext(msgspec.Struct, frozen=True):
    """What the feeds share. `dropped` is called for each event that a slow client missed."""

    bus: Bus
    history: History
    permissions: Permissions
    clock: Clock
    dropped: Callable[[], object] = lambda: None


class Interest:
    """What a client asked for at once. `reached` is how far history has brought it, `heard` the newest event meanwhile."""

    __slots__ = ("after", "behind", "closed", "heard", "leaving", "log", "name", "patterns", "reached", "start")

    def __init__(self, name: str, patterns: tuple[str, ...], after: int | None, log: str | None) -> None:
        self.name = name
        self.patterns = patterns
        self.after = after
        self.log = log
        self.start: int | None = None
        self.reached = 0
        self.heard = 0
        self.behind = True
        self.closed = False
        self.leaving: list[Callable[[], None]] = []

    def names(self, topic: str) -> bool:
        return any(matches(pattern, topic) for pattern in self.patterns)

    def close(self) -> None:
        self.closed = True
        for leave in self.leaving:
            leave()


class Feed:
    """One client's interests and its queue. Run `bring` beside whatever takes from it, and `close` it at the end."""

    def __init__(self, context: StreamContext, principal: Principal, *, name: str = "stream") -> None:
        self._context = context
        self._principal = principal
        self._name = name
        self._capacity = CAPACITY
        self._interests: dict[str, Interest] = {}
        self._queue: deque[Item] = deque()
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self._last: Envelope[Any] | None = None
        self._behind = False
        self._floor = 0
        self._unnumbered: dict[str, None] = {}
        self._untold = 0
        self._sent = 0
        self._dropped = 0
        self._failed = 0

    def subscribe(self, patterns: Sequence[str], *, after: int | None = None, log: str | None = None) -> None:
        """Bring what the patterns name, from now on or from `after` on; `log` is whose place that is, if the client knows.

        Raises TopicInvalid or NotUnderstood. What else may be wrong is told in a `stream.error` once the log was asked.
        """
        name = ", ".join(patterns)
        for pattern in patterns:
            split_pattern(pattern)
        known = self._interests.get(name)
        if known is not None and after is None:
            if known.start is not None:
                self._tell_subscribed(known)
            return
        if known is not None:
            self.unsubscribe(name)
        if len(patterns) + sum(len(each.patterns) for each in self._interests.values()) > MAX_PATTERNS:
            raise NotUnderstood(f"One connection may subscribe to {MAX_PATTERNS} patterns; unsubscribe from one first.")
        interest = self._interests[name] = Interest(name, tuple(dict.fromkeys(patterns)), after, log)
        self._behind = True
        for pattern in interest.patterns:
            interest.leaving.append(self._context.bus.watch(self, pattern))
        self._news.set()

    def unsubscribe(self, name: str) -> None:
        """Raises NotUnderstood for what was not subscribed to."""
        interest = self._interests.pop(name, None)
        if interest is None:
            raise NotUnderstood(f"There is no subscription to {name[:80]!r}.")
        interest.close()
        self._look_around()

    def close(self) -> None:
        for interest in self._interests.values():
            interest.close()
        self._interests.clear()

    async def take(self) -> Item:
        """What is to be sent next."""
        while True:
            if self._untold:
                count, self._untold = self._untold, 0
                return self._frame("stream.dropped", {"count": count})
            if self._queue:
                self._sent += 1
                item = self._queue.popleft()
                if len(self._queue) < self._capacity // 2:
                    self._room.set()
                return item
            self._more.clear()
            await self._more.wait()

    def tell(self, kind: str, **data: Any) -> None:
        """Queue a frame of the server's own."""
        self._put(self._frame(kind, data))

    def offer(self, envelope: Envelope[Any]) -> None:
        """What the bus calls, in whoever publishes: so it is quick, and raises nothing."""
        if envelope is self._last:
            # Another of our patterns names it too.
            return
        self._last = envelope
        try:
            if not may_hear(self._context.permissions, self._principal, envelope.payload, envelope.cause.project):
                return
        except Exception:  # noqa: BLE001 - the bus boundary: an event's addressee is its author's code, and the publisher is on the stack
            self._failed += 1
            return
        seq = envelope.seq
        if not (self._behind or (seq is not None and seq <= self._floor)) or self._is_now(envelope):
            self._put(envelope)

    def overview(self) -> SubscriberOverview:
        """This client among the bus's subscribers."""
        return SubscriberOverview(
            name=self._name,
            principal=self._principal,
            patterns=tuple(pattern for interest in self._interests.values() for pattern in interest.patterns),
            delivery="live",
            lanes=1,
            waiting=len(self._queue),
            handled=self._sent,
            failed=self._failed,
            dropped=self._dropped,
            capacity=self._capacity,
            overflow="drop_oldest",
        )

    async def bring(self) -> None:
        """Read history for every interest that is behind, page by page in turn. Runs until it is cancelled."""
        while True:
            behind = [interest for interest in self._interests.values() if interest.behind]
            if not behind:
                self._news.clear()
                await self._news.wait()
            for interest in behind:
                if interest.closed:
                    continue
                try:
                    await (self._begin(interest) if interest.start is None else self._bring_page(interest))
                except (LogUnavailable, DatabaseError):
                    self._give_up(interest)

    async def _begin(self, interest: Interest) -> None:
        """Find the interest's place in the log, and answer it."""
        extent = await self._context.history.extent()
        if interest.closed:
            return
        if interest.after is not None and (wrong := _misplaced(interest.after, interest.log, extent)):
            self._drop(interest)
            self.tell("stream.error", topic=interest.name, detail=wrong)
            return
        interest.log = extent.log_id
        interest.start = interest.reached = extent.newest if interest.after is None else interest.after
        self._floor = max(self._floor, interest.reached)
        self._tell_subscribed(interest, extent.newest)
        if extent.oldest is not None and interest.start + 1 < extent.oldest:
            self.tell("stream.gap", topic=interest.name, after=interest.start, oldest=extent.oldest)

    async def _bring_page(self, interest: Interest) -> None:
        heard = interest.heard
        # An event was committed before it was heard of: whatever has a smaller number can be read by now.
        newest = max((await self._context.history.extent()).newest, heard)
        if newest > interest.reached:
            events, until = await self._read(interest, newest)
            for event in events:
                await self._space()
                if interest.closed:
                    return
                if self._responsible(event.topic, event.seq) is interest and event.id not in self._unnumbered:
                    self._put(event)
            interest.reached = until
            self._floor = max(self._floor, until)
        if interest.heard <= interest.reached and newest <= interest.reached:
            interest.behind = False
            self._look_around()

    async def _read(self, interest: Interest, newest: int) -> tuple[list[RecordedEvent], int]:
        """The next events that the client may hear, and up to where these are all."""
        until, found = newest, dict[int, RecordedEvent]()
        for pattern in interest.patterns:
            page = await self._context.history.after(interest.reached, HistoryQuery(pattern=pattern), PAGE)
            found |= {event.seq: event for event in page}
            if len(page) == PAGE:
                until = min(until, page[-1].seq)
        kinds = events_by_topic()
        permissions, principal = self._context.permissions, self._principal
        return [
            event
            for seq, event in sorted(found.items())
            if seq <= until and may_read(permissions, principal, event, kinds.get(event.topic))
        ], until

    async def _space(self) -> None:
        """Wait until half of the queue is free: the other half is for what happens meanwhile."""
        while len(self._queue) >= self._capacity // 2:
            self._room.clear()
            await self._room.wait()

    def _is_now(self, envelope: Envelope[Any]) -> bool:
        """Whether an event is to be sent as it happens. If not, history brings it, or has."""
        seq = envelope.seq
        if seq is None:
            if not any(each.start is not None and each.names(envelope.topic) for each in self._interests.values()):
                return False
            make_room(self._unnumbered, KEPT_IDS)
            self._unnumbered[envelope.id] = None
            return True
        interest = self._responsible(envelope.topic, seq)
        if interest is None:
            return False
        if interest.behind:
            interest.heard = max(interest.heard, seq)
            return False
        return seq > interest.reached

    def _responsible(self, topic: str, seq: int) -> Interest | None:
        """Of several interests that cover an event, only the oldest brings it."""
        covering = (each for each in self._interests.values() if (each.start is None or seq > each.start) and each.names(topic))
        return next(covering, None)

    def _give_up(self, interest: Interest) -> None:
        """The log cannot be read. Who asked for nothing of it is shown what happens; the others must ask again."""
        if interest.closed:
            return
        if interest.after is None and interest.start is None:
            interest.start = interest.reached = 0
            interest.behind = False
            self._look_around()
            self.tell("stream.subscribed", topic=interest.name, log=None, after=None, newest=None)
            return
        self._drop(interest)
        self.tell("stream.error", topic=interest.name, detail=LOG_AWAY)

    def _drop(self, interest: Interest) -> None:
        del self._interests[interest.name]
        interest.close()
        self._look_around()

    def _look_around(self) -> None:
        self._behind = any(interest.behind for interest in self._interests.values())
        if not self._behind:
            self._unnumbered.clear()

    def _tell_subscribed(self, interest: Interest, newest: int | None = None) -> None:
        place = interest.start
        now = place if newest is None else newest
        self.tell("stream.subscribed", topic=interest.name, log=interest.log, after=place, newest=now)

    def _frame(self, kind: str, data: dict[str, Any]) -> Frame:
        return Frame(type=kind, at=self._context.clock.now(), project=DEFAULT_PROJECT, data=data)

    def _put(self, item: Item) -> None:
        if len(self._queue) >= self._capacity:
            self._make_room()
        self._queue.append(item)
        self._more.set()

    def _make_room(self) -> None:
        """Drop the oldest event; of the server's own frames only if nothing else is there."""
        place = next((place for place, item in enumerate(self._queue) if not isinstance(item, Frame)), 0)
        del self._queue[place]
        self._untold += 1
        self._dropped += 1
        self._context.dropped()


async def followed(context: StreamContext, principal: Principal, pattern: str, after: int | None) -> AsyncGenerator[Item, None]:
    """What one pattern brings, without end: for whoever has no connection of ours. Raises TopicInvalid, or what the reading of
    the log fails with."""
    feed = Feed(context, principal, name="tail")
    feed.subscribe((pattern,), after=after)
    bringing = asyncio.create_task(feed.bring(), name="tail:history")
    bringing.add_done_callback(lambda _ended: feed.tell("stream.error", detail="The events cannot be followed any longer."))
    try:
        while not bringing.done():
            yield await feed.take()
        await bringing
    finally:
        feed.close()
        bringing.cancel()


def _misplaced(after: int, log: str | None, extent: LogExtent) -> str | None:
    """What is wrong with a place that a client names, if anything is."""
    remedy = "subscribe without `after`, and read what you missed from /api/v1/events"
    if log is not None and log != extent.log_id:
        return f"The place is one of the log {log[:40]}, and this is the log {extent.log_id}: another database; {remedy}."
    if after > extent.newest:
        return f"This log ends at {extent.newest}, so it is not the one that had an event {after}; {remedy}."
    return None
