"""What a custom table is: its columns and indexes, and everything that can be wrong with them, told at once."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.db.column_types import SYSTEM_TYPES, TYPES, ColumnKind, ValueRefused
from vivesphere.kernel.errors import FieldError

LONGEST_NAME = 63
"""Bytes of an identifier, as PostgreSQL counts."""

LONGEST_TABLE = LONGEST_NAME - len("data_")
LONGEST_DEFAULT = 10_000
LONGEST_INDEX = 8
"""Columns of one index."""

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

_WORDS = (
    "add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both "
    "case cast check collate column commit constraint create cross current_catalog current_date current_role "
    "current_schema current_time current_timestamp current_user default deferrable delete desc distinct do drop "
    "else end escape except exists false fetch for foreign freeze from full glob grant group having if ilike in "
    "index indexed initially inner insert intersect into is isnull join lateral leading left like limit localtime "
    "localtimestamp match natural not nothing notnull null of off offset on only or order outer over overlaps "
    "placing primary raise references regexp returning right rowid select session_user set similar some symmetric "
    "table tablesample then to trailing transaction true union unique update user using values variadic verbose "
    "when where window with without"
)
RESERVED = frozenset(_WORDS.split())
"""Words that SQL keeps for itself on one of our databases: whoever writes SQL would have to quote such a name."""


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column. `default` is a JSON value of the column's type; `references` names the table a reference leads to."""

    name: Annotated[str, Meta(description="Lower-case words of letters and digits, joined by single underscores.")]
    type: ColumnKind
    required: bool = False
    unique: bool = False
    default: JSON = None
    references: str | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An index over one or more columns. Its `name` is given by the server."""

    columns: tuple[str, ...]
    unique: bool = False
    name: str = ""


class TableDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a definition may be."""

    columns: int = 100
    indexes: int = 20


def name_problem(name: str, longest: int = LONGEST_NAME) -> str | None:
    """What is wrong with the name of a table or column, as a clause; None if nothing is."""
    if not NAME.fullmatch(name):
        return "must be lower-case words of letters and digits that begin with a letter, joined by single underscores"
    if len(name) > longest:
        return f"has at most {longest} characters"
    if name in RESERVED:
        return f"cannot be {name!r}, a word of SQL; {name}_1 could be"
    return None


def findings(definition: TableDefinition, limits: Limits) -> list[FieldError]:
    """Everything that is wrong; the pointers lead into the definition. What `references` names is not looked up here."""
    found = [each for at, column in enumerate(definition.columns) for each in _column(f"/columns/{at}", column)]
    found += _twice("/columns", [column.name for column in definition.columns])
    if not definition.columns:
        found.append(FieldError("/columns", "a table has at least one column of its own"))
    if len(definition.columns) > limits.columns:
        found.append(FieldError("/columns", f"a table has at most {limits.columns} columns"))
    if len(completed("", definition).indexes) > limits.indexes:
        found.append(FieldError("/indexes", f"a table has at most {limits.indexes} indexes, those of unique columns included"))
    for at, index in enumerate(definition.indexes):
        found += _index(f"/indexes/{at}", index, definition)
    return found


def completed(table: str, definition: TableDefinition) -> TableDefinition:
    """The definition with every index it implies, all of them named, and `unique` said of exactly the columns that are.

    A unique column is one with a unique index of its own, so that both databases can add and drop it; a reference has an
    index, because whoever deletes what it leads to looks for it.
    """
    wanted = list(definition.indexes)
    for column in definition.columns:
        if column.unique and not _has(wanted, column.name, unique=True):
            wanted.append(Index(columns=(column.name,), unique=True))
        if column.type == "reference" and not _has(wanted, column.name):
            wanted.append(Index(columns=(column.name,)))
    taken = {index.name for index in wanted if index.name}
    named = []
    for index in wanted:
        name = index.name or _index_name(table, index.columns, taken)
        taken.add(name)
        named.append(msgspec.structs.replace(index, name=name))
    columns = [msgspec.structs.replace(each, unique=_has(named, each.name, unique=True)) for each in definition.columns]
    return TableDefinition(columns=tuple(columns), indexes=tuple(named))


def _has(indexes: Iterable[Index], column: str, *, unique: bool = False) -> bool:
    return any(index.columns == (column,) and (index.unique or not unique) for index in indexes)


def _index_name(table: str, columns: Sequence[str], taken: Iterable[str]) -> str:
    """No table has such a name, nor another table such an index: only here are words joined by two underscores in a row."""
    full = "__".join((table, *columns))
    number = 1
    while True:
        name = full if number == 1 else f"{full}__{number}"
        if len(name) > LONGEST_NAME:
            name = f"{name[:45]}__{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        if name not in taken:
            return name
        number += 1


def _column(at: str, column: Column) -> Iterator[FieldError]:
    if problem := name_problem(column.name):
        yield FieldError(f"{at}/name", problem)
    elif column.name in SYSTEM_TYPES:
        yield FieldError(f"{at}/name", f"cannot be {column.name!r}: every table has that column already")
    if (column.type == "reference") != (column.references is not None):
        yield FieldError(f"{at}/references", "names the table that a column of type reference leads to, and no other type's")
    if column.unique and column.type == "json":
        yield FieldError(f"{at}/unique", "a json column cannot be unique")
    if column.default is not None:
        yield from _default(f"{at}/default", column)


def _default(at: str, column: Column) -> Iterator[FieldError]:
    if column.unique or column.type == "reference":
        yield FieldError(at, "a unique column or a reference has no default: two records would share it")
        return
    try:
        TYPES[column.type].read(column.default)
    except ValueRefused as refused:
        yield FieldError(at, str(refused))
        return
    if len(msgspec.json.encode(column.default)) > LONGEST_DEFAULT:
        yield FieldError(at, f"has at most {LONGEST_DEFAULT:,} bytes")


def _index(at: str, index: Index, definition: TableDefinition) -> Iterator[FieldError]:
    if not 1 <= len(index.columns) <= LONGEST_INDEX:
        yield FieldError(f"{at}/columns", f"an index has 1 to {LONGEST_INDEX} columns")
    yield from _twice(f"{at}/columns", index.columns)
    for position, name in enumerate(index.columns):
        column = definition.column(name)
        if column is None and name not in SYSTEM_TYPES:
            yield FieldError(f"{at}/columns/{position}", f"the table has no column {name!r}")
        elif column is not None and column.type == "json":
            yield FieldError(f"{at}/columns/{position}", "a json column cannot be indexed")


def _twice(at: str, names: Iterable[str]) -> Iterator[FieldError]:
    for name, count in Counter(names).items():
        if count > 1:
            yield FieldError(at, f"names {name!r} {count} times")
