"""Rows of the event log as SQLite takes them fastest."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain

from vivesphere.kernel.db.event_rows import COLUMNS, LogRow

AT_ONCE = (256, 32, 4, 1)
"""Rows in one statement. Python lets go of its lock for each statement and gets it back after up to a switch interval: beside
a busy loop one row at a time came to 6,000 rows/s, 256 to 30,000. Few sizes, so that the statements stay prepared."""

_LAST_SEQ = "SELECT last_insert_rowid()"


def write_rows(raw: sqlite3.Connection, rows: Sequence[LogRow]) -> range:
    """Put rows at the end of the log, in their order; their `seq`, which follow one another since nobody else writes."""
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            raw.execute(_insert(size), tuple(chain.from_iterable(rows[start : start + size])))
            start += size
    last: int = raw.execute(_LAST_SEQ).fetchone()[0]
    return range(last - len(rows) + 1, last + 1)


@cache
def _insert(rows: int) -> str:
    """Text, not a Core construct: this is the hottest statement of the house, and compiling costs more than SQLite does."""
    one = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT INTO event_log ({', '.join(COLUMNS)}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - made of constants
