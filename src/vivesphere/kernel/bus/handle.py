"""The handles through which the bus is used. Each is bound to one principal and one lifetime."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, overload

from vivesphere.kernel import principals
from vivesphere.kernel.bus.bus import Bus
from vivesphere.kernel.bus.delivery import Handler, Overflow, Subscription
from vivesphere.kernel.bus.durable import Delivery, DurableListener
from vivesphere.kernel.bus.errors import HopLimitExceeded, NotPermitted, RequestTimeout
from vivesphere.kernel.bus.messages import Envelope, Event, Request
from vivesphere.kernel.bus.namespaces import check_namespace
from vivesphere.kernel.bus.topics import split_pattern, split_topic
from vivesphere.kernel.cause import HOP_LIMIT, Cause, acting_under, cause_for, current_cause
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.lifetime import Lifetime
from vivesphere.kernel.principals import Principal

R = TypeVar("R")
E = TypeVar("E", bound=Event)

REQUEST_DEPTH_LIMIT = 32
_depth: ContextVar[int] = ContextVar("vivesphere_request_depth", default=0)


class BusHandle:
    """What a module or plugin holds. Everything it says carries its principal; everything it opens ends with its lifetime."""

    def __init__(self, bus: Bus, principal: Principal, lifetime: Lifetime) -> None:
        self.principal = principal
        self._bus = bus
        self._lifetime = lifetime
        self._bucket = bus.limits.bucket(principal)
        self._checked: set[type[Event]] = set()
        self._trusted = principals.kind(principal) in ("system", "module")

    async def publish(self, event: Event) -> None:
        """Accept an event: a live one is queued for its listeners, a durable one is on disk when this returns.

        Raises PayloadInvalid, TopicInvalid, NotPermitted, RateLimited or HopLimitExceeded; nothing was said then.
        """
        kind = type(event)
        if kind not in self._checked:
            self._bus.check(self.principal, kind)
            self._checked.add(kind)
        if wait := self._bucket.take():
            raise self._bus.refuse_rate(self.principal, kind.topic, wait)
        running = current_cause()
        if running is not None and running.hop >= HOP_LIMIT:
            raise self._bus.break_loop(self.principal, running, kind.topic)
        if kind.durable:
            await self._bus.record(self.principal, event)
        else:
            # A chain that begins here bears the name of its first event: an id costs as much as the envelope around it.
            event_id = new_id()
            cause = cause_for(self.principal, correlation_id=event_id)
            self._bus.deliver(Envelope(id=event_id, topic=kind.topic, time=self._bus.clock.now(), cause=cause, payload=event))

    async def request(self, request: Request[R], *, timeout: float = 30.0) -> R:  # noqa: ASYNC109 - the deadline is the responder's, not this call's
        """Ask, and wait for the typed reply; the responder runs in this very task. `timeout` is in seconds.

        Raises NoResponder, NotPermitted, RateLimited, RequestTimeout or HopLimitExceeded; whatever else the responder raises
        comes through as it is.
        """
        bus = self._bus
        kind = type(request)
        answer = bus.responder(kind)
        if wait := self._bucket.take():
            raise bus.refuse_rate(self.principal, kind.topic, wait)
        cause = cause_for(self.principal)
        self._check_authority(cause, kind.permission, kind.topic)
        depth = _depth.get()
        if depth >= REQUEST_DEPTH_LIMIT:
            raise HopLimitExceeded(f"{kind.topic}: {depth} requests ask one another; it is a loop")
        bus.requests += 1
        token = _depth.set(depth + 1)
        scope = asyncio.timeout(timeout)
        try:
            with acting_under(cause):
                async with scope:
                    return await answer(request)  # type: ignore[no-any-return]  # responders of every reply type share one registry
        except TimeoutError:
            if scope.expired():
                raise RequestTimeout(f"{kind.topic} was not answered within {timeout:g} s") from None
            raise
        finally:
            _depth.reset(token)

    @overload
    def listen(
        self,
        to: type[E],
        handler: Callable[[Envelope[E]], Awaitable[None]],
        *,
        capacity: int = ...,
        overflow: Overflow = ...,
        name: str = ...,
    ) -> Subscription: ...

    @overload
    def listen(
        self, to: str, handler: Handler, *, capacity: int = ..., overflow: Overflow = ..., name: str = ...
    ) -> Subscription: ...

    def listen(
        self,
        to: type[Event] | str,
        handler: Callable[[Envelope[Any]], Awaitable[None]],
        *,
        capacity: int = 1000,
        overflow: Overflow = "drop_oldest",
        name: str = "",
    ) -> Subscription:
        """Hear an event or everything a pattern names. At most `capacity` events wait; the rest is dropped by `overflow`."""
        pattern = to if isinstance(to, str) else to.topic
        # A subscription runs from the moment it is made, so a pattern that is refused must be refused before.
        split_pattern(pattern)
        subscription = Subscription(
            name=name or f"{self.principal}<{pattern}>",
            principal=self.principal,
            pattern=pattern,
            handler=handler,
            capacity=capacity,
            overflow=overflow,
            admits=None if self._trusted else self._admits,
            on_failure=self._bus.listener_failed,
        )
        self._bus.subscribe(subscription)
        subscription.on_close.append(self._lifetime.add(f"subscription {pattern}", subscription.close))
        return subscription

    def listen_durably(
        self, to: Sequence[type[Event]], handler: Callable[[Delivery[Any]], Awaitable[None]], *, name: str
    ) -> DurableListener:
        """Hear recorded events from the log, in their order, at least once each, across restarts: see `durable.py`.

        `name` marks the place in the log; one that is new begins now. Raises ValueError for an event that is not recorded.
        """
        if passing := [kind.topic for kind in to if not kind.durable]:
            raise ValueError(f"{passing[0]} is not durable: it is in no log that {name} could read")
        kinds = {kind.topic: kind for kind in to}
        listener = DurableListener(
            f"{self.principal}/{name}",
            kinds,
            handler,
            log=self._bus.log,
            clock=self._bus.clock,
            admits=self._admits,
            jitter=random.random,
        )
        self._lifetime.add(f"durable listener {name}", self._bus.follow(listener, tuple(kinds)))
        self._lifetime.spawn(listener.run(), name=f"durable listener {name}")
        return listener

    def respond(self, request: type[Request[R]], handler: Callable[[Any], Awaitable[R]]) -> None:
        """Become the one who answers. Raises ValueError if somebody does already."""
        split_topic(request.topic)
        check_namespace(self.principal, request.topic, "answer")
        self._bus.add_responder(request, self.principal, handler)
        self._lifetime.add(f"responder {request.topic}", lambda: self._bus.remove_responder(request))

    def _admits(self, envelope: Envelope[Any]) -> bool:
        return self._bus.permissions.allows(self.principal, type(envelope.payload).permission, envelope.cause.project)

    def _check_authority(self, cause: Cause, permission: str, topic: str) -> None:
        for principal in (cause.source, cause.actor):
            if not self._bus.permissions.allows(principal, permission, cause.project):
                raise NotPermitted(
                    f"{principal} lacks the permission {permission} that {topic} needs in project {cause.project}"
                )
