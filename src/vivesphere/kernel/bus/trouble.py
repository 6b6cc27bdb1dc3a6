"""What goes wrong on the bus: refused with a named error, counted by its kind, and told of by the kernel's own events.

Nothing is told of more than once a second about the same, so that telling can never be a flood of its own.
"""

from collections.abc import Callable
from typing import Any, NoReturn

import structlog

from vivesphere.kernel.bus.errors import BusError, HopLimitExceeded, RateLimited
from vivesphere.kernel.bus.live import Subscription
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.reports import Recorder, Reports, Throttle, own_cause
from vivesphere.kernel.cause import Cause
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import told
from vivesphere.kernel.events import BreakerOpened, ListenerFailed, LoopBroken, RateLimitHit
from vivesphere.kernel.principals import Principal

log = structlog.get_logger("vivesphere.bus")


class Trouble:
    """`refused` counts refusals by the slug of their error, `loops_broken` the chains of causes that were cut."""

    def __init__(self, clock: Clock, *, say: Callable[[Event, Cause], None], record: Recorder) -> None:
        """`say` publishes a live event of the kernel, `record` a durable one."""
        self.refused: dict[str, int] = {}
        self.loops_broken = 0
        self._throttle = Throttle(clock)
        self._reports = Reports()
        self._say = say
        self._record = record

    def refuse(self, error: BusError) -> NoReturn:
        """Count a refusal, and raise it."""
        self.refused[error.slug] = self.refused.get(error.slug, 0) + 1
        raise error

    def refuse_rate(self, principal: Principal, message: str, retry_after: float) -> NoReturn:
        """Refuse what comes too fast, and say so."""
        refused = self._throttle.due(("rate", principal))
        if refused is not None:
            self._say(RateLimitHit(principal=principal, refused=refused), own_cause())
        detail = f"{principal} speaks too fast: {message} is refused; come back in {retry_after:.3f} s"
        self.refuse(RateLimited(detail, retry_after))

    def refuse_loop(self, principal: Principal, cause: Cause, message: str) -> NoReturn:
        """Refuse to go on with a chain of causes at its limit, and say so."""
        self.loop_broken(principal, cause, message)
        detail = f"{message}: {cause.hop} hops from where the chain {cause.correlation_id} began; it is a loop"
        self.refuse(HopLimitExceeded(detail))

    def loop_broken(self, principal: Principal, cause: Cause, message: str) -> None:
        """Count and tell of a chain that was cut."""
        self.loops_broken += 1
        if self._throttle.due(("loop", principal)) is not None:
            self.report(LoopBroken(principal=principal, message=message, correlation_id=cause.correlation_id), cause)

    def listener_failed(self, subscription: Subscription, envelope: Envelope[Any], error: BaseException) -> None:
        """Tell of a listener that raised, unless it raised at being told."""
        name, topic = subscription.name, envelope.topic
        failures = self._throttle.due(("failed", name))
        if failures is None:
            return
        log.warning("listener_failed", listener=name, topic=topic, event_id=envelope.id, failures=failures, exc_info=error)
        if topic != ListenerFailed.topic:
            failed = ListenerFailed(listener=name, topic_heard=topic, detail=told(error), failures=failures)
            self._say(failed, own_cause(envelope.cause))

    def listener_tripped(self, listener: str, envelope: Envelope[Any], reason: str) -> None:
        """Tell of a breaker that has opened."""
        log.warning("breaker_opened", listener=listener, topic=envelope.topic, reason=reason)
        opened = BreakerOpened(listener=listener, topic_heard=envelope.topic, reason=reason)
        self.report(opened, envelope.cause)

    def report(self, event: Event, cause: Cause) -> None:
        """Record one of the kernel's own durable events about what happened under `cause`, without making anybody wait."""
        self._reports.record(self._record, event, cause)

    async def settled(self) -> None:
        """Return once everything reported so far is recorded."""
        await self._reports.settled()
