"""One unit of work as one transaction: the rule under its principal's role, then the epilogue by the host, then the commit."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import Final

import msgspec
import psycopg
import structlog

from vivesphere.kernel.db.errors import IdempotencyKeyReused, OutcomeUnknown
from vivesphere.kernel.db.kept_replies import Once
from vivesphere.kernel.db.postgres.connection import CommitLost, Connection
from vivesphere.kernel.db.postgres.errors import RUN_AGAIN, UNIQUE, is_loss, meaning
from vivesphere.kernel.db.postgres.guests import Guest
from vivesphere.kernel.db.postgres.pool import Pool
from vivesphere.kernel.db.work import Hooks, Work, is_shadow

RUNS: Final = 30
"""How often a unit runs at most because others were in its way."""

ALONE: Final = 3
"""After so many runs it waits for others that were unlucky, too: with all of them at it at once none would get through."""

LOSSES: Final = 2
"""How often it runs again because its connection was lost before the commit: a server that is back knows no old one."""

SLOW_SECONDS: Final = 0.5
"""A unit that took longer is named in the log."""

UNKNOWN: Final = "the database was lost, or refused, in the middle of the commit: what was written may be there or not"

READ: Final = b"REPEATABLE READ READ ONLY"
WRITE: Final = b"SERIALIZABLE"

log = structlog.get_logger("vivesphere.db")


class Transactions:
    """Performs units on threads, with the host's connections of `pool`."""

    def __init__(self, pool: Pool, hooks: Hooks, now: Callable[[], datetime]) -> None:
        self.units = 0
        self.trouble: str | None = None
        """Why the last transaction could not be, until one can."""
        self._pool = pool
        self._hooks = hooks
        self._now = now
        self._alone = threading.Lock()
        # A guest may take its time alone, which ours do not wait for.
        self._guest_alone = threading.Lock()

    def read(self, work: Work, role: bytes) -> None:
        self._until_done(work, self._alone, lambda: self._with_host(lambda host: self._read(work, host, role)))

    def write(self, work: Work, role: bytes) -> None:
        began = time.perf_counter()
        self._until_done(work, self._alone, lambda: self._with_host(lambda host: self._write(work, host, role)))
        if (took := time.perf_counter() - began) > SLOW_SECONDS:
            log.warning("slow_unit", rule=work.name, principal=work.principal, milliseconds=round(took * 1000))

    def read_as_guest(self, work: Work, guest: Callable[[], Guest]) -> None:
        self._until_done(work, self._guest_alone, lambda: self._read_as_guest(work, guest()))

    def write_as_guest(self, work: Work, guest: Callable[[], Guest]) -> None:
        self._until_done(work, self._guest_alone, lambda: self._write_as_guest(work, guest()))

    def _until_done(self, work: Work, alone: threading.Lock, once: Callable[[], None]) -> None:
        """Until it is done or refused, or was tried often enough."""
        losses = 0
        for run in range(RUNS):
            if work.future.cancelled():
                # It may have run before: nothing of that is to leave.
                work.staged = ()
                work.acknowledges = work.settlement = None
                return
            try:
                with alone if run >= ALONE else nullcontext():
                    once()
            except CommitLost:
                self.trouble = UNKNOWN
                work.fail(OutcomeUnknown(UNKNOWN))
                return
            except psycopg.Error as error:
                work.fail(meaning(error))
                if is_loss(error):
                    losses += 1
                    self.trouble = str(work.error)
                    self._pool.forget_idle()
                if losses > LOSSES or not (is_loss(error) or error.sqlstate in RUN_AGAIN):
                    return
            else:
                self.trouble = None
                return
            time.sleep(random.uniform(0.0, 0.002 * 2 ** min(run, 6)))  # noqa: S311 - only to get out of step

    def _with_host(self, what: Callable[[Connection], None]) -> None:
        host = self._pool.lend()
        try:
            what(host)
        finally:
            host.finish()
            self._pool.take_back(host)

    def _read(self, work: Work, host: Connection, role: bytes) -> None:
        host.begin(work.principal, READ)
        host.serve(role)
        work.perform(host, self._hooks, self._now, writable=False)
        host.raise_if_in_vain()

    def _write(self, work: Work, host: Connection, role: bytes) -> None:
        host.begin(work.principal, WRITE)
        if work.once is not None and _answered_before(host, work, work.once):
            return
        host.serve(role)
        work.perform(host, self._hooks, self._now, writable=True)
        host.raise_if_in_vain()
        if work.error is not None:
            return
        if is_shadow(work):
            work.staged = ()
            host.rollback()
            host.begin(work.principal, WRITE)
        if self._write_epilogue(work, host):
            host.commit()
            self.units += 1

    def _read_as_guest(self, work: Work, guest: Guest) -> None:
        try:
            work.perform(guest, self._hooks, self._now, writable=False)
            guest.raise_if_in_vain()
        finally:
            guest.finish()

    def _write_as_guest(self, work: Work, guest: Guest) -> None:
        """What the guest wrote and what the host writes about it are two transactions, since no login may do both: the host's
        waits, all but committed, until the guest's is. A guest that only speaks has none."""

        def with_host(host: Connection) -> None:
            host.begin(work.principal, WRITE)
            if work.once is not None and _answered_before(host, work, work.once):
                return
            work.perform(guest, self._hooks, self._now, writable=True)
            guest.raise_if_in_vain()
            if work.error is not None:
                return
            if is_shadow(work):
                work.staged = ()
                guest.finish()
            if self._write_epilogue(work, host):
                _commit_both(guest, host)
                self.units += 1

        try:
            self._with_host(with_host)
        finally:
            guest.finish()

    def _write_epilogue(self, work: Work, host: Connection) -> bool:
        """Events, the reply and what was settled, by the host in the unit's own transaction. False if the reply cannot be
        kept, and so nothing."""
        rows = [row for _, row in work.staged if row is not None]
        once = None if is_shadow(work) else work.once
        if rows or once is not None or work.settlement is not None:
            host.speak_for_itself()
        if once is not None and not self._keep(work, host, once):
            return False
        if rows:
            seqs = iter(host.append(rows))
            work.staged = [
                (envelope if row is None else msgspec.structs.replace(envelope, seq=next(seqs)), row)
                for envelope, row in work.staged
            ]
        if work.settlement is not None:
            host.settle([work.settlement])
        return True

    def _keep(self, work: Work, host: Connection, once: Once) -> bool:
        try:
            once.keep(host, work.result, self._now())
        except psycopg.Error as error:
            if error.sqlstate == UNIQUE:
                # Somebody who asked at once was answered first: the next run finds that.
                raise psycopg.errors.SerializationFailure(str(error)) from error
            raise
        except (TypeError, ValueError, RecursionError) as error:
            work.fail(error)
            return False
        return True


def _commit_both(guest: Guest, host: Connection) -> None:
    """Raises CommitLost as well if what the guest wrote is kept, and what the host wrote about it is not: to run again would
    write the guest's part twice."""
    spoke = guest.commit()
    try:
        host.commit()
    except psycopg.Error as error:
        if spoke:
            raise CommitLost from error
        raise


def _answered_before(host: Connection, work: Work, once: Once) -> bool:
    """Give the unit the reply that is kept for it, if there is one; its rule does not run then."""
    try:
        kept = once.kept(host)
    except (IdempotencyKeyReused, msgspec.MsgspecError, ValueError) as error:
        work.answer(None, error)
        return True
    if kept is None:
        return False
    work.answer(kept[0])
    return True
