"""One SQLite connection, whom it serves now, and the statements that only the kernel may speak."""

import math
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.pool import NullPool

from vivesphere.kernel.bus.in_flight import Settlement
from vivesphere.kernel.db.access import AccessPolicy
from vivesphere.kernel.db.errors import AccessDenied, DatabaseError, ReadOnly
from vivesphere.kernel.db.event_rows import COLUMNS, LogRow
from vivesphere.kernel.db.sqlite import unasked
from vivesphere.kernel.db.sqlite.authorizer import KERNEL_SAVEPOINT, Authorizer
from vivesphere.kernel.db.sqlite.errors import code_of, meaning
from vivesphere.kernel.db.sqlite.event_rows import AT_ONCE, write_rows
from vivesphere.kernel.db.sqlite.settling import settle
from vivesphere.kernel.db.types import to_microseconds
from vivesphere.kernel.principals import SYSTEM, Principal

log = structlog.get_logger("vivesphere.db")

BUSY_SECONDS = 5.0
"""How long to wait for a lock that another process holds, such as a person's sqlite3 shell."""

WAL_PATIENCE_MS = 20
"""How long the writer may be held up for readers that still look at an old state of the file."""

GUEST_SECONDS = 2.0
"""How long one unit of a guest may compute in the database."""

# A single step may copy or search a whole value, so the values are small and the clock is looked at often: with 16 MiB and
# 10,000 steps a plugin took 32 s and 3 GB before it was stopped. What still cannot be stopped, `instr` of two values of the
# greatest length, takes 5 s.
_GUEST_STEPS = 1_000
_GUEST_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1024 * 1024,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    # The host writes its events on this connection, too.
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: AT_ONCE[0] * len(COLUMNS),
}
_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA journal_size_limit=67108864",
)
_KEPT = "SELECT fingerprint, reply FROM kept_replies WHERE asker = ? AND key = ?"
_KEEP = "INSERT INTO kept_replies (asker, key, fingerprint, reply, created_at) VALUES (?, ?, ?, ?, ?)"


class _Cursor(sqlite3.Cursor):
    """Looks at each statement before SQLite does. An event of SQLAlchemy could as well, at five times the cost."""

    def execute(self, sql: str, parameters: Any = (), /) -> "_Cursor":
        unasked.check(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> "_Cursor":
        unasked.check(sql)
        return super().executemany(sql, parameters)


class _RawConnection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


def connect_raw(file: Path) -> sqlite3.Connection:
    """A connection that begins no transaction by itself. It is lent from thread to thread, one at a time."""
    raw = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_RawConnection)
    for pragma in _PRAGMAS:
        raw.execute(pragma)
    raw.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    return raw


def restart_wal(file: Path) -> bool:
    """Bring all that SQLite wrote ahead into the file and begin its log anew; False if a reader or the disk stood in the way.
    The writer waits meanwhile, so most of it is done before it has to."""
    try:
        with closing(connect_raw(file)) as raw:
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            raw.execute(f"PRAGMA busy_timeout={WAL_PATIENCE_MS}")
            busy: int = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        log.warning("database_log_not_begun_anew", reason=str(error))
        return False
    return not busy


def make_engine(file: Path) -> sa.Engine:
    """The engine whose connections the database threads hold for good; they share its cache of compiled statements.

    Parameters stay out of error messages: they may be secrets.
    """
    return sa.create_engine("sqlite+pysqlite://", creator=lambda: connect_raw(file), poolclass=NullPool, hide_parameters=True)


