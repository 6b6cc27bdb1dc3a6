"""The table of secrets. `owner` is the principal that stored it, `sealed` what only the vault can open."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model, refers_to
from vivesphere.kernel.db.types import Id, UtcTime


class SecretRow(Model):
    __tablename__ = "secrets"
    __table_args__ = (sa.UniqueConstraint("project", "owner", "name"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project: Mapped[str] = mapped_column(sa.String(63), info=refers_to("projects.id"))
    owner: Mapped[str] = mapped_column(sa.String(200))
    name: Mapped[str] = mapped_column(sa.String(200))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    last_four: Mapped[str] = mapped_column(sa.String(4))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
