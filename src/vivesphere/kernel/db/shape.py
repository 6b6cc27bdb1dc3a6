"""The shape of a custom table: what it is for statements, and what its columns are for whoever reads and writes records."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from vivesphere.kernel.db.column_types import SYSTEM_TYPES, TYPES, ColumnType, Field
from vivesphere.kernel.db.definition import Column, TableDefinition
from vivesphere.kernel.db.types import Id

Layout = Literal["records", "rows"]
"""`records`: people's, with an id that is a UUID, a version and two times. `rows`: a plugin's, with an id that counts."""

CACHED_SHAPES = 256

# Compared byte by byte on both.
_RECORD_ID = Id().with_variant(sa.String(36, collation="C"), "postgresql")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Shape(msgspec.Struct, frozen=True):
    """`fields` are all columns by name, those that every table has first; `own` the columns of the definition."""

    table: sa.Table
    fields: Mapping[str, Field]
    own: Mapping[str, Column]


@lru_cache(maxsize=CACHED_SHAPES)
def shape_of(name: str, definition: bytes, layout: Layout = "records") -> Shape:
    """The shape of the table that the database calls `name`. Of the encoded definition, so that all who ask share one, and
    with it SQLAlchemy's compiled statements."""
    own = {column.name: column for column in msgspec.json.decode(definition, type=TableDefinition).columns}
    table = sa.Table(name, metadata(), *keys(layout), *(_sql_column(column, layout) for column in own.values()))
    return Shape(table, {str(each.name): Field(each, _type_of(each.name, own)) for each in table.columns}, own)


def encoded(definition: TableDefinition) -> bytes:
    """What `shape_of` takes."""
    return msgspec.json.encode(definition)


def metadata() -> sa.MetaData:
    """The name that PostgreSQL would choose for a key, `data_a_pkey`, could be another table's."""
    return sa.MetaData(naming_convention={"pk": "pk__%(table_name)s"})


def layout_of(name: str) -> Layout:
    """The layout of the table that the database calls so: a plugin's or one of people."""
    return "rows" if name.startswith("ext_") else "records"


def keys(layout: Layout) -> Iterator[sa.Column[Any]]:
    """The columns that every table of this layout has."""
    if layout == "rows":
        # SQLite counts only in a column that is exactly INTEGER.
        yield sa.Column("id", _ROW_ID, sa.Identity(), primary_key=True)
        return
    yield sa.Column("id", _RECORD_ID, primary_key=True, server_default=_FreshId())
    yield sa.Column("version", SYSTEM_TYPES["version"].sql, nullable=False, server_default=sa.text("1"))
    for name in ("created_at", "updated_at"):
        yield sa.Column(name, SYSTEM_TYPES[name].sql, nullable=False, server_default=_Now())


def _sql_column(column: Column, layout: Layout) -> sa.Column[Any]:
    kind = TYPES[column.type]
    sql = _ROW_ID if column.type == "reference" and layout == "rows" else kind.sql
    default = None if column.default is None else sa.literal(kind.read(column.default), sql)
    return sa.Column(column.name, sql, nullable=not column.required, server_default=default)


def _type_of(name: str, own: Mapping[str, Column]) -> ColumnType:
    return TYPES[own[name].type] if name in own else SYSTEM_TYPES[name]


class _FreshId(sa.sql.expression.ColumnElement[str]):
    """A UUIDv7 (RFC 9562) made by the database, for records that are written in SQL without one."""

    inherit_cache = True


class _Now(sa.sql.expression.ColumnElement[int]):
    """The time in microseconds since 1970 UTC, by the database's clock; SQLite knows milliseconds."""

    inherit_cache = True


@compiles(_FreshId, "sqlite")
def _fresh_id_on_sqlite(_element: _FreshId, _compiler: SQLCompiler, **_options: Any) -> str:
    at = "printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
    tail = "lower(substr(hex(randomblob(2)), 1, 3)) || '-8' || lower(substr(hex(randomblob(2)), 1, 3))"
    return f"(substr({at}, 1, 8) || '-' || substr({at}, 9) || '-7' || {tail} || '-' || lower(hex(randomblob(6))))"


@compiles(_FreshId, "postgresql")
def _fresh_id_on_postgresql(_element: _FreshId, _compiler: SQLCompiler, **_options: Any) -> str:
    at = "lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')"
    return f"(substr({at}, 1, 8) || '-' || substr({at}, 9) || '-7' || substr(gen_random_uuid()::text, 16))"


@compiles(_Now, "sqlite")
def _now_on_sqlite(_element: _Now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000)"


@compiles(_Now, "postgresql")
def _now_on_postgresql(_element: _Now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((extract(epoch from clock_timestamp()) * 1000000)::bigint)"
