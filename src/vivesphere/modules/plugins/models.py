"""The tables of plugins."""

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


class PluginTableRow(Model):
    """A table that a plugin declared, by the name the database knows it under. `definition` is the JSON of
    `kernel.db.definition.TableDefinition`, `version` the plugin's when the table became so."""

    __tablename__ = "plugin_tables"

    name: Mapped[str] = mapped_column(sa.String(63), primary_key=True)
    plugin: Mapped[str] = mapped_column(sa.String(50), index=True)
    version: Mapped[str] = mapped_column(sa.String(40))
    definition: Mapped[str] = mapped_column(sa.Text)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
