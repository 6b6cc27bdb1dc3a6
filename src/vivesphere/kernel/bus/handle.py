"""The handles through which the bus is used. Each is bound to one principal and one lifetime."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, overload

from vivesphere.kernel import principals
from vivesphere.kernel.bus.bus import Bus, Watcher
from vivesphere.kernel.bus.durable import MAX_DELIVER, Delivery, DurableListening, DurableSubscription
from vivesphere.kernel.bus.errors import HopLimitExceeded, NoResponder, NotPermitted, PayloadInvalid, RequestTimeout
from vivesphere.kernel.bus.live import Handler, Key, Listening, Overflow, Subscription
from vivesphere.kernel.bus.messages import Envelope, Event, Request
from vivesphere.kernel.bus.namespaces import check_namespace
from vivesphere.kernel.bus.payloads import payload_check
from vivesphere.kernel.bus.responders import Responder
from vivesphere.kernel.bus.topics import split_pattern, split_topic
from vivesphere.kernel.capped import make_room
from vivesphere.kernel.cause import DEFAULT_PROJECT, HOP_LIMIT, Cause, acting_under, cause_for, current_cause, running_under
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.principals import Principal

R = TypeVar("R")
E = TypeVar("E", bound=Event)

REQUEST_DEPTH_LIMIT = 32
KINDS = 1024
"""Kinds of events whose way one publisher remembers: it may make as many as it likes."""


class _Asked:
    """A request, `open` until it is answered: what the responder leaves running afterwards is inside of it no more."""

    __slots__ = ("kind", "open")

    def __init__(self, kind: type[Request[Any]]) -> None:
        self.kind = kind
        self.open = True


_asking: ContextVar[tuple[_Asked, ...]] = ContextVar("vivesphere_asking", default=())
"""The requests that the running task is inside of, or was made inside of, the outermost first."""


class _Way:
    """What one publisher's events of one kind meet, looked up once for as long as the bus keeps its `version`."""

    __slots__ = ("check", "durable", "offers", "record", "take", "topic", "version")

    def __init__(self, bus: Bus, principal: Principal, kind: type[Event]) -> None:
        self.version = bus.version
        self.topic = kind.topic
        self.durable = kind.durable
        self.check = payload_check(kind)
        self.take = bus.limits.taking(principal, kind.topic)
        self.offers = tuple(subscriber.offer for subscriber in bus.routes.match(kind.topic))
        self.record = bus.recording(kind)


