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


class LoopBlocked(Event):
    """The event loop was held for so many seconds, and everything waited. At most once a second; `culprit` is the task that was
    seen, if it has a name (`bus:<listener>`), and the function, or `unknown`."""

    topic = "bus.loop_blocked"
    permission = "audit.entry.read"
    seconds: float
    culprit: str


class ListenerFailed(Event):
    """At most once a second for each listener; `failures` counts what it failed at since the last one."""

    topic = "bus.listener_failed"
    permission = "audit.entry.read"
    listener: str
    topic_heard: str
    detail: str
    failures: int = 1


class BreakerOpened(Event, durable=True):
    """A listener is cut off from a topic for a while: it failed again and again, or a chain came round to it in a storm."""

    topic = "bus.breaker_opened"
    permission = "audit.entry.read"
    listener: str
    topic_heard: str
    reason: str


class TableAccessDenied(Event, durable=True):
    """A principal asked the database for what is not its own. `action` is `read`, `write` or the statement's kind. At most once
    a second for a principal and a table; `refused` counts what was refused since the last time. `sql` is the fingerprint of the
    statement, the same for statements that differ in their literals only; empty where there was none."""

    topic = "database.access_denied"
    permission = "audit.entry.read"
    principal: str
    action: str
    table: str
    refused: int = 1
    sql: str = ""


class TableGrantRequested(Event, durable=True):
    """A plugin's manifest asks for a table that people made; a person decides."""

    topic = "database.grant.requested"
    permission = "data.access.read"
    grantee: str
    table: str
    action: str


class TableGrantApproved(Event, durable=True):
    """The grantee may do it from now on. Who approved it is the actor of the cause."""

    topic = "database.grant.approved"
    permission = "data.access.read"
    grantee: str
    table: str
    action: str


class TableGrantRevoked(Event, durable=True):
    """The grantee may not do it, or may not any more. Who decided so is the actor of the cause."""

    topic = "database.grant.revoked"
    permission = "data.access.read"
    grantee: str
    table: str
    action: str
