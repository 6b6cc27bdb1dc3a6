"""The tables of triggers."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model, refers_to
from vivesphere.kernel.db.types import Id, Json


class TriggerRow(Model):
    """`actor` made it, and it acts with that authority. `next_fire_at` is null while it is paused."""

    __tablename__ = "triggers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(100), info=refers_to("projects.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    kind: Mapped[str] = mapped_column(sa.String(20))
    schedule: Mapped[Any] = mapped_column(Json)
    action: Mapped[Any] = mapped_column(Json)
    enabled: Mapped[bool]
    next_fire_at: Mapped[datetime | None] = mapped_column(index=True)
    last_fired_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime]

    __table_args__ = (sa.Index("ix_triggers_project_id", "project", "id"),)


class FiringRow(Model):
    """The history. A firing is here, `pending`, before it acts; `idempotency_key` names the act across a crash."""

    __tablename__ = "trigger_firings"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    trigger_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("triggers.id"))
    at: Mapped[datetime]
    scheduled_for: Mapped[datetime]
    cause: Mapped[str] = mapped_column(sa.String(8))
    outcome: Mapped[str] = mapped_column(sa.String(7), index=True)
    reference: Mapped[str] = mapped_column(sa.String(200))
    detail: Mapped[str] = mapped_column(sa.Text)
    idempotency_key: Mapped[str] = mapped_column(sa.String(255), unique=True)

    __table_args__ = (sa.Index("ix_trigger_firings_trigger_id_id", "trigger_id", "id"),)
