"""What the rules of data return and take: custom tables as they are kept."""

from datetime import datetime
from typing import Any

import msgspec

from vivesphere.kernel.db.ddl import user_table
from vivesphere.kernel.db.definition import Limits, TableDefinition
from vivesphere.kernel.db.shape import Shape, shape_of
from vivesphere.modules.data.settings import DataSettings

Versions = frozenset[int] | None
"""The versions that an editor has seen; None for whoever does not say."""


class CustomTable(msgspec.Struct, frozen=True, kw_only=True):
    """`definition` is the JSON of a `TableDefinition`."""

    id: str
    name: str
    project: str
    description: str
    definition: str
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def stored_as(self) -> str:
        """What the database calls it."""
        return user_table(self.name)

    @property
    def shape(self) -> Shape:
        return shape_of(self.stored_as, self.definition.encode())

    @property
    def defined(self) -> TableDefinition:
        return msgspec.json.decode(self.definition, type=TableDefinition)


def limits_of(settings: DataSettings) -> Limits:
    return Limits(columns=settings.columns, indexes=settings.indexes)


Values = dict[str, Any]
"""A record as SQLAlchemy takes and gives it, by column."""
