"""The bus itself: routes, responders and limits. Nobody speaks through it but by a handle."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar
from zlib import crc32

import structlog

from vivesphere.kernel.bus import overview
from vivesphere.kernel.bus.audit_policy import AuditPolicy
from vivesphere.kernel.bus.breaker import Breakers
from vivesphere.kernel.bus.delivery_log import DeliveryLog
from vivesphere.kernel.bus.durable import DurableSubscription
from vivesphere.kernel.bus.errors import BusError, LogUnavailable, PayloadInvalid
from vivesphere.kernel.bus.limits import BusSettings, Limits
from vivesphere.kernel.bus.live import Subscription
from vivesphere.kernel.bus.messages import Envelope, Event, Message, Request
from vivesphere.kernel.bus.namespaces import check_namespace
from vivesphere.kernel.bus.overview import AuditOverview, BusOverview, SubscriberOverview
from vivesphere.kernel.bus.payloads import payload_check
from vivesphere.kernel.bus.reports import Recorder
from vivesphere.kernel.bus.responders import Responders
from vivesphere.kernel.bus.routes import Routes
from vivesphere.kernel.bus.topics import split_topic
from vivesphere.kernel.bus.trouble import Trouble
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.ids import IdSource
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal
from vivesphere.kernel.services import Health

E = TypeVar("E", bound=Event)

log = structlog.get_logger("vivesphere.bus")


class AuditRecorder(Protocol):
    """Records live events in the background."""

    def offer(self, envelope: Envelope[Any]) -> None: ...

    def overview(self) -> AuditOverview: ...


class Watcher(Protocol):
    """Looks on for a person, and does nothing because of what it hears: no cause, no breaker, a queue of its own."""

    def offer(self, envelope: Envelope[Any]) -> None:
        """Never waits, never raises. Comes once for each of the patterns that name the topic, with nothing between."""
        ...

    def overview(self) -> SubscriberOverview: ...


class Bus:
    """Routes, responders and limits; one for the process. `version` changes with whatever a publisher may have remembered."""

    def __init__(self, *, permissions: Permissions, limits: Limits, clock: Clock) -> None:
        self.permissions = permissions
        self.limits = limits
        self.clock = clock
        self.version = 0
        self.published = 0
        self.reported: Counter[Principal] = Counter()
        """Events by source that left after a commit; less those that were published, which their publisher's rate counts."""
        self.requests = 0
        self.ids = IdSource()
        self.routes = Routes()
        self.responders = Responders(limits.settings.request_concurrency)
        self.max_payload = limits.settings.max_payload
        self.recorder: AuditRecorder | None = None
        self.subscriptions: dict[Subscription, None] = {}
        self.durable: dict[DurableSubscription, None] = {}
        self.watchers: dict[Watcher, set[str]] = {}
        """With the patterns that each one watches."""
        self._policy: AuditPolicy | None = None
        self._record: Recorder = _refuse_to_record
        self._log: DeliveryLog | None = None
        self.trouble = Trouble(clock, say=self._say, record=self.record)

    def record_with(self, recorder: Recorder) -> None:
        """Install the way durable events reach the event log."""
        self._record = recorder

    def read_with(self, log: DeliveryLog) -> None:
        """Install the way durable listeners read the event log."""
        self._log = log

    def audit_with(self, policy: AuditPolicy, recorder: AuditRecorder) -> None:
        """Record live events from now on, those that the policy names."""
        self._policy, self.recorder = policy, recorder
        self.version += 1

    def change(self, settings: BusSettings, policy: AuditPolicy) -> None:
        """Other settings from now on. Raises StartError, and changes nothing then."""
        self.limits.change(settings)
        self._policy = policy
        self.max_payload = settings.max_payload
        self.responders.change(settings.request_concurrency)
        for subscription in self.subscriptions:
            subscription.pace = self.limits.hearing(subscription.asked.principal, subscription.pattern)
        self.version += 1

    @property
    def log(self) -> DeliveryLog:
        if self._log is None:
            raise RuntimeError("somebody listens durably before the bus has an event log")
        return self._log

    def envelope(self, event: E, cause: Cause) -> Envelope[E]:
        """Wrap an event for its way, under a new id and the present time."""
        now = self.clock.timestamp()
        return Envelope(id=self.ids.next(now), topic=event.topic, timestamp=now, cause=cause, payload=event)

    def check(self, principal: Principal, event: Event) -> None:
        """Refuse what is no event, not the principal's to publish, too large, or not what its contract says."""
        self.check_kind(principal, type(event))
        self.check_payload(event)

    def check_kind(self, principal: Principal, kind: type[Event]) -> None:
        """The part of `check` that is the same for all events of a kind."""
        try:
            if not (isinstance(kind, type) and issubclass(kind, Event)):
                raise PayloadInvalid(f"{kind!r} is not an event; publish an instance of an Event class")
            split_topic(kind.topic)
            check_namespace(principal, kind.topic, "publish")
        except BusError as error:
            self.trouble.refuse(error)

    def check_payload(self, message: Message) -> None:
        """The part of `check` that is about this one message."""
        try:
            payload_check(type(message))(message, self.max_payload)
        except PayloadInvalid as error:
            self.trouble.refuse(error)

    def dispatch(self, envelopes: Iterable[Envelope[Any]]) -> None:
        """Hand events to their listeners' queues. Called on the loop; never waits."""
        for envelope in envelopes:
            self.deliver(envelope)
            self.reported[envelope.cause.source] += 1

    def deliver(self, envelope: Envelope[Any]) -> None:
        """Hand one event to its listeners' queues, as `dispatch` does with many."""
        self.published += 1
        for subscriber in self.routes.match(envelope.topic):
            subscriber.offer(envelope)
        if envelope.seq is None and (record := self.recording(type(envelope.payload))) is not None:
            record(envelope)

    def recording(self, kind: type[Event]) -> Callable[[Envelope[Any]], None] | None:
        """What records live events of a kind. Durable ones are in the log by their own commit."""
        if kind.durable or self.recorder is None or self._policy is None:
            return None
        share = self._policy.share(kind.topic)
        if share <= 0:
            return None
        return self.recorder.offer if share >= 1 else _Sample(share, self.recorder.offer)

    async def record(self, principal: Principal, event: Event) -> None:
        """Write a durable event. Raises LogUnavailable, counted here; what else may be wrong is refused where it is emitted."""
        try:
            await self._record(principal, event)
        except LogUnavailable as error:
            self.trouble.refuse(error)

    def subscribe(self, subscription: Subscription) -> None:
        """Route to a subscription until it closes."""
        self.routes.add(subscription.pattern, subscription)
        self.subscriptions[subscription] = None
        subscription.on_close.append(lambda: self._unsubscribe(subscription))
        self.version += 1

    def answered(self) -> dict[type[Request[Any]], Principal]:
        """Who answers what."""
        return {request: responder.principal for request, responder in self.responders.items()}

    def overview(self) -> BusOverview:
        """What the bus shows of itself to operators."""
        return BusOverview(
            published=self.published,
            requests=self.requests,
            loops_broken=self.trouble.loops_broken,
            refused=dict(self.trouble.refused),
            subscribers=(
                *map(overview.of_live, self.subscriptions),
                *map(overview.of_durable, self.durable),
                *(watcher.overview() for watcher in self.watchers),
            ),
            publishers=tuple(
                overview.of_publisher(principal, bucket, self.reported[principal])
                for principal, bucket in self.limits.publishers()
            ),
            responders=tuple(overview.of_responder(*each) for each in self.responders.items()),
            audit=self._audited(),
        )

    async def settled(self) -> None:
        """Return once nothing is being reported and every queue has been empty once."""
        await self.trouble.settled()
        for subscription in tuple(self.subscriptions):
            await subscription.drained()
        for listener in tuple(self.durable):
            await listener.drained()

    def health(self) -> Health:
        """Degraded while events wait in a queue that has begun to drop, a breaker is open, live events cannot be recorded, or a
        durable listener has given one up or does not go on."""
        trouble = [f"{each.name} dropped {each.dropped}" for each in self.subscriptions if each.dropped and each.depth]
        trouble += [_cut_off(each.name, each.breakers) for each in self.subscriptions if each.breakers.tripped()]
        trouble += [_cut_off(each.name, each.breakers) for each in self.durable if each.breakers.tripped()]
        trouble += [f"{each.name} gave up {each.dead}, see its dead letters" for each in self.durable if each.dead]
        trouble += [f"{each.name} does not go on: {each.blocked}" for each in self.durable if each.blocked]
        audit = self._audited()
        if audit.trouble is not None:
            trouble.append(f"{audit.unaudited} live events could not be recorded: {audit.trouble}")
        return Health("degraded", "; ".join(trouble)) if trouble else Health()

    async def close(self, deadline: float = 5.0) -> None:
        """Let what is queued be handled, for `deadline` seconds at most, then stop every subscription."""
        try:
            async with asyncio.timeout(deadline):
                await self.settled()
        except TimeoutError:
            log.warning("bus_closed_with_events_waiting", waiting={s.name: s.depth for s in self.subscriptions if s.depth})
        for subscription in tuple(self.subscriptions):
            subscription.close()

    def subscribe_durably(self, listener: DurableSubscription, topics: Iterable[str]) -> Callable[[], None]:
        """Wake a durable listener whenever one of the topics is recorded. Returns what ends that."""
        bell = _Bell(listener)
        for topic in topics:
            self.routes.add(topic, bell)
        self.durable[listener] = None

        def leave() -> None:
            for topic in topics:
                self.routes.remove(topic, bell)
            del self.durable[listener]

        return leave

    def watch(self, watcher: Watcher, pattern: str) -> Callable[[], None]:
        """Let one look on at what the pattern names. Returns what ends that; twice is once. Raises TopicInvalid."""
        if pattern not in self.watchers.get(watcher, ()):
            self.routes.add(pattern, watcher)
        patterns = self.watchers.setdefault(watcher, set())
        patterns.add(pattern)
        self.version += 1

        def leave() -> None:
            if pattern not in patterns:
                return
            self.routes.remove(pattern, watcher)
            patterns.discard(pattern)
            if not patterns:
                del self.watchers[watcher]
            self.version += 1

        return leave

    def _say(self, event: Event, cause: Cause) -> None:
        self.deliver(self.envelope(event, cause))

    def _audited(self) -> AuditOverview:
        return AuditOverview() if self.recorder is None else self.recorder.overview()

    def _unsubscribe(self, subscription: Subscription) -> None:
        self.routes.remove(subscription.pattern, subscription)
        del self.subscriptions[subscription]
        self.version += 1


def _cut_off(listener: str, breakers: Breakers) -> str:
    return f"{listener} is cut off from {', '.join(breakers.tripped())}"


class _Bell:
    """Stands among the live listeners for a durable one, which reads the event from the log."""

    def __init__(self, listener: DurableSubscription) -> None:
        self._listener = listener

    def offer(self, _envelope: Envelope[Any]) -> None:
        self._listener.wake()


class _Sample:
    """Lets a share of all chains through: a chain is recorded as a whole or not at all."""

    def __init__(self, share: float, record: Callable[[Envelope[Any]], None]) -> None:
        self._below = int(share * (1 << 32))
        self._record = record

    def __call__(self, envelope: Envelope[Any]) -> None:
        if crc32(envelope.cause.correlation_id.encode()) < self._below:
            self._record(envelope)


async def _refuse_to_record(principal: Principal, event: Event) -> None:
    raise RuntimeError(f"{principal} published the durable event {event.topic} before the bus had an event log")
