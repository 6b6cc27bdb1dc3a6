"""All queries of custom tables: what they are, and their records."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db import ddl
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.alteration import Alteration
from vivesphere.kernel.db.definition import TableDefinition
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.schema import table_of
from vivesphere.kernel.db.selections import Selection, selected
from vivesphere.kernel.db.shape import Shape
from vivesphere.modules.data.custom_table import CustomTable, Values
from vivesphere.modules.data.errors import RecordsContradict, ValuesNotUnique
from vivesphere.modules.data.models import CustomTableRow

tables = table_of(CustomTableRow)

CHOICES = 500
"""Values in one IN list: SQLite would take 32,766, but compiles each length anew."""

_ALL = sa.select(tables).where(tables.c.project == sa.bindparam("of_project")).order_by(tables.c.name)
_BY_NAME = sa.select(tables).where(tables.c.name == sa.bindparam("of_name"))
_COUNT = sa.select(sa.func.count()).select_from(tables).where(tables.c.project == sa.bindparam("of_project"))
_INSERT = sa.insert(tables)
_UPDATE = sa.update(tables).where(tables.c.name == sa.bindparam("of_name"))
_DELETE = sa.delete(tables).where(tables.c.name == sa.bindparam("of_name"))


def custom_tables(tx: Unit) -> list[CustomTable]:
    """Those of the unit's project, by name."""
    return [CustomTable(**row._mapping) for row in tx.execute(_ALL, {"of_project": tx.cause.project})]


def custom_table(tx: Unit, name: str) -> CustomTable | None:
    """The table, whichever project it is in."""
    row = tx.execute(_BY_NAME, {"of_name": name}).one_or_none()
    return None if row is None else CustomTable(**row._mapping)


def table_count(tx: Unit) -> int:
    count: int = tx.execute(_COUNT, {"of_project": tx.cause.project}).scalar_one()
    return count


def insert_table(tx: Unit, table: CustomTable, description: TableDescription) -> None:
    """Keep what the table is, and make it."""
    tx.execute(_INSERT, msgspec.structs.asdict(table))
    ddl.create(tx, description, table.defined)


def update_table(tx: Unit, table: CustomTable) -> None:
    changed = ("description", "definition", "version", "updated_at")
    tx.execute(_UPDATE, {"of_name": table.name, **{field: getattr(table, field) for field in changed}})


def alter_table(tx: Unit, description: TableDescription, old: TableDefinition, new: TableDefinition, asked: Alteration) -> None:
    """Raises ValuesNotUnique for a unique index that the records contradict."""
    try:
        ddl.alter(tx, description, old, new, asked=asked)
    except sa.exc.IntegrityError:
        raise ValuesNotUnique from None


def delete_table(tx: Unit, table: CustomTable) -> None:
    tx.execute(_DELETE, {"of_name": table.name})
    ddl.drop(tx, table.stored_as)


def count(tx: Unit, shape: Shape) -> int:
    """How many records there are. Reads through the smallest index."""
    number: int = tx.execute(sa.select(sa.func.count()).select_from(shape.table)).scalar_one()
    return number


def has_records(tx: Unit, shape: Shape) -> bool:
    return tx.execute(sa.select(sa.literal(1)).select_from(shape.table).limit(1)).first() is not None


def record(tx: Unit, shape: Shape, record_id: str) -> Values | None:
    return _values(tx.execute(_by_id(shape.table), {"of_id": record_id}).one_or_none())


def record_page(tx: Unit, shape: Shape, asked: Selection, limit: int) -> list[Values]:
    found = tx.execute(selected(sa.select(shape.table), shape.fields, asked).limit(limit))
    return [dict(row._mapping) for row in found]


def insert_records(tx: Unit, shape: Shape, records: Sequence[Values]) -> None:
    """Raises RecordsContradict where somebody else's record has come between the check and this."""
    try:
        tx.execute(_inserting(shape.table), records)
    except sa.exc.IntegrityError:
        raise RecordsContradict from None


def update_record(tx: Unit, shape: Shape, record_id: str, changed: Values) -> None:
    """Raises RecordsContradict as `insert_records` does."""
    statement = sa.update(shape.table).where(shape.table.c.id == sa.bindparam("of_id"))
    try:
        tx.execute(statement, {"of_id": record_id, **changed})
    except sa.exc.IntegrityError:
        raise RecordsContradict from None


def delete_record(tx: Unit, shape: Shape, record_id: str) -> None:
    """Raises RecordsContradict where something refers to it that the check has not seen."""
    try:
        tx.execute(sa.delete(shape.table).where(shape.table.c.id == sa.bindparam("of_id")), {"of_id": record_id})
    except sa.exc.IntegrityError:
        raise RecordsContradict from None


def refers(tx: Unit, shape: Shape, column: str, record_id: str, *, but: str | None = None) -> bool:
    """Whether a record has this reference, other than the record `but`."""
    statement = sa.select(sa.literal(1)).select_from(shape.table).where(shape.table.c[column] == record_id)
    if but is not None:
        statement = statement.where(shape.table.c.id != but)
    return tx.execute(statement.limit(1)).first() is not None


def known_values(
    tx: Unit, shape: Shape, columns: Sequence[str], wanted: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], str]:
    """Which of these combinations of values some record has, and whose id it is."""
    found: dict[tuple[Any, ...], str] = {}
    of = [shape.table.c[name] for name in columns]
    for batch in _batches(wanted):
        among = of[0].in_([each[0] for each in batch]) if len(of) == 1 else _any_of(of, batch)
        rows = tx.execute(sa.select(shape.table.c.id, *of).where(among))
        found.update((tuple(row[1:]), row[0]) for row in rows)
    return found


def _any_of(columns: Sequence[sa.Column[Any]], batch: Iterable[tuple[Any, ...]]) -> sa.ColumnElement[bool]:
    alike = (sa.and_(*(column == value for column, value in zip(columns, each, strict=True))) for each in batch)
    return sa.or_(sa.false(), *alike)


def _batches(wanted: Sequence[tuple[Any, ...]]) -> Iterable[Sequence[tuple[Any, ...]]]:
    return (wanted[at : at + CHOICES] for at in range(0, len(wanted), CHOICES))


def _values(row: sa.Row[Any] | None) -> Values | None:
    return None if row is None else dict(row._mapping)


@lru_cache(maxsize=256)
def _by_id(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).where(table.c.id == sa.bindparam("of_id"))


@lru_cache(maxsize=256)
def _inserting(table: sa.Table) -> sa.Insert:
    return sa.insert(table)
