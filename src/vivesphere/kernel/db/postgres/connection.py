"""One connection to PostgreSQL, whom it serves now, and the statements that only the kernel may speak."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

import psycopg
import sqlalchemy as sa
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from vivesphere.kernel.bus.in_flight import Settlement
from vivesphere.kernel.db.errors import AccessDenied, DatabaseError
from vivesphere.kernel.db.event_rows import LogRow
from vivesphere.kernel.db.postgres.errors import NO_PRIVILEGE, RUN_AGAIN, is_loss, meaning
from vivesphere.kernel.db.postgres.event_rows import write_rows
from vivesphere.kernel.db.postgres.horizon import Horizon
from vivesphere.kernel.db.postgres.settling import settle
from vivesphere.kernel.db.postgres.statements import KindRefused, RawConnection, touched
from vivesphere.kernel.db.types import to_microseconds
from vivesphere.kernel.principals import SYSTEM, Principal

CANCEL_SECONDS = 5.0

_KEPT = "SELECT fingerprint, reply FROM kept_replies WHERE asker = %s AND key = %s"
_KEEP = "INSERT INTO kept_replies (asker, key, fingerprint, reply, created_at) VALUES (%s, %s, %s, %s, %s)"
_NOT_FOR = re.compile(r'permission denied for (?:table|view|relation|sequence|schema|function) "?([^"\s]+)"?')


class CommitLost(Exception):
    """The connection was lost while it committed, or one of two was: nobody here knows what is kept."""


class Connection:
    """A connection that serves one principal in one transaction at a time. `must_run_again` says that another unit was in the
    way, whatever the rule made of the error; `lost` that the connection is of no more use."""

    driver_error = psycopg.Error

    def __init__(self, engine: sa.Engine, horizon: Horizon) -> None:
        self.core = engine.connect()
        raw = self.core.connection.driver_connection
        assert isinstance(raw, RawConnection)  # noqa: S101 - narrows the type; the engine opens such
        self.raw = raw
        # Seen from SQLAlchemy there is one transaction that never ends, so that it never rolls back on an error.
        self.core.begin()
        self.principal = SYSTEM
        self.horizon = 0
        self.must_run_again = False
        self._horizon = horizon
        self._ticket: int | None = None
        self._doubtful = False
        self._role = b""

    @property
    def in_transaction(self) -> bool:
        return self.raw.pgconn.transaction_status == TransactionStatus.INTRANS

    @property
    def lost(self) -> bool:
        return self.raw.closed or self.core.invalidated or self.raw.broken

    def begin(self, principal: Principal, mode: bytes) -> None:
        """A transaction in which the host speaks first."""
        self.principal = principal
        self.must_run_again = False
        # Before the snapshot, which the first statement takes.
        self.horizon = self._horizon.reach()
        self._speak(b"BEGIN ISOLATION LEVEL " + mode)

    def begin_as_guest(self, principal: Principal, mode: bytes, seconds: float) -> None:
        """Nothing that an earlier unit said to the session holds for this one."""
        self._speak(b"SELECT pg_advisory_unlock_all()")
        self._speak(b"RESET ALL")
        self.begin(principal, mode + b"; SET LOCAL statement_timeout = %d" % round(seconds * 1000))
        self.raw.guarded = True

    def serve(self, role: bytes) -> None:
        """From here on the principal speaks, under its role; without one with the login's own rights."""
        self._role = role
        if role:
            self._speak(b"SET LOCAL ROLE " + role)
        self.raw.guarded = True

    def speak_for_itself(self) -> None:
        """From here on the host speaks again."""
        self.raw.guarded = False
        if self._role:
            self._role = b""
            self._speak(b"SET LOCAL ROLE NONE")

    def commit(self) -> None:
        """Raises CommitLost if nobody knows, psycopg.Error if it was not committed."""
        self.raw.guarded = False
        try:
            done = self._speak(b"COMMIT")
        except psycopg.Error as error:
            if is_loss(error) or self.lost:
                self._doubtful = True
                raise CommitLost from error
            raise
        if done != b"COMMIT":
            raise psycopg.errors.InFailedSqlTransaction("a statement of the unit had failed")

    def rollback(self) -> None:
        """Give up whatever is open; nothing, if the connection is gone."""
        self.raw.guarded = False
        self._role = b""
        if not self.raw.closed and self.raw.pgconn.transaction_status != TransactionStatus.IDLE:
            self._speak(b"ROLLBACK")

    def raise_if_in_vain(self) -> None:
        """Raises psycopg.Error if the rule, whatever it made of the error, ran for nothing and may run again."""
        if self.must_run_again:
            raise psycopg.errors.SerializationFailure("others changed the same rows")
        if self.lost:
            raise psycopg.OperationalError("the connection was lost")

    def finish(self) -> None:
        """Give up what is open. Nothing of it comes late then, but for a commit of which nobody knows."""
        with suppress(psycopg.Error):
            self.rollback()
        if self._ticket is not None:
            self._horizon.end(self._ticket, doubtful=self._doubtful)
            self._ticket = None

    def cancel(self) -> None:
        """From another thread: stop the statement that runs."""
        with suppress(psycopg.Error):
            self.raw.cancel_safe(timeout=CANCEL_SECONDS)

    def hurry(self, seconds: float) -> None:
        """Ours takes its time."""

    def explain(self, error: BaseException | None, *, writable: bool) -> DatabaseError:
        state = getattr(error, "sqlstate", None)
        if isinstance(error, KindRefused):
            return AccessDenied(self.principal, error.kind, "")
        if state == NO_PRIVILEGE:
            found = _NOT_FOR.search(str(error))
            table = found.group(1) if found else ""
            return AccessDenied(self.principal, touched(self.raw.said, table), table)
        if state in RUN_AGAIN:
            self.must_run_again = True
        return meaning(error)

    @contextmanager
    def as_host(self) -> Iterator[None]:
        """Speak with the rights of the server's own login."""
        role = self._role
        self.speak_for_itself()
        try:
            yield
        finally:
            if self.in_transaction:
                self.serve(role)

    def append(self, rows: Sequence[LogRow]) -> Sequence[int]:
        if self._ticket is None:
            self._ticket = self._horizon.begin()
        seqs = write_rows(self.raw, rows)
        if seqs:
            self._horizon.given(max(seqs))
        return seqs

    def settle(self, settlements: Sequence[Settlement]) -> None:
        settle(self.raw, settlements)

    def kept_reply(self, asker: str, key: str) -> tuple[str, str] | None:
        found = self.raw.execute(_KEPT, (asker, key)).fetchone()
        return None if found is None else (found[0], found[1])

    def keep_reply(self, asker: str, key: str, fingerprint: str, reply: str, now: datetime) -> None:
        self.raw.execute(_KEEP, (asker, key, fingerprint, reply, to_microseconds(now)))

    def empty_pages(self) -> int:
        """PostgreSQL uses the room of what was deleted again by itself."""
        return 0

    def give_back(self, pages: int) -> None:
        """The server's vacuum does it."""

    def close(self) -> None:
        if self.core.closed:
            return
        self.raw.close()
        # The transaction that SQLAlchemy sees would be rolled back; there is none.
        self.core.invalidate()
        self.core.close()

    def _speak(self, statement: bytes) -> bytes:
        """Without a cursor, which costs as much as the server's answer; gives the command's tag."""
        answer = self.raw.pgconn.exec_(statement)
        if self.raw.pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError(self.raw.pgconn.get_error_message() or "the connection is lost")
        if answer.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            raise psycopg.errors.error_from_result(answer)
        return answer.command_status or b""
