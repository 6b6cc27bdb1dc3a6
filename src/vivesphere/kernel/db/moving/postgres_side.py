"""A PostgreSQL database as one end of a copy: rows come and go by COPY. Loaded only when one is: psycopg is heavy."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

import psycopg
import sqlalchemy as sa
from psycopg import sql

from vivesphere.kernel.db.moving.proof import Batches, Row
from vivesphere.kernel.db.moving.shapes import Shape
from vivesphere.kernel.db.moving.sides import BATCH

_NUMBERED = """
SELECT c.relname, pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname = ANY(%s)
"""


class PostgresSide:
    """The tables are those of the connection's current schema."""

    kind: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)  # noqa: S101 - narrows the type; whoever opens it names the driver
        self._raw: psycopg.Connection[Any] = raw

    def count(self, table: str) -> int:
        return int(self._one(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))))

    def rows(self, shape: Shape) -> Iterator[Sequence[Row]]:
        wanted = sql.SQL("SELECT {} FROM {}").format(_listed(shape), sql.Identifier(shape.name))
        with self._raw.cursor() as cursor:
            # The types as the server names them, so that what comes in binary is read as what it is.
            cursor.execute(sql.SQL("{} LIMIT 0").format(wanted))
            types = [column.type_code for column in cursor.description or ()]
            with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(wanted)) as copy:
                copy.set_types(types)
                coming = copy.rows()
                while batch := list(islice(coming, BATCH)):
                    yield batch

    def load(self, shape: Shape, batches: Batches) -> None:
        """One statement a table: rows may refer to rows that come after them. In text, in which 1 is a boolean, too."""
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(shape.name), _listed(shape))
        with self._raw.cursor() as cursor, cursor.copy(into) as copy:
            for batch in batches:
                for row in batch:
                    copy.write_row(row)

    def drop(self, tables: Sequence[str]) -> None:
        for name in tables:
            # Their keys may go round in a circle.
            self._raw.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))

    def make(self, tables: Sequence[sa.Table]) -> None:
        """Without their foreign keys, which rows that come later are to meet."""
        for table in tables:
            self.connection.execute(sa.schema.CreateTable(table, include_foreign_key_constraints=[]))

    def complete(self, tables: Sequence[sa.Table]) -> None:
        for table in tables:
            for index in sorted(table.indexes, key=lambda each: str(each.name)):
                index.create(self.connection)
            for key in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
                self.connection.execute(sa.schema.AddConstraint(key, isolate_from_table=False))
        # What counts goes on after the last row: a file counts without keeping where it is.
        for name, sequence in self._sequences([str(table.name) for table in tables]).items():
            last = sql.SQL("SELECT setval(%s::regclass, max(id)) FROM {} HAVING max(id) > 0").format(sql.Identifier(name))
            self._raw.execute(last, (sequence,))

    def numbers(self, tables: Sequence[str]) -> Mapping[str, int]:
        found = {}
        for table, sequence in self._sequences(tables).items():
            last, called = self._row(sql.SQL("SELECT last_value, is_called FROM {}").format(_name(sequence)))
            if called:
                found[table] = int(last)
        return found

    def set_numbers(self, numbers: Mapping[str, int]) -> None:
        for table, sequence in self._sequences(list(numbers)).items():
            self._raw.execute("SELECT setval(%s::regclass, %s, true)", (sequence, numbers[table]))

    def _sequences(self, tables: Sequence[str]) -> Mapping[str, str]:
        found = self._raw.execute(_NUMBERED, (list(tables),)).fetchall()
        return {table: sequence for table, sequence in found if sequence is not None}

    def _one(self, statement: sql.Composed) -> Any:
        return self._row(statement)[0]

    def _row(self, statement: sql.Composed) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._raw.execute(statement).fetchone()
        assert row is not None  # noqa: S101 - narrows the type; such a statement always has a row
        return row


def _name(sequence: str) -> sql.SQL:
    """As `pg_get_serial_sequence` gives it, quoted where it need be."""
    return sql.SQL(sequence)


def _listed(shape: Shape) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, shape.columns))
