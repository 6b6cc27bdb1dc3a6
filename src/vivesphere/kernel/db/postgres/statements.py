"""Which kinds of statements a unit of work may send: PostgreSQL asks nobody, as SQLite asks its authorizer.

Grants say which tables a role may touch, and hold against any text. What they do not say is that a unit leaves its transaction,
its session and the schema alone. The kind of a statement is its first word, and one text is one statement: a unit's go by the
extended protocol, which takes no more.
"""

import re
from functools import lru_cache
from typing import Any

import psycopg
from psycopg._queries import PostgresQuery

from vivesphere.kernel.db.access import Action

_ALLOWED = frozenset({"select", "with", "insert", "update", "delete", "values", "savepoint", "release"})
_BLANK = re.compile(r"(?:\s|--[^\r\n]*(?:[\r\n]|$)|\()*")
_WORD = re.compile(r"[a-z]+", re.IGNORECASE | re.ASCII)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_BACK_TO_A_SAVEPOINT = re.compile(r"rollback\s+(?:work\s+|transaction\s+)?to\b", re.IGNORECASE | re.ASCII)


class KindRefused(psycopg.ProgrammingError):
    """`kind` is the statement's first word."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"a unit of work does not {kind}")
        self.kind = kind


class RawConnection(psycopg.Connection[tuple[Any, ...]]):
    """`guarded` while a unit's own statements run on it; `said` is the last of them."""

    guarded = False
    said = ""


class Cursor(psycopg.Cursor[tuple[Any, ...]]):
    """Looks at each statement before the server does."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "Cursor":
        self._look(query)
        super().execute(query, params, **options)
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        self._look(query)
        super().executemany(query, params_seq, **options)

    def _execute_send(self, query: PostgresQuery, *, force_extended: bool = False, binary: bool | None = None) -> None:
        """In the simple protocol, the driver's choice for what has no parameters, a `COMMIT` could stand behind a semicolon."""
        super()._execute_send(query, force_extended=force_extended or self._guarded, binary=binary)

    @property
    def _guarded(self) -> bool:
        return isinstance(self.connection, RawConnection) and self.connection.guarded

    def _look(self, query: Any) -> None:
        connection = self.connection
        if isinstance(connection, RawConnection) and connection.guarded:
            connection.said = query.decode() if isinstance(query, bytes) else str(query)
            if (kind := refused_kind(connection.said)) is not None:
                raise KindRefused(kind)


@lru_cache(maxsize=1024)
def refused_kind(sql: str) -> str | None:
    """The kind of a statement that a unit may not send, None for one that it may."""
    start = _first_word(sql)
    found = _WORD.match(sql, start)
    kind = found.group().lower() if found else "send nothing"
    if kind in _ALLOWED or _BACK_TO_A_SAVEPOINT.match(sql, start):
        return None
    return kind


def touched(sql: str, table: str) -> Action:
    """What the statement wanted of a table that it was refused."""
    target = rf'\b(?:insert\s+into|update|delete\s+from)\s+(?:only\s+)?"?(?:vivesphere"?\."?)?{re.escape(table)}\b'
    return "write" if table and re.search(target, sql, re.IGNORECASE) else "read"


def _first_word(sql: str) -> int:
    """Where it stands: after blanks, comments (PostgreSQL's nest) and opening brackets."""
    place = 0
    while True:
        blank = _BLANK.match(sql, place)
        place = blank.end() if blank else place
        if not sql.startswith("/*", place):
            return place
        depth = 0
        while True:
            mark = _COMMENT_MARK.search(sql, place)
            if mark is None:
                return len(sql)
            depth += 1 if mark.group() == "/*" else -1
            place = mark.end()
            if depth == 0:
                break