class BusHandle:
    """What a module or plugin holds. Everything it says carries its principal; everything it opens ends with its lifetime."""

    def __init__(self, bus: Bus, principal: Principal, lifetime: Lifetime) -> None:
        self.principal = principal
        self._bus = bus
        self._lifetime = lifetime
        self._now = bus.clock.timestamp
        self._ways: dict[type[Event], _Way] = {}
        self._trusted = principals.kind(principal) in ("system", "module")

    async def publish(self, event: Event) -> None:
        """Accept an event: a live one is queued for its listeners, a durable one is on disk when this returns.

        Raises PayloadInvalid, TopicInvalid, NotPermitted, RateLimited, HopLimitExceeded or, for a durable one, LogUnavailable;
        nothing was said then.
        """
        bus = self._bus
        kind = type(event)
        way = self._ways.get(kind)
        if way is None or way.version != bus.version:
            way = self._way(kind)
        if wait := way.take():
            bus.trouble.refuse_rate(self.principal, way.topic, wait)
        source = self.principal
        running = None if running_under() is None else current_cause()
        if running is not None and running.hop >= HOP_LIMIT:
            bus.trouble.refuse_loop(source, running, way.topic)
        if way.durable:
            # The unit of work checks what is inside, as it does all that is emitted.
            await bus.record(source, event)
            bus.reported[source] -= 1
            return
        try:
            way.check(event, bus.max_payload)
        except PayloadInvalid as error:
            bus.trouble.refuse(error)
        now = self._now()
        event_id = bus.ids.next(now)
        # A chain that begins here bears the name of its first event: a second id would cost as much as the envelope.
        cause = running.seen_by(source) if running else Cause(source=source, actor=source, correlation_id=event_id)
        envelope = Envelope(id=event_id, topic=way.topic, timestamp=now, cause=cause, payload=event)
        bus.published += 1
        for offer in way.offers:
            offer(envelope)
        if way.record is not None:
            way.record(envelope)

    async def request(self, request: Request[R], *, timeout: float = 30.0) -> R:  # noqa: ASYNC109 - the deadline is the responder's, not this call's
        """Ask, and wait for the typed reply; the responder runs in this very task. `timeout` is in seconds, the wait for the
        responder's turn included.

        Raises NoResponder, PayloadInvalid, NotPermitted, RateLimited, RequestTimeout or HopLimitExceeded; whatever else the
        responder raises comes through as it is.
        """
        bus = self._bus
        kind = type(request)
        responder, cause, asking = self._admitted(request)
        bus.requests += 1
        asked = _Asked(kind)
        token = _asking.set((*asking, asked))
        scope = asyncio.timeout(timeout)
        try:
            with acting_under(cause):
                async with scope:
                    if any(each.kind is kind for each in asking):
                        # Whoever asks from inside its own answer holds a place already; to wait for another could be for ever.
                        return await responder.answer(request)  # type: ignore[no-any-return]  # responders of every reply type share one registry
                    async with responder.place():
                        if responder.left:
                            bus.trouble.refuse(NoResponder(f"{responder.principal} answers {kind.topic} no more"))
                        return await responder.answer(request)  # type: ignore[no-any-return]  # the same
        except TimeoutError:
            if scope.expired():
                bus.trouble.refuse(RequestTimeout(f"{kind.topic} was not answered within {timeout:g} s"))
            raise
        finally:
            asked.open = False
            _asking.reset(token)

    @overload
    def listen(
        self,
        to: type[E],
        handler: Callable[[Envelope[E]], Awaitable[None]],
        *,
        capacity: int = ...,
        overflow: Overflow = ...,
        name: str = ...,
        key: Callable[[Envelope[E]], Hashable] | None = ...,
        lanes: int = ...,
    ) -> Subscription: ...

    @overload
    def listen(
        self,
        to: str,
        handler: Handler,
        *,
        capacity: int = ...,
        overflow: Overflow = ...,
        name: str = ...,
        key: Key | None = ...,
        lanes: int = ...,
    ) -> Subscription: ...

    def listen(
        self,
        to: type[Event] | str,
        handler: Callable[[Envelope[Any]], Awaitable[None]],
        *,
        capacity: int = 1000,
        overflow: Overflow = "drop_oldest",
        name: str = "",
        key: Key | None = None,
        lanes: int = 1,
    ) -> Subscription:
        """Hear an event or everything a pattern names. At most `capacity` events wait; the rest is dropped by `overflow`.

        With a `key` and several `lanes`, so many handlers run at once, and events of the same key come in order. Raises
        TopicInvalid, ValueError for lanes without a key, or NotPermitted for an event that this principal may never hear.
        """
        pattern = to if isinstance(to, str) else to.topic
        # A subscription runs from the moment it is made, so a pattern that is refused must be refused before.
        split_pattern(pattern)
        self._check_hearing(() if isinstance(to, str) else (to,))
        self._lifetime.check_open()
        asked = Listening(
            name=name or f"{self.principal}<{pattern}>",
            principal=self.principal,
            pattern=pattern,
            handler=handler,
            capacity=capacity,
            overflow=overflow,
            key=key,
            lanes=lanes,
        )
        bus = self._bus
        subscription = Subscription(
            asked,
            admits=None if self._trusted else self._admits,
            pace=bus.limits.hearing(self.principal, pattern),
            clock=bus.clock,
            failed=bus.trouble.listener_failed,
            tripped=bus.trouble.listener_tripped,
        )
        bus.subscribe(subscription)
        subscription.on_close.append(self._lifetime.add(f"subscription {pattern}", subscription.close))
        return subscription

    def watch(self, watcher: Watcher, pattern: str) -> Callable[[], None]:
        """Look on at what the pattern names. Returns what ends that; the lifetime does, too.

        A watcher hears all projects and says for itself whom it shows what, so only the kernel and modules may have one. Raises
        TopicInvalid or NotPermitted.
        """
        if not self._trusted:
            self._bus.trouble.refuse(NotPermitted(f"{self.principal} may listen, and not watch"))
        self._lifetime.check_open()
        leave = self._bus.watch(watcher, pattern)
        forget = self._lifetime.add(f"watcher {pattern}", leave)

        def end() -> None:
            forget()
            leave()

        return end

    def listen_durably(
        self,
        to: Sequence[type[Event]],
        handler: Callable[[Delivery[Any]], Awaitable[None]],
        *,
        name: str,
        ordered: bool = False,
        key: Key | None = None,
        lanes: int = 1,
        start: str = "now",
        max_deliver: int = MAX_DELIVER,
    ) -> DurableSubscription:
        """Hear recorded events from the log, at least once each, across restarts: see `durable.py`.

        `name` marks the place in the log; one that is new begins at `start`: `now`, `beginning`, or the id of the first event
        it is to hear. An event that fails is put aside and tried again, and is a dead letter after `max_deliver` tries; if the
        listener is `ordered`, what comes after it in its lane waits meanwhile, and once IN_FLIGHT events wait, the other lanes
        do, too. Lanes are as in `listen`.

        Raises ValueError for an event that is not recorded, a name that listens already, and options that mean nothing,
        NotPermitted for an event that it may never hear.
        """
        self._check_hearing(to)
        self._lifetime.check_open()
        if passing := [kind.topic for kind in to if not kind.durable]:
            raise ValueError(f"{passing[0]} is not durable: it is in no log that {name} could read")
        kinds = {kind.topic: kind for kind in to}
        asked = DurableListening(
            name=f"{self.principal}/{name}",
            kinds=kinds,
            handler=handler,
            ordered=ordered,
            key=key,
            lanes=lanes,
            start=start,
            max_deliver=max_deliver,
        )
        bus = self._bus
        if any(other.name == asked.name for other in bus.durable):
            raise ValueError(f"{asked.name} listens already: two would handle each event twice and have one place in the log")
        listener = DurableSubscription(
            asked,
            log=bus.log,
            clock=bus.clock,
            admits=self._admits,
            jitter=random.random,
            tripped=bus.trouble.listener_tripped,
        )
        self._lifetime.add(f"durable listener {name}", bus.subscribe_durably(listener, tuple(kinds)))
        self._lifetime.spawn(listener.run(), name=f"durable listener {name}")
        return listener

    def respond(
        self,
        request: type[Request[R]],
        handler: Callable[[Any], Awaitable[R]],
        *,
        concurrency: int | None = None,
    ) -> None:
        """Become the one who answers, at most `concurrency` at once (setting bus.request_concurrency); other askers wait until
        their deadline. Raises ValueError if somebody answers already, NotPermitted outside one's own namespace."""
        split_topic(request.topic)
        check_namespace(self.principal, request.topic, "answer")
        self._lifetime.check_open()
        self._bus.responders.add(request, self.principal, handler, concurrency)
        self._lifetime.add(f"responder {request.topic}", lambda: self._bus.responders.remove(request))

    def _way(self, kind: type[Event]) -> _Way:
        if kind not in self._ways:
            self._bus.check_kind(self.principal, kind)
            make_room(self._ways, KINDS)
        way = self._ways[kind] = _Way(self._bus, self.principal, kind)
        return way

    def _admitted(self, request: Request[Any]) -> tuple[Responder, Cause, tuple[_Asked, ...]]:
        """Who answers, under which cause, and inside of which requests. Raises what `request` says, counted."""
        bus, kind = self._bus, type(request)
        if not isinstance(request, Request):
            bus.trouble.refuse(PayloadInvalid(f"{request!r} is not a request; ask an instance of a Request class"))
        try:
            responder = bus.responders.of(kind)
        except NoResponder as error:
            bus.trouble.refuse(error)
        if wait := bus.limits.taking(self.principal, kind.topic)():
            bus.trouble.refuse_rate(self.principal, kind.topic, wait)
        bus.check_payload(request)
        cause = cause_for(self.principal)
        self._check_authority(cause, kind.permission, kind.topic)
        asking = tuple(each for each in _asking.get() if each.open)
        if len(asking) >= REQUEST_DEPTH_LIMIT:
            bus.trouble.refuse(HopLimitExceeded(f"{kind.topic}: {len(asking)} requests ask one another; it is a loop"))
        return responder, cause, asking

    def _admits(self, envelope: Envelope[Any]) -> bool:
        return self._bus.permissions.allows(self.principal, type(envelope.payload).permission, envelope.cause.project)

    def _check_hearing(self, kinds: Sequence[type[Event]]) -> None:
        """A listener that could hear nothing is told so at once, instead of waiting in silence."""
        for kind in kinds:
            if not self._trusted and not self._bus.permissions.allows(self.principal, kind.permission, DEFAULT_PROJECT):
                self._bus.trouble.refuse(
                    NotPermitted(f"{self.principal} lacks the permission {kind.permission} to hear {kind.topic}")
                )

    def _check_authority(self, cause: Cause, permission: str, topic: str) -> None:
        for principal in (cause.source, cause.actor):
            if not self._bus.permissions.allows(principal, permission, cause.project):
                detail = f"{principal} lacks the permission {permission} that {topic} needs in project {cause.project}"
                self._bus.trouble.refuse(NotPermitted(detail))
