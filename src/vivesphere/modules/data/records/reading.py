"""From the JSON of a record to the values that its table keeps. Pure functions; everything that is wrong is told at once."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches

import msgspec

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.column_types import SYSTEM_TYPES, TYPES, ColumnType, ValueRefused
from vivesphere.kernel.db.definition import Column
from vivesphere.kernel.db.shape import Shape
from vivesphere.kernel.errors import FieldError
from vivesphere.kernel.field_errors import did_you_mean, escaped
from vivesphere.kernel.ids import new_id
from vivesphere.modules.data.custom_table import Values
from vivesphere.modules.data.schemas import Record

SET_BY_SERVER = SYSTEM_TYPES.keys() - {"id"}
"""Members of a record that nobody else sets. They are ignored, so that a record can be sent back as it came."""


def new_values(shape: Shape, given: Record, value_bytes: int, now: datetime) -> tuple[Values, list[FieldError]]:
    """The values of a new record, and what is wrong with it; the pointers lead into the record. An id may be given."""
    found = list(_strangers(shape, given))
    values: Values = {"id": _id(given, found), "version": 1, "created_at": now, "updated_at": now}
    for name, column in shape.own.items():
        if name in given:
            values[name] = _value(column, given[name], value_bytes, found)
        elif column.required and column.default is None:
            found.append(FieldError(f"/{name}", "is required"))
        else:
            values[name] = None if column.default is None else TYPES[column.type].read(column.default)
    return values, found


def changed_values(
    shape: Shape, present: Values, given: Record, value_bytes: int, now: datetime
) -> tuple[Values, list[FieldError]]:
    """Of a record that is there, what would be another value; nothing if all is the same."""
    found = list(_strangers(shape, given))
    if given.get("id", present["id"]) != present["id"]:
        found.append(FieldError("/id", "cannot be changed"))
    read = {name: _value(shape.own[name], given[name], value_bytes, found) for name in given if name in shape.own}
    values = {name: value for name, value in read.items() if value != present[name] or type(value) is not type(present[name])}
    return (values | {"version": present["version"] + 1, "updated_at": now} if values else {}), found


def from_cells(shape: Shape, cells: Mapping[str, str]) -> tuple[Record, list[FieldError]]:
    """A line of CSV as the JSON of a record. An empty cell is no value: CSV has no other way to say so."""
    record: Record = {}
    found: list[FieldError] = []
    for name, cell in cells.items():
        if not cell or name in SET_BY_SERVER:
            continue
        try:
            record[name] = _type_of(shape.own.get(name)).parse(cell)
        except ValueRefused as refused:
            found.append(FieldError(f"/{name}", str(refused)))
    return record, found


def _type_of(column: Column | None) -> ColumnType:
    return SYSTEM_TYPES["id"] if column is None else TYPES[column.type]


def _strangers(shape: Shape, given: Record) -> Iterator[FieldError]:
    for name in given:
        if name not in shape.fields:
            near = get_close_matches(name, shape.own, n=2)
            yield FieldError(f"/{escaped(name)}", f"is no column of the table{did_you_mean(near)}")


def _id(given: Record, found: list[FieldError]) -> str | None:
    if given.get("id") is None:
        return new_id()
    try:
        read: str = SYSTEM_TYPES["id"].read(given["id"])
    except ValueRefused as refused:
        found.append(FieldError("/id", str(refused)))
        return None
    return read


def _value(column: Column, given: JSON, value_bytes: int, found: list[FieldError]) -> object:
    if given is None:
        if column.required:
            found.append(FieldError(f"/{column.name}", "is required, and cannot be null"))
        return None
    try:
        value = TYPES[column.type].read(given)
        if column.type in ("text", "json") and _bytes(value) > value_bytes:
            raise ValueRefused(f"has at most {value_bytes:,} bytes (setting data.value_bytes)")
    except ValueRefused as refused:
        found.append(FieldError(f"/{column.name}", str(refused)))
        return None
    return value


def _bytes(value: object) -> int:
    return len(value.encode()) if isinstance(value, str) else len(msgspec.json.encode(value))
