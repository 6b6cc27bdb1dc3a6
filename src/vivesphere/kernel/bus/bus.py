"""The bus itself: routes, responders and limits. Nobody speaks through it but by a handle."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import msgspec
import structlog

from vivesphere.kernel.bus.delivery import Subscription
from vivesphere.kernel.bus.durable import DeliveryLog, DurableListener
from vivesphere.kernel.bus.errors import HopLimitExceeded, NoResponder, PayloadInvalid, RateLimited
from vivesphere.kernel.bus.limits import Limits
from vivesphere.kernel.bus.messages import Envelope, Event, Request
from vivesphere.kernel.bus.namespaces import check_namespace
from vivesphere.kernel.bus.routes import Routes
from vivesphere.kernel.bus.topics import split_topic
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import ViveSphereError
from vivesphere.kernel.events import ListenerFailed, LoopBroken, RateLimitHit
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import SYSTEM, Principal
from vivesphere.kernel.services import Health

E = TypeVar("E", bound=Event)

log = structlog.get_logger("vivesphere.bus")

Recorder = Callable[[Principal, Event], Awaitable[None]]
"""Writes one durable event in a unit of work of that principal; it is dispatched after the commit."""

Responder = Callable[[Any], Awaitable[Any]]


class ListenerStatistics(msgspec.Struct, frozen=True):
    """One subscription: events that wait now (`depth`), and counts since it began."""

    name: str
    depth: int
    handled: int
    dropped: int
    failed: int


class BusStatistics(msgspec.Struct, frozen=True):
    """Counts since the start, for `/metrics`."""

    published: int
    requests: int
    refused_by_rate: int
    loops_broken: int
    listeners: tuple[ListenerStatistics, ...]


class Bus:
    """Routes, responders and limits; one for the process."""

    def __init__(self, *, permissions: Permissions, limits: Limits, clock: Clock) -> None:
        self.permissions = permissions
        self.limits = limits
        self.clock = clock
        self.published = 0
        self.requests = 0
        self.refused_by_rate = 0
        self.loops_broken = 0
        self.routes = Routes()
        self._record: Recorder = _refuse_to_record
        self._log: DeliveryLog | None = None
        self._durable: dict[DurableListener, None] = {}
        self._responders: dict[type[Request[Any]], tuple[Principal, Responder]] = {}
        self._subscriptions: dict[Subscription, None] = {}
        self._told: dict[tuple[str, Principal], tuple[float, int]] = {}
        self._background: set[asyncio.Task[None]] = set()

    def record_with(self, recorder: Recorder) -> None:
        """Install the way durable events reach the event log."""
        self._record = recorder

    def read_with(self, log: DeliveryLog) -> None:
        """Install the way durable listeners read the event log."""
        self._log = log

    @property
    def log(self) -> DeliveryLog:
        if self._log is None:
            raise RuntimeError("somebody listens durably before the bus has an event log")
        return self._log

    def envelope(self, event: E, cause: Cause) -> Envelope[E]:
        """Wrap an event for its way, under a new id and the present time."""
        return Envelope(id=new_id(), topic=event.topic, time=self.clock.now(), cause=cause, payload=event)

    def check(self, principal: Principal, event_type: type[Event]) -> None:
        """Refuse what is no event, or not the principal's to publish."""
        if not (isinstance(event_type, type) and issubclass(event_type, Event)):
            raise PayloadInvalid(f"{event_type!r} is not an event; publish an instance of an Event class")
        split_topic(event_type.topic)
        check_namespace(principal, event_type.topic, "publish")

    def break_loop(self, principal: Principal, cause: Cause, message: str) -> HopLimitExceeded:
        """Count a chain at its limit and build its error. `bus.loop_broken` is said at most once a second a principal."""
        self.loops_broken += 1
        if self._may_tell("loop", principal) is not None:
            self.report(LoopBroken(principal=principal, message=message, correlation_id=cause.correlation_id), cause)
        return HopLimitExceeded(f"{message}: {cause.hop} hops from where the chain {cause.correlation_id} began; it is a loop")

    def report(self, event: Event, cause: Cause) -> None:
        """Publish one of the kernel's own events about what happened under `cause`, without making anybody wait."""
        self._in_background(self._report(event, cause))

    def refuse_rate(self, principal: Principal, message: str, retry_after: float) -> RateLimited:
        """Count a refusal and build its error; `bus.rate_limited` is said at most once a second for each principal."""
        self.refused_by_rate += 1
        refused = self._may_tell("rate", principal)
        if refused is not None:
            self.deliver(self.envelope(RateLimitHit(principal=principal, refused=refused), _own_cause()))
        return RateLimited(f"{principal} speaks too fast: {message} is refused; come back in {retry_after:.3f} s", retry_after)

    def dispatch(self, envelopes: Iterable[Envelope[Any]]) -> None:
        """Hand events to their listeners' queues. Called on the loop; never waits."""
        for envelope in envelopes:
            self.deliver(envelope)

    def deliver(self, envelope: Envelope[Any]) -> None:
        """Hand one event to its listeners' queues, as `dispatch` does with many."""
        self.published += 1
        if subscriptions := self.routes.match(envelope.topic):
            delivery = (envelope, envelope.cause.after(envelope.id))
            for subscription in subscriptions:
                subscription.offer(delivery)

    async def record(self, principal: Principal, event: Event) -> None:
        await self._record(principal, event)

    def subscribe(self, subscription: Subscription) -> None:
        """Route to a subscription until it closes."""
        self.routes.add(subscription.pattern, subscription)
        self._subscriptions[subscription] = None
        subscription.on_close.append(lambda: self._unsubscribe(subscription))

    def listener_failed(self, subscription: Subscription, envelope: Envelope[Any], error: BaseException) -> None:
        """Tell of a listener that raised, unless it raised at being told."""
        if envelope.topic == ListenerFailed.topic:
            return
        failed = ListenerFailed(
            listener=subscription.name, topic_heard=envelope.topic, detail=f"{type(error).__name__}: {error}"[:500]
        )
        self.deliver(self.envelope(failed, _own_cause(envelope.cause)))

    def add_responder(self, request: type[Request[Any]], principal: Principal, handler: Responder) -> None:
        if request in self._responders:
            raise ValueError(f"{request.topic} is answered by {self._responders[request][0]} already")
        self._responders[request] = (principal, handler)

    def remove_responder(self, request: type[Request[Any]]) -> None:
        self._responders.pop(request, None)

    def responder(self, request: type[Request[Any]]) -> Responder:
        try:
            return self._responders[request][1]
        except KeyError:
            raise NoResponder(f"nobody answers {request.topic}") from None

    def answered(self) -> dict[type[Request[Any]], Principal]:
        """Who answers what."""
        return {request: principal for request, (principal, _) in self._responders.items()}

    def statistics(self) -> BusStatistics:
        return BusStatistics(
            published=self.published,
            requests=self.requests,
            refused_by_rate=self.refused_by_rate,
            loops_broken=self.loops_broken,
            listeners=(
                *(ListenerStatistics(s.name, s.depth, s.handled, s.dropped, s.failed) for s in self._subscriptions),
                *(ListenerStatistics(each.name, 0, each.handled, 0, each.failed) for each in self._durable),
            ),
        )

    async def settled(self) -> None:
        """Return once nothing is being reported and every queue has been empty once."""
        if self._background:
            await asyncio.wait(self._background)
        for subscription in tuple(self._subscriptions):
            await subscription.drained()
        for listener in tuple(self._durable):
            await listener.drained()

    def health(self) -> Health:
        """Degraded while events wait in a queue that has begun to drop, and once a durable listener has given one up."""
        trouble = [f"{each.name} dropped {each.dropped}" for each in self._subscriptions if each.dropped and each.depth]
        trouble += [f"{each.name} gave up {each.dead}, see the log" for each in self._durable if each.dead]
        return Health("degraded", "; ".join(trouble)) if trouble else Health()

    async def close(self, deadline: float = 5.0) -> None:
        """Let what is queued be handled, for `deadline` seconds at most, then stop every subscription."""
        try:
            async with asyncio.timeout(deadline):
                await self.settled()
        except TimeoutError:
            log.warning("bus_closed_with_events_waiting", waiting={s.name: s.depth for s in self._subscriptions if s.depth})
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def follow(self, listener: DurableListener, topics: Iterable[str]) -> Callable[[], None]:
        """Wake a durable listener whenever one of the topics is recorded. Returns what ends that."""
        for topic in topics:
            self.routes.add(topic, listener)
        self._durable[listener] = None

        def leave() -> None:
            for topic in topics:
                self.routes.remove(topic, listener)
            del self._durable[listener]

        return leave

    def _unsubscribe(self, subscription: Subscription) -> None:
        self.routes.remove(subscription.pattern, subscription)
        del self._subscriptions[subscription]

    def _may_tell(self, what: str, principal: Principal) -> int | None:
        """How many refusals there were since the last telling, if that was a second ago or more; else None."""
        now = self.clock.monotonic()
        at, silent = self._told.get((what, principal), (float("-inf"), 0))
        if now - at < 1.0:
            self._told[(what, principal)] = (at, silent + 1)
            return None
        self._told[(what, principal)] = (now, 0)
        return silent + 1

    async def _report(self, event: Event, cause: Cause) -> None:
        try:
            with acting_under(_own_cause(cause)):
                await self._record(SYSTEM, event)
        except ViveSphereError:
            # The database is away or the server stops; the log line is then all that is left to say it with.
            log.exception("kernel_event_lost", topic=event.topic, payload=event)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _refuse_to_record(principal: Principal, event: Event) -> None:
    raise RuntimeError(f"{principal} published the durable event {event.topic} before the bus had an event log")


def _own_cause(of: Cause | None = None) -> Cause:
    """The kernel's cause for telling about `of`: hop 0, so that even a broken loop can be told of."""
    told = Cause(source=SYSTEM, actor=SYSTEM)
    return told if of is None else msgspec.structs.replace(told, project=of.project, correlation_id=of.correlation_id)
