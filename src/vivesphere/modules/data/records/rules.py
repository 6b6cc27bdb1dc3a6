"""What may be done with the records of custom tables, inside one unit of work."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec

from vivesphere.contracts.data import RecordChanged, RecordCreated, RecordDeleted
from vivesphere.kernel.db.column_types import SYSTEM_TYPES, ValueRefused
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.db.selections import Selection
from vivesphere.kernel.db.shape import Shape
from vivesphere.kernel.errors import FieldError
from vivesphere.modules.data import presentation, repository
from vivesphere.modules.data.custom_table import CustomTable, Values, Versions
from vivesphere.modules.data.errors import RecordInvalid, RecordReferred, RecordUnknown, ValuesTaken, VersionOld
from vivesphere.modules.data.records.reading import changed_values, new_values
from vivesphere.modules.data.schemas import Record
from vivesphere.modules.data.tables.rules import find_table, referring


class Clash(msgspec.Struct, frozen=True):
    """What a record, by its place among those that come, contradicts: a value that is `taken`, or a reference to nothing."""

    place: int
    error: FieldError
    taken: bool


def create_record(tx: Unit, name: str, given: Record, value_bytes: int) -> Record:
    """Raises TableUnknown, RecordInvalid, ValuesTaken or RecordsContradict."""
    return _create(tx, find_table(tx, name), [given], value_bytes, lambda _: "")[0]


def create_records(tx: Unit, name: str, given: Sequence[Record], value_bytes: int) -> list[str]:
    """All of them or none; their ids. Raises what `create_record` does."""
    made = _create(tx, find_table(tx, name), given, value_bytes, lambda place: f"/records/{place}")
    return [record["id"] for record in made]


def find_record(tx: Unit, name: str, record_id: str) -> Record:
    """Raises TableUnknown or RecordUnknown."""
    table = find_table(tx, name)
    return presentation.record(table.shape, _find(tx, table, record_id))


def list_records(tx: Unit, name: str, asked: Selection, limit: int) -> tuple[Shape, list[Record]]:
    """Raises TableUnknown, or InvalidInput for a selection that the table cannot answer."""
    shape = find_table(tx, name).shape
    return shape, [presentation.record(shape, values) for values in repository.record_page(tx, shape, asked, limit)]


def change_record(tx: Unit, name: str, record_id: str, given: Record, seen: Versions, *, value_bytes: int) -> Record:
    """Change the columns that are given; nothing happens where all of them have that value already."""
    table = find_table(tx, name)
    present = _find(tx, table, record_id)
    _check_version(present, seen)
    changed, wrong = changed_values(table.shape, present, given, value_bytes, tx.now())
    if wrong:
        raise RecordInvalid(wrong)
    if not changed:
        return presentation.record(table.shape, present)
    values = present | changed
    _refuse(clashes(tx, table, [values], itself=present["id"]), lambda _: "")
    repository.update_record(tx, table.shape, present["id"], changed)
    columns = tuple(column for column in table.shape.own if column in changed)
    tx.emit(RecordChanged(table=name, record_id=present["id"], version=values["version"], columns=columns))
    return presentation.record(table.shape, values)


def delete_record(tx: Unit, name: str, record_id: str, seen: Versions) -> None:
    """Raises RecordReferred where another record refers to it."""
    table = find_table(tx, name)
    present = _find(tx, table, record_id)
    _check_version(present, seen)
    for other, column in referring(tx, name):
        itself = present["id"] if other.name == name else None
        if repository.refers(tx, other.shape, column.name, present["id"], but=itself):
            raise RecordReferred(present["id"], f"{other.name}.{column.name}")
    repository.delete_record(tx, table.shape, present["id"])
    tx.emit(RecordDeleted(table=name, record_id=present["id"]))


def clashes(
    tx: Unit, table: CustomTable, records: Sequence[Values], *, named: Collection[str] = (), itself: str | None = None
) -> list[Clash]:
    """What the records contradict, in the table and among themselves. Where nobody else writes it is all that the database
    could refuse them for, and it has a place and a sentence. `named` are ids that were not made here; `itself` is the record
    that is changed."""
    ids = [values["id"] if values["id"] in named else None for values in records]
    found = list(_lost_references(tx, table, records))
    found += _taken_values(tx, table, ("id",), [(each,) for each in ids], itself)
    for index in table.defined.indexes:
        if index.unique:
            combined = [tuple(values[name] for name in index.columns) for values in records]
            found += _taken_values(tx, table, index.columns, combined, itself)
    return found


def _create(tx: Unit, table: CustomTable, given: Sequence[Record], value_bytes: int, at: Callable[[int], str]) -> list[Record]:
    now = tx.now()
    read = [new_values(table.shape, record, value_bytes, now) for record in given]
    if wrong := [_below(at(place), each) for place, (_, found) in enumerate(read) for each in found]:
        raise RecordInvalid(wrong)
    records = [values for values, _ in read]
    named = {values["id"] for record, values in zip(given, records, strict=True) if record.get("id") is not None}
    _refuse(clashes(tx, table, records, named=named), at)
    repository.insert_records(tx, table.shape, records)
    for values in records:
        tx.emit(RecordCreated(table=table.name, record_id=values["id"]))
    return [presentation.record(table.shape, values) for values in records]


def _refuse(found: Sequence[Clash], at: Callable[[int], str]) -> None:
    if lost := [_below(at(clash.place), clash.error) for clash in found if not clash.taken]:
        raise RecordInvalid(lost)
    if found:
        raise ValuesTaken([_below(at(clash.place), clash.error) for clash in found])


def _lost_references(tx: Unit, table: CustomTable, records: Sequence[Values]) -> Iterator[Clash]:
    for column in table.shape.own.values():
        if column.references is None:
            continue
        wanted = list(dict.fromkeys((values[column.name],) for values in records if values[column.name] is not None))
        target = repository.custom_table(tx, column.references)
        assert target is not None  # noqa: S101 - a table that is referred to is not dropped
        known = {value for (value,) in repository.known_values(tx, target.shape, ("id",), wanted)} if wanted else set()
        for place, values in enumerate(records):
            if column.references == table.name:
                known.add(values["id"])
            if values[column.name] is not None and values[column.name] not in known:
                detail = f"leads to no record of {column.references!r}"
                yield Clash(place, FieldError(f"/{column.name}", detail), taken=False)


def _taken_values(
    tx: Unit, table: CustomTable, columns: tuple[str, ...], combined: Sequence[tuple[Any, ...]], itself: str | None
) -> Iterator[Clash]:
    """Combinations that another record has. One with a null in it is nobody's."""
    wanted = list(dict.fromkeys(each for each in combined if None not in each))
    known = repository.known_values(tx, table.shape, columns, wanted)
    among_them = set[tuple[Any, ...]]()
    for place, each in enumerate(combined):
        if None in each:
            continue
        if each in among_them or known.get(each, itself) != itself:
            yield Clash(place, FieldError(f"/{columns[0]}", _taken(columns)), taken=True)
        among_them.add(each)


def _taken(columns: Sequence[str]) -> str:
    return "is taken" if len(columns) == 1 else f"is taken, together with {' and '.join(columns[1:])}"


def _find(tx: Unit, table: CustomTable, record_id: str) -> dict[str, Any]:
    try:
        values = repository.record(tx, table.shape, SYSTEM_TYPES["id"].read(record_id))
    except ValueRefused:
        values = None
    if values is None:
        raise RecordUnknown(table.name, record_id)
    return values


def _check_version(present: Values, seen: Versions) -> None:
    if seen is not None and present["version"] not in seen:
        raise VersionOld(f"The record {present['id']}", present["version"])


def _below(parent: str, error: FieldError) -> FieldError:
    return FieldError(parent + error.pointer, error.detail)
