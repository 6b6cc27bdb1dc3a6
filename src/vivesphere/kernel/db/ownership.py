"""Whose each table of the core is: its owner is the module in whose `models.py` it is declared."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from vivesphere.kernel.db.schema import Model
from vivesphere.kernel.principals import Principal

RESERVED = ("ext_", "data_")
"""Beginnings of the names of plugins' and users' tables."""


def owners_of(declarers: Mapping[str, Principal], registry: type[Model] = Model) -> Mapping[str, Principal]:
    """Table to owner, where `declarers` says who owns what which Python module declares.

    Raises TypeError for a table declared by two classes, by none or by a stranger, for a reserved name, and for a foreign key
    that leaves its module (I7).
    """
    found = _declared(registry.registry.mappers, declarers)
    if nobodys := sorted(registry.metadata.tables.keys() - found.keys()):
        raise TypeError(f"no class declares {', '.join(nobodys)}")
    for table in registry.metadata.tables.values():
        for key in table.foreign_keys:
            if found[key.column.table.name] != found[table.name]:
                raise TypeError(f"the foreign key of {table.name} to {key.column.table.name} leaves its module")
    return found


def _declared(mappers: Iterable[Mapper[object]], declarers: Mapping[str, Principal]) -> dict[str, Principal]:
    found: dict[str, Principal] = {}
    for mapper in sorted(mappers, key=lambda each: each.class_.__qualname__):
        assert isinstance(mapper.local_table, sa.Table)  # noqa: S101 - narrows the type; a model is mapped to a table
        name, where = str(mapper.local_table.name), mapper.class_.__module__
        if name in found:
            raise TypeError(f"the table {name} is declared twice, once in {where}")
        if where not in declarers:
            raise TypeError(f"the table {name} is declared in {where}, which is no module's models.py")
        if name.startswith(RESERVED):
            raise TypeError(f"the table {name} begins like a plugin's or a user's table")
        found[name] = declarers[where]
    return found
