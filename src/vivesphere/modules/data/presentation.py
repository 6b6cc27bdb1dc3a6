"""Tables and records as people see them."""

import msgspec

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.definition import Column
from vivesphere.kernel.db.shape import Shape
from vivesphere.kernel.principals import Principal
from vivesphere.modules.data.custom_table import CustomTable, Values
from vivesphere.modules.data.schemas import ColumnView, Record, TableView


def known(table: TableDescription) -> TableView:
    """A table that is not people's."""
    columns = tuple(ColumnView(name=column.name, type=column.type) for column in table.columns)
    return TableView(
        name=table.name,
        access_level=table.access_level,
        owner=table.owner,
        is_system=table.is_system,
        project=table.project,
        columns=columns,
    )


def custom(table: CustomTable, records: int | None) -> TableView:
    """A table that people made."""
    definition = table.defined
    return TableView(
        name=table.name,
        access_level="user",
        owner=Principal(table.created_by),
        is_system=False,
        project=table.project,
        columns=tuple(_column(column) for column in definition.columns),
        description=table.description,
        indexes=definition.indexes,
        records=records,
        version=table.version,
        created_at=table.created_at,
        updated_at=table.updated_at,
    )


def record(shape: Shape, values: Values) -> Record:
    """A record as JSON has it: id, version and times first, then the columns in their order."""
    return {name: _shown(shape, name, values[name]) for name in shape.fields}


def _column(column: Column) -> ColumnView:
    return msgspec.convert(column, ColumnView, from_attributes=True)


def _shown(shape: Shape, name: str, value: object) -> JSON:
    return None if value is None else shape.fields[name].type.show(value)
