"""Makes, changes and drops the tables of people and plugins, on both databases, inside a unit of work with the host's rights.

A table comes up column by column: what SQLite writes into a column itself (`REFERENCES` and all), it can also take away again,
so that no change needs a table rebuilt. What is unique is an index for the same reason. After the commit the caller puts the
new policy in force (`refresh_access`); until then nobody can touch a table that has come.
"""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable, DropIndex, DropTable, ExecutableDDLElement
from sqlalchemy.sql.compiler import DDLCompiler

from vivesphere.kernel.db import grants, table_records
from vivesphere.kernel.db.access import ColumnDescription, TableDescription
from vivesphere.kernel.db.alteration import Alteration
from vivesphere.kernel.db.column_types import SYSTEM_TYPES
from vivesphere.kernel.db.definition import Index, TableDefinition
from vivesphere.kernel.db.shape import Layout, encoded, keys, metadata, shape_of
from vivesphere.kernel.db.unit import Unit


def user_table(name: str) -> str:
    """What the database calls a table that people named so."""
    return f"data_{name}"


def plugin_table(plugin_id: str, name: str) -> str:
    """What the database calls a table that a plugin named so."""
    return f"ext_{plugin_id}__{name}"


def create(tx: Unit, description: TableDescription, definition: TableDefinition, layout: Layout = "records") -> None:
    """Make a table whose definition is `completed`, and register it. `description.columns` are filled in here."""
    table = shape_of(description.name, encoded(definition), layout).table
    with tx.as_host():
        tx.execute(CreateTable(sa.Table(description.name, metadata(), *keys(layout))))
        for column in definition.columns:
            tx.execute(_AddColumn(table, column))
        for index in definition.indexes:
            tx.execute(CreateIndex(_index(table, index)))
        table_records.write_down(tx, _described(description, table, definition), tx.now())


def alter(
    tx: Unit,
    description: TableDescription,
    old: TableDefinition,
    new: TableDefinition,
    *,
    asked: Alteration,
    layout: Layout = "records",
) -> None:
    """Change a table from one `completed` definition to another, which is what the alteration makes of it.

    Raises SQLAlchemy's IntegrityError when a unique index comes and the table has equal values.
    """
    before, after = (shape_of(description.name, encoded(each), layout).table for each in (old, new))
    known = {index.name for index in old.indexes}
    staying = {index.name for index in new.indexes}
    with tx.as_host():
        for index in old.indexes:
            if index.name not in staying:
                tx.execute(DropIndex(_index(before, index)))
        for name in asked.drop_columns:
            tx.execute(_DropColumn(before, name))
        for name, to in asked.rename_columns.items():
            tx.execute(_RenameColumn(before, name, to))
        for column in asked.add_columns:
            tx.execute(_AddColumn(after, column))
        for index in new.indexes:
            if index.name not in known:
                tx.execute(CreateIndex(_index(after, index)))
        table_records.write_down(tx, _described(description, after, new), tx.now())


def drop(tx: Unit, name: str) -> None:
    """Drop a table, its records, its grants and its registration. Whoever refers to it has to be asked before."""
    with tx.as_host():
        tx.execute(DropTable(sa.Table(name, metadata())))
        grants.forget_table(tx, name)
        table_records.strike_out(tx, name)


def _index(table: sa.Table, index: Index) -> sa.Index:
    return sa.Index(index.name, *(table.c[name] for name in index.columns), unique=index.unique)


def _described(description: TableDescription, table: sa.Table, definition: TableDefinition) -> TableDescription:
    kinds = {column.name: column.type for column in definition.columns}
    system = {name: kind.kind for name, kind in SYSTEM_TYPES.items()}
    columns = tuple(ColumnDescription(str(each.name), kinds.get(each.name) or system[each.name]) for each in table.columns)
    return msgspec.structs.replace(description, columns=columns)


class _OnColumn(ExecutableDDLElement):
    """SQLAlchemy's DDL has no words for the columns of a table that is there."""

    def __init__(self, table: sa.Table, *details: Any) -> None:
        self.table = table
        self.details = details


class _AddColumn(_OnColumn):
    pass


class _DropColumn(_OnColumn):
    pass


class _RenameColumn(_OnColumn):
    pass


@compiles(_AddColumn)
def _add_column(element: _AddColumn, compiler: DDLCompiler, **_options: Any) -> str:
    (column,) = element.details
    prepare = compiler.preparer
    specification = compiler.process(CreateColumn(element.table.c[column.name]))
    leads_to = ""
    if column.references is not None:
        own, separator, _ = element.table.name.partition("__")
        prefix = own + separator if separator else "data_"
        leads_to = f" REFERENCES {prepare.quote(prefix + column.references)} (id)"
    return f"ALTER TABLE {prepare.format_table(element.table)} ADD COLUMN {specification}{leads_to}"


@compiles(_DropColumn)
def _drop_column(element: _DropColumn, compiler: DDLCompiler, **_options: Any) -> str:
    (name,) = element.details
    return f"ALTER TABLE {compiler.preparer.format_table(element.table)} DROP COLUMN {compiler.preparer.quote(name)}"


@compiles(_RenameColumn)
def _rename_column(element: _RenameColumn, compiler: DDLCompiler, **_options: Any) -> str:
    old, new = map(compiler.preparer.quote, element.details)
    return f"ALTER TABLE {compiler.preparer.format_table(element.table)} RENAME COLUMN {old} TO {new}"
