"""The kernel's own tables. Their owner is `system`."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.types import Id, Json


class TableMetadata(Model):
    """Which tables there are, and whose. A table that does not stand here is refused to everyone."""

    __tablename__ = "table_metadata"

    table_name: Mapped[str] = mapped_column(sa.String(63), primary_key=True)
    access_level: Mapped[str] = mapped_column(sa.String(9))
    owner_id: Mapped[str] = mapped_column(sa.String(100))
    schema_definition: Mapped[Any] = mapped_column(Json)
    is_system: Mapped[bool]
    project: Mapped[str | None] = mapped_column(sa.String(100))
    created_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("access_level IN ('locked', 'protected', 'user')", name="access_level"),)


class TableGrant(Model):
    """What a principal asked to be allowed with a table that is not its own, and what a person decided. `revoked` is a no, too:
    it was asked for, and nobody is to be asked again. Without a foreign key: what is asked for may come later."""

    __tablename__ = "table_grants"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    grantee: Mapped[str] = mapped_column(sa.String(100))
    table_name: Mapped[str] = mapped_column(sa.String(63), index=True)
    action: Mapped[str] = mapped_column(sa.String(5))
    status: Mapped[str] = mapped_column(sa.String(9))
    requested_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(sa.String(200))
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("action IN ('read', 'write')", name="action"),
        sa.CheckConstraint("status IN ('requested', 'approved', 'revoked')", name="status"),
        sa.UniqueConstraint("grantee", "table_name", "action"),
    )


class LoggedEvent(Model):
    """One recorded event. AUTOINCREMENT, so that a `seq` is never given twice, whatever retention deletes. `bytes` is what
    the row takes, roughly, so that retention can add up; it stands before the payload, which need not be read for it."""

    __tablename__ = "event_log"

    seq: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    topic: Mapped[str] = mapped_column(sa.String(255), index=True)
    time: Mapped[datetime]
    source: Mapped[str] = mapped_column(sa.String(200))
    actor: Mapped[str] = mapped_column(sa.String(200))
    project: Mapped[str] = mapped_column(sa.String(100))
    mode: Mapped[str] = mapped_column(sa.String(6))
    correlation_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    causation_id: Mapped[str | None] = mapped_column(sa.String(64))
    hop: Mapped[int]
    bytes: Mapped[int]
    payload: Mapped[Any] = mapped_column(Json)

    __table_args__ = ({"sqlite_autoincrement": True},)


class Effect(Model):
    """One act on the outside world: intended before it is tried, then what became of it."""

    __tablename__ = "effects"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(100))
    target: Mapped[str] = mapped_column(sa.Text)
    source: Mapped[str] = mapped_column(sa.String(200))
    actor: Mapped[str] = mapped_column(sa.String(200))
    project: Mapped[str] = mapped_column(sa.String(100))
    correlation_id: Mapped[str] = mapped_column(sa.String(64), index=True)
    payload: Mapped[Any | None] = mapped_column(Json)
    idempotency_key: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    status: Mapped[str] = mapped_column(sa.String(8), index=True)
    result: Mapped[Any | None] = mapped_column(Json)
    detail: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class EventCursor(Model):
    """How far a durable listener has come in the event log: what it has taken has this `seq` or a smaller one. `seen_at` is
    when it last came to listen; one that is gone for long no longer holds retention up."""

    __tablename__ = "event_cursors"

    listener: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    seq: Mapped[int] = mapped_column(sa.BigInteger())
    seen_at: Mapped[datetime]


class Delivery(Model):
    """What a durable listener owes beside its cursor: an event `waiting` for its next try at `next_at`, or `dead`, or `done`
    ahead of the cursor by a listener with lanes. `replay` says that a person asked for it again."""

    __tablename__ = "deliveries"

    listener: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    seq: Mapped[int] = mapped_column(sa.BigInteger(), primary_key=True)
    id: Mapped[str | None] = mapped_column(Id, unique=True)
    status: Mapped[str] = mapped_column(sa.String(7))
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(sa.Text, server_default="")
    replay: Mapped[bool] = mapped_column(server_default=sa.false())

    __table_args__ = (
        sa.CheckConstraint("status IN ('waiting', 'dead', 'done')", name="status"),
        sa.Index("ix_deliveries_due", "listener", "status", "next_at"),
    )


class KeptReply(Model):
    """What a unit of work answered under an idempotency key, so that whoever asks again gets it again. `fingerprint` is of
    what was asked: another question under the same key is refused."""

    __tablename__ = "kept_replies"

    asker: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    reply: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(index=True)


class Installation(Model):
    """What this one installation is: single facts by name, such as its id and whether its first start is done."""

    __tablename__ = "installation"

    key: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
