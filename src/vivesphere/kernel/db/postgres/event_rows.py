"""Rows of the event log as PostgreSQL takes them fastest."""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import psycopg

from vivesphere.kernel.db.event_rows import COLUMNS, LogRow

AT_ONCE = (256, 32, 4, 1)
"""Rows in one statement. Few sizes, so that the statements stay prepared."""


def write_rows(raw: psycopg.Connection[tuple[Any, ...]], rows: Sequence[LogRow]) -> list[int]:
    """Put rows at the end of the log, in their order; their `seq`, among which others' may stand."""
    given: list[int] = []
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            values = tuple(chain.from_iterable(rows[start : start + size]))
            given += [seq for (seq,) in raw.execute(_insert(size), values, prepare=True)]
            start += size
    return given


@cache
def _insert(rows: int) -> bytes:
    one = f"({', '.join(['%s'] * len(COLUMNS))})"
    text = f"INSERT INTO event_log ({', '.join(COLUMNS)}) VALUES {', '.join([one] * rows)} RETURNING seq"  # noqa: S608 - made of constants
    return text.encode()