class Connection:
    """A connection under a principal's authorizer. SQLAlchemy executes on it, but begins and ends nothing: the kernel does."""

    driver_error = sqlite3.Error
    horizon = 2**63 - 1

    def __init__(self, engine: sa.Engine, *, query_only: bool = False) -> None:
        self.core = engine.connect()
        raw = self.core.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - narrows the type; the engine is made above
        self.raw = raw
        # Seen from SQLAlchemy there is one transaction that never ends, so that it never rolls back on an error.
        self.core.begin()
        if query_only:
            raw.execute("PRAGMA query_only=ON")
        # A statement in sqlite3's cache is not asked about again. The mark makes the kernel's statements unguessable, so that
        # no rule can run one of them out of the cache.
        mark = secrets.token_hex(8)
        savepoint = f"{KERNEL_SAVEPOINT}_{mark}"
        self._begin = f"BEGIN /*{mark}*/"
        self._begin_immediate = f"BEGIN IMMEDIATE /*{mark}*/"
        self._commit = f"COMMIT /*{mark}*/"
        self._rollback = f"ROLLBACK /*{mark}*/"
        self._savepoint = f"SAVEPOINT {savepoint}"
        self._release = f"RELEASE {savepoint}"
        self._rollback_to = f"ROLLBACK TO {savepoint}"
        self._deadline = 0.0
        self.authorizer = Authorizer(SYSTEM, AccessPolicy((), 0))

    def serve(self, principal: Principal, policy: AccessPolicy) -> None:
        """Let the principal speak. Nothing happens if it already does, under this policy."""
        authorizer = self.authorizer
        if authorizer.principal != principal or authorizer.policy is not policy:
            self.authorizer = Authorizer(principal, policy)
            self.raw.set_authorizer(self.authorizer)

    def limit(self) -> None:
        """For strangers: no huge values, no huge statements, no sorting in memory, and an end to what runs too long."""
        self.raw.execute("PRAGMA temp_store=FILE")
        for limit, value in _GUEST_LIMITS.items():
            self.raw.setlimit(limit, value)
        self.raw.set_progress_handler(self._out_of_time, _GUEST_STEPS)

    @property
    def principal(self) -> Principal:
        return self.authorizer.principal

    @property
    def in_transaction(self) -> bool:
        return self.raw.in_transaction

    def begin(self) -> None:
        """A read's snapshot: everything it reads is of one moment."""
        self._deadline = time.monotonic() + GUEST_SECONDS
        self._speak(self._begin)

    def begin_immediate(self) -> None:
        # To wait for another process's lock is not to compute.
        self._deadline = math.inf
        self._speak(self._begin_immediate)
        self._deadline = time.monotonic() + GUEST_SECONDS

    def commit(self) -> None:
        self._speak(self._commit)

    def rollback(self) -> None:
        """Give up whatever is open; nothing, if SQLite already did."""
        if self.raw.in_transaction:
            self._speak(self._rollback)

    def savepoint(self) -> None:
        self._speak(self._savepoint)

    def release(self) -> None:
        self._speak(self._release)

    def rollback_to(self) -> None:
        self._speak(self._rollback_to)

    def explain(self, error: BaseException | None, *, writable: bool) -> DatabaseError:
        code = code_of(error)
        if code == sqlite3.SQLITE_AUTH:
            refusal = error.refusal if isinstance(error, unasked.Unasked) else self.authorizer.refusal
            return AccessDenied(self.principal, *refusal)
        if code == sqlite3.SQLITE_READONLY and not writable:
            return ReadOnly("a read writes nothing: use db.write")
        return meaning(error)

    def hurry(self, seconds: float) -> None:
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def take_time(self) -> None:
        """The rule is over: what the host has to add is not stopped for the time that the guest took."""
        self._deadline = math.inf

    def append(self, rows: Sequence[LogRow]) -> Sequence[int]:
        return write_rows(self.raw, rows)

    def settle(self, settlements: Sequence[Settlement]) -> None:
        settle(self.raw, settlements)

    def kept_reply(self, asker: str, key: str) -> tuple[str, str] | None:
        found: tuple[str, str] | None = self.raw.execute(_KEPT, (asker, key)).fetchone()
        return found

    def keep_reply(self, asker: str, key: str, fingerprint: str, reply: str, now: datetime) -> None:
        self.raw.execute(_KEEP, (asker, key, fingerprint, reply, to_microseconds(now)))

    def empty_pages(self) -> int:
        """Pages of the file that hold nothing."""
        empty: int = self._speak("PRAGMA freelist_count").fetchone()[0]
        return empty

    def give_back(self, pages: int) -> None:
        """Shorten the file by so many of its empty pages, in the transaction that is open."""
        # One at a time: SQLite gives a page back for each row that is stepped to, and Python's driver steps no further than
        # the first, since the statement has no columns.
        for _ in range(pages):
            self._speak("PRAGMA incremental_vacuum(1)")

    @contextmanager
    def as_host(self) -> Iterator[None]:
        """Speak without an authorizer. After it SQLite asks about every statement anew, also about those in sqlite3's cache."""
        self.raw.set_authorizer(None)
        try:
            yield
        finally:
            self.raw.set_authorizer(self.authorizer)

    def close(self) -> None:
        self.raw.set_progress_handler(None, 0)
        self.raw.set_authorizer(None)
        self.core.close()

    def _speak(self, statement: str) -> sqlite3.Cursor:
        self.authorizer.kernel_speaks = True
        try:
            return self.raw.execute(statement)
        finally:
            self.authorizer.kernel_speaks = False

    def _out_of_time(self) -> bool:
        return time.monotonic() > self._deadline


Connect = Callable[[], Connection]
