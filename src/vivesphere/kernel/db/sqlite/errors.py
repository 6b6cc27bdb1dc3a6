"""What SQLite's errors mean, by the primary result code: https://www.sqlite.org/rescode.html."""

import sqlite3

from vivesphere.kernel.db.errors import ConstraintViolated, DatabaseError, DatabaseUnavailable, DiskFull, StatementFailed

_OUT_OF_ORDER = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY),
    }
)
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})


def code_of(error: BaseException | None) -> int:
    """What Python itself refuses has none."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def is_full(error: BaseException | None) -> bool:
    """Whether the disk did not take what was to be written. Of a quota or a greatest size of files SQLite only knows that a
    write failed."""
    return getattr(error, "sqlite_errorcode", None) in _FULL


def meaning(error: BaseException | None) -> DatabaseError:
    """One of our errors for an error of SQLite that is neither a refusal nor a reader's write."""
    code = code_of(error)
    if is_full(error):
        return DiskFull(f"the disk takes nothing more, so nothing can be written until there is space again: {error}")
    if code in _OUT_OF_ORDER:
        return DatabaseUnavailable(f"the database cannot do this now: {error}")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return ConstraintViolated(str(error))
    return StatementFailed(str(error))
