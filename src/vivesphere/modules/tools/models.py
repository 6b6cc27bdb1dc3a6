"""The table of tools."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.types import Id, UtcTime


class ExecutionRow(Model):
    """One run that was asked for. No arguments and no result: either may hold what is nobody else's business."""

    __tablename__ = "tool_executions"
    __table_args__ = (sa.Index("ix_tool_executions_project_tool_id", "project", "tool", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    tool: Mapped[str] = mapped_column(sa.String(100))
    status: Mapped[str] = mapped_column(sa.String(20))
    reason: Mapped[str] = mapped_column(sa.String(30))
    detail: Mapped[str] = mapped_column(sa.Text)
    duration_ms: Mapped[float]
    dry_run: Mapped[bool]
    source: Mapped[str] = mapped_column(sa.String(200))
    actor: Mapped[str] = mapped_column(sa.String(200))
    project: Mapped[str] = mapped_column(sa.String(63))
    correlation_id: Mapped[str] = mapped_column(Id)
