"""What the bus shows of itself to operators: counts are since the start, depths are of this moment."""

from typing import Any, Literal

import msgspec

from vivesphere.kernel.bus.durable import DurableSubscription
from vivesphere.kernel.bus.limits import TokenBucket
from vivesphere.kernel.bus.live import Overflow, Subscription
from vivesphere.kernel.bus.messages import Request
from vivesphere.kernel.bus.responders import Responder
from vivesphere.kernel.principals import Principal


class SubscriberOverview(msgspec.Struct, frozen=True, kw_only=True):
    """One listener. `waiting` events are queued or in hand; `lag` is how many recorded events a durable one is behind the log.

    `tripped` names the topics whose breaker is open, `cut` counts what open breakers held back, `blocked` says why a durable
    listener, or a lane of it, does not go on. Only live listeners drop, and have a `capacity` and an `overflow` policy.
    """

    name: str
    principal: Principal
    patterns: tuple[str, ...]
    delivery: Literal["live", "durable"]
    lanes: int
    waiting: int
    handled: int
    failed: int
    dropped: int = 0
    dead: int = 0
    cut: int = 0
    capacity: int | None = None
    overflow: Overflow | None = None
    lag: int | None = None
    tripped: tuple[str, ...] = ()
    blocked: str | None = None


class PublisherOverview(msgspec.Struct, frozen=True):
    """One publisher: messages it sent, its units of work included, those refused by a rate, and the rate (a second) and burst
    that what it sends outside of units is held to."""

    principal: Principal
    published: int
    refused: int
    rate: float
    burst: float


class ResponderOverview(msgspec.Struct, frozen=True):
    """Who answers a request: `running` now of at most `limit`, while `waiting` wait for their turn."""

    topic: str
    principal: Principal
    running: int
    waiting: int
    limit: int
    answered: int


class AuditOverview(msgspec.Struct, frozen=True):
    """Live events recorded by the audit policy, those that still wait to be, and those that could not be, with the reason."""

    recorded: int = 0
    waiting: int = 0
    unaudited: int = 0
    trouble: str | None = None


class LoopOverview(msgspec.Struct, frozen=True):
    """How late the event loop last came and at worst, how often it was blocked, and by whom at last."""

    last_ms: float = 0.0
    worst_ms: float = 0.0
    blocked: int = 0
    culprit: str | None = None


class BusOverview(msgspec.Struct, frozen=True, kw_only=True):
    """The whole bus. `refused` counts refusals by kind, such as `rate_limited`."""

    published: int
    requests: int
    loops_broken: int
    refused: dict[str, int]
    subscribers: tuple[SubscriberOverview, ...]
    publishers: tuple[PublisherOverview, ...]
    responders: tuple[ResponderOverview, ...]
    audit: AuditOverview
    loop: LoopOverview = LoopOverview()


def of_live(subscription: Subscription) -> SubscriberOverview:
    asked = subscription.asked
    return SubscriberOverview(
        name=asked.name,
        principal=asked.principal,
        patterns=(asked.pattern,),
        delivery="live",
        lanes=asked.lanes,
        waiting=subscription.depth,
        handled=subscription.handled,
        failed=subscription.failed,
        dropped=subscription.dropped,
        cut=subscription.breakers.cut,
        capacity=asked.capacity,
        overflow=asked.overflow,
        tripped=subscription.breakers.tripped(),
    )


def of_durable(listener: DurableSubscription) -> SubscriberOverview:
    return SubscriberOverview(
        name=listener.name,
        principal=Principal(listener.name.partition("/")[0]),
        patterns=listener.topics,
        delivery="durable",
        lanes=listener.asked.lanes,
        waiting=listener.waiting,
        handled=listener.handled,
        failed=listener.failed,
        dead=listener.dead,
        lag=listener.lag,
        cut=listener.breakers.cut,
        tripped=listener.breakers.tripped(),
        blocked=listener.blocked,
    )


def of_publisher(principal: Principal, bucket: TokenBucket, reported: int) -> PublisherOverview:
    return PublisherOverview(principal, bucket.taken + reported, bucket.refused, bucket.rate, bucket.burst)


def of_responder(request: type[Request[Any]], responder: Responder) -> ResponderOverview:
    return ResponderOverview(
        topic=request.topic,
        principal=responder.principal,
        running=responder.running,
        waiting=responder.waiting,
        limit=responder.limit,
        answered=responder.answered,
    )
