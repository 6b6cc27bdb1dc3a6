"""The table of data: what each custom table is. The tables themselves are made by `kernel/db/ddl.py`."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vivesphere.kernel.db.schema import Model, refers_to
from vivesphere.kernel.db.types import Id


class CustomTableRow(Model):
    """A table that people made, by the name they gave it; the database knows it as `data_<name>`. `definition` is the JSON of
    `kernel.db.definition.TableDefinition`, `version` counts its changes."""

    __tablename__ = "custom_tables"

    name: Mapped[str] = mapped_column(sa.String(58), primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    project: Mapped[str] = mapped_column(sa.String(100), info=refers_to("projects.id"))
    description: Mapped[str] = mapped_column(sa.Text)
    definition: Mapped[str] = mapped_column(sa.Text)
    version: Mapped[int]
    created_by: Mapped[str] = mapped_column(sa.String(200))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (sa.Index("ix_custom_tables_project_name", "project", "name"),)
