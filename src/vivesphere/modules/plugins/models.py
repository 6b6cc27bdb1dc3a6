"""The table of plugins."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.db.types import UtcTime


class PluginRow(Model):
    """What was last decided about a plugin. `status` is `enabled`, `disabled` or `error`: it should run, and could not."""

    __tablename__ = "plugins"

    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    version: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[str] = mapped_column(sa.String(10))
    detail: Mapped[str] = mapped_column(sa.Text)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
