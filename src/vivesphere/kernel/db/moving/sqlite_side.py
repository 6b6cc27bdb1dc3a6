"""A SQLite file as one end of a copy."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from vivesphere.kernel.db.moving.errors import MoveFailed
from vivesphere.kernel.db.moving.proof import Batches, Row
from vivesphere.kernel.db.moving.shapes import Shape
from vivesphere.kernel.db.moving.sides import BATCH


class SqliteSide:
    """Foreign keys are off on the connection and looked at in the end: the order of rows in a table is nobody's business."""

    kind: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - narrows the type; whoever opens it names the driver
        self._raw = raw

    def count(self, table: str) -> int:
        (count,) = self._raw.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()  # noqa: S608 - a quoted name
        return int(count)

    def rows(self, shape: Shape) -> Iterator[Sequence[Row]]:
        cursor = self._raw.execute(f"SELECT {_listed(shape)} FROM {_quoted(shape.name)}")  # noqa: S608 - quoted names
        while batch := cursor.fetchmany(BATCH):
            yield batch

    def load(self, shape: Shape, batches: Batches) -> None:
        places = ", ".join("?" * len(shape.columns))
        insert = f"INSERT INTO {_quoted(shape.name)} ({_listed(shape)}) VALUES ({places})"  # noqa: S608 - quoted names
        for batch in batches:
            self._raw.executemany(insert, batch)

    def drop(self, tables: Sequence[str]) -> None:
        for name in tables:
            self._raw.execute(f"DROP TABLE {_quoted(name)}")

    def make(self, tables: Sequence[sa.Table]) -> None:
        """A key stands with its column: so SQLite can drop the column again, and so `ddl.py` makes them."""
        dialect = self.connection.dialect
        for table in tables:
            columns = [
                f"{sa.schema.CreateColumn(column).compile(dialect=dialect)}{_leads_to(column)}" for column in table.columns
            ]
            if key := [_quoted(column.name) for column in table.primary_key]:
                columns.append(f"PRIMARY KEY ({', '.join(key)})")
            self._raw.execute(f"CREATE TABLE {_quoted(table.name)} ({', '.join(columns)})")

    def complete(self, tables: Sequence[sa.Table]) -> None:
        for table in tables:
            for index in sorted(table.indexes, key=lambda each: str(each.name)):
                index.create(self.connection)
        broken = self._raw.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise MoveFailed(
                f"Rows of {broken[0]} refer to rows of {broken[2]} that are not there; `vivesphere db check` tells."
            )

    def numbers(self, tables: Sequence[str]) -> Mapping[str, int]:
        given = dict(self._raw.execute("SELECT name, seq FROM sqlite_sequence"))
        return {name: given[name] for name in tables if name in given}

    def set_numbers(self, numbers: Mapping[str, int]) -> None:
        for name, number in numbers.items():
            self._raw.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            self._raw.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))


def _leads_to(column: sa.Column[Any]) -> str:
    return "".join(f" REFERENCES {_quoted(table)} ({_quoted(to)})" for table, _, to in _keys(column))


def _keys(column: sa.Column[Any]) -> Sequence[tuple[str, str, str]]:
    return [key.target_fullname.partition(".") for key in column.foreign_keys]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _listed(shape: Shape) -> str:
    return ", ".join(map(_quoted, shape.columns))
