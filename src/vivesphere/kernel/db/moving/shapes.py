"""The tables of a database as they are, and the same tables for the other kind of database.

The core's tables are made by the migrations, on both. Plugins' and users' tables are none of theirs: they are read off the
source. Whoever made them used the few column types that both databases keep alike (`column_types.py`).
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.ownership import RESERVED
from vivesphere.kernel.db.shape import keys, layout_of

VERSION_TABLE = "alembic_version"

_CAST = re.compile(r"::[a-z ]+(\(\d+\))?$")


class Shape(msgspec.Struct, frozen=True):
    """What is copied of one table: these columns, of which those at `booleans` hold truth values."""

    name: str
    columns: tuple[str, ...]
    booleans: tuple[int, ...]


def tables_of(connection: sa.Connection) -> Sequence[sa.Table]:
    """Every table but Alembic's. Each of the core comes after those it refers to; the others may refer to one another."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    tables = [table for table in metadata.tables.values() if table.name != VERSION_TABLE]
    core = sa.schema.sort_tables([table for table in tables if is_core(str(table.name))])
    return [*core, *sorted((table for table in tables if table not in core), key=lambda table: str(table.name))]


def revision_of(connection: sa.Connection) -> str | None:
    """None for a database that no migration has been run on."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608 - a constant
    return None if found is None else str(found)


def is_core(name: str) -> bool:
    """Whether the migrations make it."""
    return not name.startswith(RESERVED)


def shape_of(table: sa.Table) -> Shape:
    columns = tuple(table.columns)
    return Shape(
        name=str(table.name),
        columns=tuple(column.name for column in columns),
        booleans=tuple(place for place, column in enumerate(columns) if isinstance(column.type, sa.Boolean)),
    )


def compare(source: Collection[Shape], target: Collection[Shape]) -> None:
    """Raises MoveFailed if the target lacks a table or a column of the source, or has one of the core more."""
    there = {shape.name: shape for shape in target}
    for shape in source:
        if set(shape.columns) != set(there[shape.name].columns if shape.name in there else ()):
            raise MoveFailed(
                f"The table {shape.name} is not the same in both databases; bring both to the same version with "
                "`vivesphere db upgrade`, and try again."
            )
    if more := sorted(there.keys() - {shape.name for shape in source}):
        raise MoveFailed(f"The target has a table {more[0]} that the source does not have; name an empty one.")


def made_anew(tables: Sequence[sa.Table]) -> Sequence[sa.Table]:
    """The same tables on a metadata of their own, in types that both databases know."""
    metadata = sa.MetaData()
    return [_anew(table, metadata) for table in tables]


def _anew(table: sa.Table, metadata: sa.MetaData) -> sa.Table:
    """What is unique has an index (`ddl.py`), and a check nobody who makes such tables may write. The columns that `ddl.py`
    gives to every table are of its making here, too: each database makes their defaults in words of its own."""
    given = {str(column.name): column for column in keys(layout_of(str(table.name)))}
    columns = [given[each.name] if each.name in given else _column(each) for each in table.columns]
    copy = sa.Table(table.name, metadata, *columns)
    if key := [column.name for column in table.primary_key]:
        copy.append_constraint(sa.PrimaryKeyConstraint(*key))
    for constraint in table.foreign_key_constraints:
        to = [element.target_fullname for element in constraint.elements]
        copy.append_constraint(sa.ForeignKeyConstraint(constraint.column_keys, to, name=constraint.name))
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        sa.Index(index.name, *(copy.columns[column.name] for column in index.columns), unique=index.unique)
    return copy


def _column(column: sa.Column[Any]) -> sa.Column[Any]:
    kind = _type(column.type)
    return sa.Column(
        column.name,
        kind,
        nullable=bool(column.nullable),
        server_default=_default(column, kind),
        autoincrement=False,
    )


def _type(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """Both databases' names for what `column_types.py` has: boolean, 64-bit integer, double, bytes, text."""
    match kind:
        case sa.Boolean():
            return sa.Boolean()
        case sa.Integer():
            return sa.BigInteger()
        case sa.Float() | sa.Numeric():
            return sa.Double()
        case sa.LargeBinary():
            return sa.LargeBinary()
        case sa.String(length=int(length)):
            # Compared byte by byte on both.
            return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
        case _:
            return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _default(column: sa.Column[Any], kind: sa.types.TypeEngine[Any]) -> sa.TextClause | None:
    """A constant, as both databases write it."""
    if not isinstance(column.server_default, sa.DefaultClause):
        return None
    written = _CAST.sub("", str(column.server_default.arg))
    if isinstance(kind, sa.Boolean):
        written = "true" if written.lower() in {"1", "true"} else "false"
    return sa.text(written)
