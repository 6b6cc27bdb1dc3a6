"""How a custom table changes: what is asked, what is wrong with it, and the definition that comes of it."""

from collections.abc import Iterator, Mapping

import msgspec

from vivesphere.kernel.db.definition import Column, Index, Limits, TableDefinition, findings
from vivesphere.kernel.errors import FieldError


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """Carried out in this order: indexes and columns go, columns get other names, then columns and indexes come. So what comes
    is spoken of by its name afterwards, what goes by its name before. `rename_columns` is old name to new."""

    drop_indexes: tuple[str, ...] = ()
    drop_columns: tuple[str, ...] = ()
    rename_columns: Mapping[str, str] = {}
    add_columns: tuple[Column, ...] = ()
    add_indexes: tuple[Index, ...] = ()

    @property
    def empty(self) -> bool:
        return not any(getattr(self, field) for field in self.__struct_fields__)


def faults(definition: TableDefinition, asked: Alteration, limits: Limits) -> list[FieldError]:
    """Everything that is wrong with it; the pointers lead into the alteration."""
    found = [*_indexes(definition, asked), *_columns(definition, asked)]
    if found:
        return found
    to_be = altered(definition, asked)
    columns = len(to_be.columns) - len(asked.add_columns)
    indexes = len(to_be.indexes) - len(asked.add_indexes)
    return [
        FieldError(_moved(_moved(each.pointer, "columns", columns), "indexes", indexes), each.detail)
        for each in findings(to_be, limits)
    ]


def _moved(pointer: str, kind: str, kept: int) -> str:
    """From a place in the definition that would come of it to the place in the alteration that is to blame."""
    if not pointer.startswith(f"/{kind}"):
        return pointer
    _, _, number, *rest = f"{pointer}/".split("/")
    if not number:
        return f"/add_{kind}"
    at = int(number)
    return "/".join(["", f"add_{kind}", str(at - kept), *filter(None, rest)]) if at >= kept else "/rename_columns"


def altered(definition: TableDefinition, asked: Alteration) -> TableDefinition:
    """The definition after an alteration that fits. An index of a dropped column alone goes with it."""
    renamed = asked.rename_columns
    columns = [
        msgspec.structs.replace(column, name=renamed.get(column.name, column.name))
        for column in definition.columns
        if column.name not in asked.drop_columns
    ]
    indexes = [
        msgspec.structs.replace(index, columns=tuple(renamed.get(name, name) for name in index.columns))
        for index in definition.indexes
        if index.name not in asked.drop_indexes and index.columns[0] not in asked.drop_columns
    ]
    # `completed` would give a column whose own unique index was dropped by name a new one.
    unique = {index.columns[0] for index in indexes if index.unique and len(index.columns) == 1}
    kept = [msgspec.structs.replace(column, unique=column.name in unique) for column in columns]
    return TableDefinition(columns=(*kept, *asked.add_columns), indexes=(*indexes, *asked.add_indexes))


def _indexes(definition: TableDefinition, asked: Alteration) -> Iterator[FieldError]:
    names = {index.name for index in definition.indexes}
    for at, name in enumerate(asked.drop_indexes):
        if name not in names:
            yield FieldError(f"/drop_indexes/{at}", f"the table has no index {name!r}")


def _columns(definition: TableDefinition, asked: Alteration) -> Iterator[FieldError]:
    names = {column.name for column in definition.columns}
    for at, name in enumerate(asked.drop_columns):
        if name not in names:
            yield FieldError(f"/drop_columns/{at}", f"the table has no column {name!r}")
        for index in definition.indexes:
            if name in index.columns and len(index.columns) > 1 and index.name not in asked.drop_indexes:
                yield FieldError(f"/drop_columns/{at}", f"drop the index {index.name!r} as well, which it shares with others")
    staying = names - set(asked.drop_columns)
    for old, new in asked.rename_columns.items():
        if old not in staying:
            yield FieldError(f"/rename_columns/{old}", f"the table has no column {old!r} that stays")
        if new in staying:
            yield FieldError(f"/rename_columns/{old}", f"the table has a column {new!r} already")
