"""The table of audit entries. They are added, never changed."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.types import Id, UtcTime


class AuditEntryRow(Model):
    """`id` is the event's id, so that one event is one entry however often it is heard."""

    __tablename__ = "audit_entries"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    category: Mapped[str] = mapped_column(sa.String(40))
    action: Mapped[str] = mapped_column(sa.String(255))
    actor: Mapped[str] = mapped_column(sa.String(200))
    subject: Mapped[str] = mapped_column(sa.String(300))
    detail: Mapped[str] = mapped_column(sa.Text)
