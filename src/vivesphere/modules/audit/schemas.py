"""What audit says over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.overview import BusOverview
from vivesphere.kernel.db.log_extent import LogExtent

EVENT_ID = "0199c1f0-0000-7000-8000-000000000001"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is under whose authority it happened, `subject` whom or what it concerns."""

    id: str
    at: datetime
    category: Annotated[str, Meta(examples=["auth"])]
    action: Annotated[str, Meta(examples=["auth.login.failed"])]
    actor: Annotated[str, Meta(examples=["module:auth"])]
    subject: Annotated[str, Meta(examples=["ada"])]
    detail: str


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event. What its contract calls secret is masked."""

    id: str
    seq: int
    topic: Annotated[str, Meta(examples=["plans.run.completed"])]
    at: datetime
    project: str
    source: Annotated[str, Meta(examples=["module:plans"])]
    actor: Annotated[str, Meta(examples=["user:0199c1f0-0000-7000-8000-000000000000"])]
    correlation_id: str
    causation_id: str | None
    hop: int
    data: dict[str, Any]


class ChainEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a chain. A `hidden` one is not the caller's to hear: it says when it was and what caused it, so that the tree
    stays whole, and nothing else."""

    id: str
    seq: int | None = None
    topic: Annotated[str, Meta(examples=["plans.run.completed"])] = ""
    at: datetime
    project: str = ""
    source: Annotated[str, Meta(examples=["module:plans"])] = ""
    actor: Annotated[str, Meta(examples=["user:0199c1f0-0000-7000-8000-000000000000"])] = ""
    correlation_id: str
    causation_id: Annotated[str | None, Meta(examples=[EVENT_ID])]
    hop: int
    data: dict[str, Any] = {}
    hidden: bool = False


class ChainEffect(msgspec.Struct, frozen=True, kw_only=True):
    """An act on the outside world that the chain led to."""

    id: str
    kind: Annotated[str, Meta(examples=["http"])]
    target: Annotated[str, Meta(examples=["https://example.org/hook"])]
    status: Literal["intended", "done", "failed", "unknown", "shadow"]
    at: datetime


class EventChain(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that came of one cause, oldest first; `causation_id` of each event is the id of the one that led to it.
    `truncated` says that there is more."""

    correlation_id: str
    events: list[ChainEvent]
    effects: list[ChainEffect]
    truncated: bool


class EventFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which recorded events; every part that is given must hold. Times have a time zone."""

    topic: Annotated[str, Meta(max_length=255, examples=["plans.>"])] = ">"
    category: Annotated[str, Meta(max_length=100, examples=["plans"])] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    source: Annotated[str, Meta(max_length=200, examples=["module:plans"])] | None = None
    correlation_id: Annotated[str, Meta(max_length=64)] | None = None


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`listener` is who is to hear the events again; nobody else does. A dry run only counts."""

    listener: Annotated[str, Meta(max_length=200, examples=["module:audit/security"])]
    filter: EventFilter = EventFilter()
    dry_run: bool = False


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """`matched` events, of which so many were `queued` for the listener (in a dry run: would be). `skipped` ones it has not
    reached yet, or they wait for it already. `more` says that the filter names more than one replay takes: ask for the rest."""

    matched: int
    queued: int
    skipped: int
    more: bool


class DeadLetterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event that a durable listener gave up, with what it said the last time."""

    id: str
    listener: Annotated[str, Meta(examples=["module:audit/security"])]
    attempts: Annotated[int, Meta(examples=[10])]
    error: Annotated[str, Meta(examples=["DatabaseUnavailable: the disk is full"])]
    failed_at: datetime
    event: EventRecord


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters; without anything, all that you may hear."""

    listener: Annotated[str, Meta(max_length=200, examples=["module:audit/security"])] | None = None
    topic: Annotated[str, Meta(max_length=255, examples=["auth.>"])] = ">"


class Count(msgspec.Struct, frozen=True):
    """How many it concerned."""

    count: int


class BusReport(BusOverview, frozen=True, kw_only=True):
    """The whole bus, and how far its log reaches."""

    log: LogExtent
