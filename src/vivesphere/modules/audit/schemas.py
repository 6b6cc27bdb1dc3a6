"""What audit says over HTTP."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta


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
