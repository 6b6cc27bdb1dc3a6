"""SQLite's authorizer for one principal: the engine itself asks it about every table a statement touches.

It is asked while a statement is prepared, never while it runs, so a statement prepared under another principal is not asked
about again. That is why a connection belongs to one principal, or, for the writer, gets a new authorizer at every change of
principal (`set_authorizer` makes SQLite prepare everything anew). See https://www.sqlite.org/c3ref/set_authorizer.html.
"""

import sqlite3
from typing import Final

from vivesphere.kernel.db.access import AccessPolicy, Action
from vivesphere.kernel.principals import Principal

KERNEL_SAVEPOINT: Final = "vivesphere_unit"
"""Savepoints whose names begin like this are the kernel's; rules may use any other name."""

_TABLE_ACTIONS: Final[dict[int, Action]] = {
    sqlite3.SQLITE_READ: "read",
    sqlite3.SQLITE_INSERT: "write",
    sqlite3.SQLITE_UPDATE: "write",
    sqlite3.SQLITE_DELETE: "write",
}

_HARMLESS: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})

# SQLAlchemy gives every connection a REGEXP written in Python: one bad pattern there would hold the whole process.
_REFUSED_FUNCTIONS: Final = frozenset({"load_extension", "regexp", "fts3_tokenizer"})

_KINDS: Final = {
    getattr(sqlite3, name): name.removeprefix("SQLITE_").lower()
    for name in (
        *(f"SQLITE_{verb}_{thing}" for verb in ("CREATE", "DROP") for thing in ("INDEX", "TABLE", "TRIGGER", "VIEW", "VTABLE")),
        *(f"SQLITE_{verb}_TEMP_{thing}" for verb in ("CREATE", "DROP") for thing in ("INDEX", "TABLE", "TRIGGER", "VIEW")),
        *("SQLITE_ALTER_TABLE", "SQLITE_ANALYZE", "SQLITE_ATTACH", "SQLITE_DETACH", "SQLITE_FUNCTION", "SQLITE_PRAGMA"),
        *("SQLITE_REINDEX", "SQLITE_SAVEPOINT", "SQLITE_TRANSACTION"),
    )
}


class Authorizer:
    """One principal under one policy. `refusal` is the last (action, table) it refused, for whoever sees the error."""

    __slots__ = ("kernel_speaks", "policy", "principal", "refusal")

    def __init__(self, principal: Principal, policy: AccessPolicy) -> None:
        self.principal = principal
        self.policy = policy
        self.refusal = ("", "")
        self.kernel_speaks = False

    def __call__(self, code: int, first: str | None, second: str | None, database: str | None, _within: str | None) -> int:
        """SQLite's question. `_within`, the trigger or view that asks, is never a reason to allow: a CTE can carry its name."""
        if code in _HARMLESS or self.kernel_speaks:
            return sqlite3.SQLITE_OK
        action = _TABLE_ACTIONS.get(code)
        if action is not None:
            return self._about_table(action, first or "", second or "", database)
        if code == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _REFUSED_FUNCTIONS:
            return sqlite3.SQLITE_OK
        # SQLite compares savepoint names without regard to case.
        if code == sqlite3.SQLITE_SAVEPOINT and not (second or "").lower().startswith(KERNEL_SAVEPOINT):
            return sqlite3.SQLITE_OK
        return self._refuse(_KINDS.get(code, "other"), second or first or "")

    def _about_table(self, action: Action, table: str, column: str, database: str | None) -> int:
        # A table of which no column is read (`SELECT count(*) FROM t`) comes as the statement wrote it, without a column and
        # without a database. That may be the name of a CTE; then what stands inside the CTE is asked about by itself.
        in_main = database == "main" or (database is None and column == "" and action == "read")
        if in_main and self.policy.can(self.principal, action, table):
            return sqlite3.SQLITE_OK
        return self._refuse(action, table if in_main else f"{database}.{table}")

    def _refuse(self, action: str, table: str) -> int:
        self.refusal = (action, table)
        return sqlite3.SQLITE_DENY
