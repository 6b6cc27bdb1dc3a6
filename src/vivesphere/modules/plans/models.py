"""The tables of plans: definitions by version, runs, and the journal of their steps."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model, refers_to
from vivesphere.kernel.db.types import Id, Json


class PlanRow(Model):
    """`version` is the newest one; a run keeps the version it began with."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(100), info=refers_to("projects.id"))
    name: Mapped[str] = mapped_column(sa.String(200))
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (sa.Index("ix_plans_project_id", "project", "id"),)


class PlanVersionRow(Model):
    """One definition as it was saved; it never changes."""

    __tablename__ = "plan_versions"

    plan_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("plans.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    definition: Mapped[Any] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime]


class RunRow(Model):
    """One execution, with the cause it acts under: whose authority, from which chain, how many hops along."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(100))
    plan_id: Mapped[str] = mapped_column(Id)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(sa.String(9), index=True)
    input: Mapped[Any] = mapped_column(Json)
    event: Mapped[Any | None] = mapped_column(Json)
    actor: Mapped[str] = mapped_column(sa.String(200))
    correlation_id: Mapped[str] = mapped_column(sa.String(64))
    causation_id: Mapped[str | None] = mapped_column(sa.String(64))
    hop: Mapped[int]
    dry_run: Mapped[bool]
    idempotency_key: Mapped[str | None] = mapped_column(sa.String(255))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    detail: Mapped[str] = mapped_column(sa.Text)

    __table_args__ = (
        sa.ForeignKeyConstraint(["plan_id", "version"], ["plan_versions.plan_id", "plan_versions.version"]),
        sa.UniqueConstraint("project", "idempotency_key"),
        sa.Index("ix_runs_plan_id_id", "plan_id", "id"),
    )


class RunStepRow(Model):
    """The journal. A step has a row once something was decided about it: what it will do is here before it is done."""

    __tablename__ = "run_steps"

    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey("runs.id"), primary_key=True)
    step_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    status: Mapped[str] = mapped_column(sa.String(9))
    attempt: Mapped[int]
    arguments: Mapped[Any | None] = mapped_column(Json)
    result: Mapped[Any | None] = mapped_column(Json)
    detail: Mapped[str] = mapped_column(sa.Text)
    wake_at: Mapped[datetime | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
