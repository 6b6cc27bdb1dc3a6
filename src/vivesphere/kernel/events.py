"""The kernel's own events, published by `system`."""

from vivesphere.kernel.bus.messages import Event


class RateLimitHit(Event):
    """At most once a second for each offender; `refused` counts what was refused since the last one."""

    topic = "bus.rate_limited"
    permission = "audit.entry.read"
    principal: str
    refused: int


class LoopBroken(Event, durable=True):
    """A chain of causes reached the hop limit; `correlation_id` leads to the chain."""

    topic = "bus.loop_broken"
    permission = "audit.entry.read"
    principal: str
    message: str
    correlation_id: str


class ListenerFailed(Event):
    topic = "bus.listener_failed"
    permission = "audit.entry.read"
    listener: str
    topic_heard: str
    detail: str


class TableAccessDenied(Event, durable=True):
    """A principal asked the database for what is not its own. `action` is `read`, `write` or the statement's kind."""

    topic = "database.access_denied"
    permission = "audit.entry.read"
    principal: str
    action: str
    table: str
