"""What may be done with custom tables, inside one unit of work."""

from collections.abc import Mapping

import msgspec

from vivesphere.contracts.data import TableChanged, TableCreated, TableDropped
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.alteration import Alteration, altered, faults
from vivesphere.kernel.db.definition import LONGEST_TABLE, Column, Index, TableDefinition, completed, findings, name_problem
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.shape import encoded
from vivesphere.kernel.errors import FieldError
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import Principal
from vivesphere.modules.data import presentation, repository
from vivesphere.modules.data.custom_table import CustomTable, Versions, limits_of
from vivesphere.modules.data.errors import (
    DefinitionInvalid,
    TableNameTaken,
    TableReferred,
    TableUnknown,
    TooManyTables,
    VersionOld,
)
from vivesphere.modules.data.schemas import TableChange, TableInput, TableView
from vivesphere.modules.data.settings import DataSettings


def find_table(tx: Unit, name: str) -> CustomTable:
    """The table, if it is in the unit's project. Raises TableUnknown."""
    table = repository.custom_table(tx, name)
    if table is None or table.project != tx.cause.project:
        raise TableUnknown(name)
    return table


def list_tables(tx: Unit) -> list[CustomTable]:
    """Every table of the unit's project, by name."""
    return repository.custom_tables(tx)


def count_records(tx: Unit, tables: list[CustomTable]) -> Mapping[str, int]:
    """How many records each has, by name. One that was dropped meanwhile has no place."""
    there = {table.name: table for table in repository.custom_tables(tx)}
    return {table.name: repository.count(tx, there[table.name].shape) for table in tables if table.name in there}


def create_table(tx: Unit, asked: TableInput, settings: DataSettings) -> TableView:
    """Make a table. Raises DefinitionInvalid, TableNameTaken or TooManyTables."""
    definition = TableDefinition(columns=asked.columns, indexes=tuple(_index(each) for each in asked.indexes))
    problem = name_problem(asked.name, LONGEST_TABLE)
    found = [FieldError("/name", problem)] if problem else []
    found += findings(definition, limits_of(settings))
    found += _unknown_references(tx, asked.columns, "/columns", asked.name)
    if found:
        raise DefinitionInvalid(found)
    if repository.custom_table(tx, asked.name) is not None:
        raise TableNameTaken(asked.name)
    if repository.table_count(tx) >= settings.tables:
        raise TooManyTables(settings.tables)
    now = tx.now()
    table = CustomTable(
        id=new_id(),
        name=asked.name,
        project=tx.cause.project,
        description=asked.description,
        definition="",
        version=1,
        created_by=tx.cause.actor,
        created_at=now,
        updated_at=now,
    )
    table = msgspec.structs.replace(table, definition=encoded(completed(table.stored_as, definition)).decode())
    repository.insert_table(tx, table, _description(table))
    tx.emit(TableCreated(table=table.name, table_id=table.id))
    return presentation.custom(table, 0)


def change_table(tx: Unit, name: str, asked: TableChange, seen: Versions, settings: DataSettings) -> TableView:
    """Change a table as it is now. Raises TableUnknown, VersionOld, DefinitionInvalid or ValuesNotUnique."""
    table = find_table(tx, name)
    check_table_version(table, seen)
    alteration = Alteration(
        drop_indexes=asked.drop_indexes,
        drop_columns=asked.drop_columns,
        rename_columns=asked.rename_columns,
        add_columns=asked.add_columns,
        add_indexes=tuple(_index(each) for each in asked.add_indexes),
    )
    found = faults(table.defined, alteration, limits_of(settings))
    found += _unknown_references(tx, asked.add_columns, "/add_columns", name)
    found += _impossible(tx, table, asked.add_columns)
    if found:
        raise DefinitionInvalid(found)
    new = completed(table.stored_as, altered(table.defined, alteration))
    changed = msgspec.structs.replace(
        table,
        description=table.description if asked.description is None else asked.description,
        definition=encoded(new).decode(),
        version=table.version + 1,
        updated_at=tx.now(),
    )
    if not alteration.empty:
        repository.alter_table(tx, _description(table), table.defined, new, alteration)
    repository.update_table(tx, changed)
    tx.emit(TableChanged(table=name, table_id=table.id, version=changed.version))
    return presentation.custom(changed, repository.count(tx, changed.shape))


def drop_table(tx: Unit, name: str, seen: Versions) -> None:
    """Drop a table with its records. Raises TableUnknown, VersionOld, or TableReferred if other tables refer to it."""
    table = find_table(tx, name)
    check_table_version(table, seen)
    if by := [f"{other.name}.{column.name}" for other, column in referring(tx, name) if other.name != name]:
        raise TableReferred(name, by)
    repository.delete_table(tx, table)
    tx.emit(TableDropped(table=name, table_id=table.id))


def referring(tx: Unit, name: str) -> list[tuple[CustomTable, Column]]:
    """The columns of the project's tables that lead to this one."""
    return [
        (table, column)
        for table in repository.custom_tables(tx)
        for column in table.shape.own.values()
        if column.references == name
    ]


def check_table_version(table: CustomTable, seen: Versions) -> None:
    if seen is not None and table.version not in seen:
        raise VersionOld(f"The table {table.name!r}", table.version)


def _unknown_references(tx: Unit, columns: tuple[Column, ...], at: str, itself: str) -> list[FieldError]:
    wanted = {column.references for column in columns if column.references is not None}
    known = {table.name for table in repository.custom_tables(tx)} | {itself} if wanted else set()
    return [
        FieldError(f"{at}/{number}/references", f"there is no table {column.references!r} in this project")
        for number, column in enumerate(columns)
        if column.references is not None and column.references not in known
    ]


def _impossible(tx: Unit, table: CustomTable, added: tuple[Column, ...]) -> list[FieldError]:
    """What records that are there could not have."""
    wrong = [number for number, column in enumerate(added) if column.required and column.default is None]
    if not wrong or not repository.has_records(tx, table.shape):
        return []
    detail = "needs a default, because the table has records; or let it not be required"
    return [FieldError(f"/add_columns/{number}/required", detail) for number in wrong]


def _index(asked: object) -> Index:
    return msgspec.convert(asked, Index, from_attributes=True)


def _description(table: CustomTable) -> TableDescription:
    return TableDescription(
        name=table.stored_as,
        access_level="user",
        owner=Principal(table.created_by),
        is_system=False,
        project=table.project,
    )
