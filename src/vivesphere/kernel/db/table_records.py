"""`table_metadata`: the list of known tables, as the access policy wants it and as the models say it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.access import ColumnDescription, TableDescription
from vivesphere.kernel.db.models import TableMetadata
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.types import Id, Json, UtcTime
from vivesphere.kernel.principals import Principal

records = table_of(TableMetadata)

_ALL = sa.select(records).order_by(records.c.table_name)
_BY_NAME = sa.select(records).where(records.c.table_name == sa.bindparam("name"))
_INSERT = sa.insert(records)
_UPDATE = sa.update(records).where(records.c.table_name == sa.bindparam("name"))
_DELETE = sa.delete(records).where(records.c.table_name == sa.bindparam("name"))
_OWN_TYPES = {Id: "id", UtcTime: "time", Json: "json"}


class Executes(Protocol):
    """A unit of work, or the connection of a migration."""

    def execute(self, statement: sa.Executable, parameters: Any = None, /) -> sa.CursorResult[Any]: ...


def known_tables(tx: Executes) -> tuple[TableDescription, ...]:
    """Every registered table."""
    return tuple(_description(row) for row in tx.execute(_ALL))


def find_table(tx: Executes, name: str) -> TableDescription | None:
    row = tx.execute(_BY_NAME, {"name": name}).one_or_none()
    return None if row is None else _description(row)


def _description(row: sa.Row[Any]) -> TableDescription:
    return TableDescription(
        name=row.table_name,
        access_level=row.access_level,
        owner=Principal(row.owner_id),
        is_system=row.is_system,
        columns=msgspec.convert(row.schema_definition, tuple[ColumnDescription, ...]),
        project=row.project,
    )


def describe_core(metadata: sa.MetaData, owners: Mapping[str, Principal]) -> tuple[TableDescription, ...]:
    """The tables of the models: all of the core, all locked."""
    return tuple(
        TableDescription(
            name=name, access_level="locked", owner=owners[name], is_system=True, columns=columns_of(metadata.tables[name])
        )
        for name in sorted(owners)
    )


def columns_of(table: sa.Table) -> tuple[ColumnDescription, ...]:
    """Columns with the names of our own types, or SQLAlchemy's in lower case."""
    return tuple(
        ColumnDescription(str(column.name), _OWN_TYPES.get(type(column.type), type(column.type).__name__.lower()))
        for column in table.columns
    )


def register(tx: Executes, wanted: tuple[TableDescription, ...], now: datetime) -> None:
    """Make the core's part of `table_metadata` say exactly `wanted`. Plugins' and users' tables are left as they are."""
    known = {table.name: table for table in known_tables(tx)}
    for table in wanted:
        if known.get(table.name) == table:
            continue
        if table.name in known:
            tx.execute(_UPDATE, {"name": table.name, **_values(table)})
        else:
            tx.execute(_INSERT, {"table_name": table.name, "created_at": now, **_values(table)})
    for gone in known.keys() - {table.name for table in wanted}:
        if known[gone].is_system:
            tx.execute(_DELETE, {"name": gone})


def _values(table: TableDescription) -> dict[str, Any]:
    return {
        "access_level": table.access_level,
        "owner_id": table.owner,
        "is_system": table.is_system,
        "schema_definition": table.columns,
        "project": table.project,
    }


def write_down(tx: Executes, table: TableDescription, now: datetime) -> None:
    """A table of a plugin or of people has come or changed. With the host's rights, in the unit that makes it so."""
    if tx.execute(_UPDATE, {"name": table.name, **_values(table)}).rowcount == 0:
        tx.execute(_INSERT, {"table_name": table.name, "created_at": now, **_values(table)})


def strike_out(tx: Executes, name: str) -> None:
    """A table has gone. With the host's rights, in the unit that drops it."""
    tx.execute(_DELETE, {"name": name})
