"""The one writer: every write queues here, and one commit carries all that wait.

A caller cancelled before its unit has begun has the unit dropped; one cancelled later has it committed all the same. A unit
is never half kept.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import structlog

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.db.access import CurrentAccess
from vivesphere.kernel.db.connection import is_guest
from vivesphere.kernel.db.errors import DatabaseError, DatabaseUnavailable, DiskFull
from vivesphere.kernel.db.kept_replies import Once
from vivesphere.kernel.db.places import Places
from vivesphere.kernel.db.spread import Spread
from vivesphere.kernel.db.sqlite.connection import Connect, Connection
from vivesphere.kernel.db.sqlite.errors import code_of, is_full, meaning
from vivesphere.kernel.db.sqlite.turns import Turns
from vivesphere.kernel.db.work import Hooks, Work, is_shadow
from vivesphere.kernel.principals import SYSTEM, Principal

GROUP_SECONDS = 0.05
"""A group that has run so long is committed, and the rest of it waits for the next: nobody waits for all that another's slow
units take."""

SLOW_SECONDS = 0.1
"""A unit that held the writer longer is named in the log."""

HELD_UP_SECONDS = 5.0
"""A unit that has held the writer so long is named in the health, while it goes on."""

LOCK_SECONDS = 30.0
"""How long all wait while another program holds the database's lock, before they are refused."""

_UNITS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)

log = structlog.get_logger("vivesphere.db")


class _Lost(Exception):
    """The group's transaction is gone: its units have to run again, each alone."""


class Writer:
    """Owns the writing connections and their thread. Made and closed on the loop."""

    def __init__(
        self,
        connect: Connect,
        access: CurrentAccess,
        hooks: Hooks,
        now: Callable[[], datetime],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.groups = 0
        self.units = 0
        self.trouble: str | None = None
        """Why the last commit failed, or does not begin, until one succeeds."""
        self.places = Places()
        self.group_units = Spread(_UNITS)
        self.commit_seconds = Spread(_SECONDS)
        self._access = access
        self._hooks = hooks
        self._now = now
        self._loop = loop
        self._connect = connect
        self._group_connection = connect()
        self._guest_connection: Connection | None = None
        self._arrivals: SimpleQueue[Work | None] = SimpleQueue()
        self._turns = Turns()
        self._running: tuple[Work, float] | None = None
        self._closing = False
        self._told_to_stop = False
        self._stopped = loop.create_future()
        # A daemon: if the loop dies without closing us, a committed database is left behind and the process can end.
        self._thread = threading.Thread(target=self._serve, name="vivesphere-db-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work) -> Any:
        """Queue the unit; its result when the commit is on disk."""
        await self.places.take(work.principal)
        if self._closing:
            self.places.give_back(work.principal)
            raise DatabaseUnavailable("the database is closed")
        self._arrivals.put(work)
        return await work.future

    def held_up(self) -> str | None:
        """Which unit it is that has held the writer for long, if one has."""
        if (running := self._running) is None or (seconds := time.perf_counter() - running[1]) < HELD_UP_SECONDS:
            return None
        work, _ = running
        return f"{work.name} of {work.principal} has held the writer for {seconds:.0f} s"

    async def close(self) -> None:
        """Refuse new units, commit those that wait, and close."""
        if not self._closing:
            self._closing = True
            self._arrivals.put(None)
        await asyncio.shield(self._stopped)
        self._thread.join()

    # From here on everything runs on the writer's thread, except `_settle`.

    def _serve(self) -> None:
        while group := self._next_group():
            try:
                self._commit(group)
            except Exception as error:
                # The process edge: this thread must outlive any defect in it, and the callers must hear of it.
                log.exception("database_writer_failed")
                self._give_up(group, DatabaseUnavailable(f"the database writer failed: {error!r}"))
        self._group_connection.close()
        if self._guest_connection is not None:
            self._guest_connection.close()
        self._loop.call_soon_threadsafe(self._stopped.set_result, None)

    def _next_group(self) -> list[Work]:
        """The units of the next commit; empty when all is written and the writer was told to stop."""
        if not self._turns and not self._told_to_stop:
            self._accept(self._arrivals.get())
        try:
            while True:
                self._accept(self._arrivals.get_nowait())
        except Empty:
            return self._turns.next_group()

    def _accept(self, work: Work | None) -> None:
        if work is None:
            self._told_to_stop = True
        else:
            self._turns.add(work)

    def _commit(self, group: list[Work]) -> None:
        """Write the group in one transaction; if that is lost, each of its units in a transaction of its own."""
        connection = self._connection_for(group[0].principal)
        try:
            envelopes = self._write_group(connection, group)
        except _Lost:
            if len(group) == 1:
                self._answer_lost(group)
                return
            for work in group:
                self._commit([work])
        except sqlite3.Error as error:
            self._give_up(group, meaning(error))
        else:
            self.groups += 1
            self.units += len(group)
            self.group_units.add(len(group))
            self.trouble = None
            self._loop.call_soon_threadsafe(self._settle, group, envelopes)

    def _write_group(self, connection: Connection, group: list[Work]) -> Sequence[Envelope[Any]]:
        """The transaction. What takes too long for it is put back. Raises _Lost if nothing was committed and the units may run
        again, sqlite3.Error if they may not."""
        self._begin(connection)
        try:
            self._run_group(connection, group)
            return self._finish(connection, group)
        finally:
            self._running = None
            # Nothing is open after a commit; after anything else, what is still open has to go.
            connection.rollback()

    def _begin(self, connection: Connection) -> None:
        """Wait for the lock if another program has it, such as a person's sqlite3 shell; our callers never hear of less than
        LOCK_SECONDS of it."""
        gives_up = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                connection.begin_immediate()
            except sqlite3.OperationalError as error:
                if code_of(error) != sqlite3.SQLITE_BUSY or self._closing or time.monotonic() >= gives_up:
                    raise
                self.trouble = "another program, such as an sqlite3 shell, has locked the database; what is to be written waits"
                log.warning("database_locked_by_another_program")
            else:
                return

    def _run_group(self, connection: Connection, group: list[Work]) -> None:
        ends = time.perf_counter() + GROUP_SECONDS
        for done, work in enumerate(group, 1):
            self._run(connection, work)
            if time.perf_counter() > ends and done < len(group):
                self._turns.put_back(group, done)
                return

    def _finish(self, connection: Connection, group: Sequence[Work]) -> Sequence[Envelope[Any]]:
        """The epilogue and the commit."""
        connection.take_time()
        try:
            envelopes = self._record(connection, group)
            self._acknowledge(connection, group)
            self._end(connection, group)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            # The disk had no room for all of it. Whoever wants too much of it is found by running each alone.
            for work in group:
                work.fail(meaning(error))
            raise _Lost from error
        return envelopes

    def _run(self, connection: Connection, work: Work) -> None:
        """One unit in its savepoint. What it wrote stays only if its rule returned and its cause is not in shadow."""
        if work.future.cancelled():
            # It may have run before, in a group whose transaction was lost: nothing of that is to leave.
            work.staged = ()
            work.acknowledges = work.settlement = None
            return
        connection.savepoint()
        began = time.perf_counter()
        self._running = (work, began)
        if work.once is None or not self._answered_before(connection, work, work.once):
            connection.serve(work.principal, self._access.policy)
            work.perform(connection, self._hooks, self._now, writable=True)
            if work.once is not None and work.error is None and not is_shadow(work):
                self._keep(connection, work, work.once)
        self._running = None
        if (took := time.perf_counter() - began) > SLOW_SECONDS:
            log.warning("slow_unit", rule=work.name, principal=work.principal, milliseconds=round(took * 1000))
        if work.lost:
            raise _Lost
        if is_shadow(work):
            work.staged = ()
        if work.error is not None or is_shadow(work):
            connection.rollback_to()
        connection.release()

    def _answered_before(self, connection: Connection, work: Work, once: Once) -> bool:
        """Give the unit the reply that is kept for it, if there is one; its rule does not run then."""
        connection.serve(SYSTEM, self._access.policy)
        try:
            kept = once.kept(connection)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - reused, or not to be read: its asker's trouble, not that of all in this commit
            work.answer(None, error)
            return True
        if kept is None:
            return False
        work.answer(kept[0])
        return True

    def _keep(self, connection: Connection, work: Work, once: Once) -> None:
        """In the unit's own savepoint: its reply stays if its writes do."""
        connection.serve(SYSTEM, self._access.policy)
        try:
            once.keep(connection, work.result, self._now())
        except (TypeError, ValueError, RecursionError) as error:
            work.fail(error)

    def _record(self, connection: Connection, group: Sequence[Work]) -> Sequence[Envelope[Any]]:
        """The epilogue: as `system`, in the same transaction, the durable events get their place in the log."""
        staged = [each for work in group for each in work.staged]
        rows = [row for _, row in staged if row is not None]
        if not rows:
            return [envelope for envelope, _ in staged]
        connection.serve(SYSTEM, self._access.policy)
        seqs = iter(connection.append(rows))
        return [envelope if row is None else msgspec.structs.replace(envelope, seq=next(seqs)) for envelope, row in staged]

    def _acknowledge(self, connection: Connection, group: Sequence[Work]) -> None:
        """The epilogue, too: a durable listener's event is handled in the very commit of what the handler wrote."""
        settlements = [work.settlement for work in group if work.settlement is not None and work.error is None]
        if settlements:
            connection.serve(SYSTEM, self._access.policy)
            connection.settle(settlements)

    def _end(self, connection: Connection, group: Sequence[Work]) -> None:
        began = time.perf_counter()
        try:
            connection.commit()
            self.commit_seconds.add(time.perf_counter() - began)
        except sqlite3.IntegrityError as error:
            # A deferred constraint of one unit. Nothing was committed, so the others get their chance without it.
            for work in group:
                work.fail(meaning(error))
            raise _Lost from error

    def _connection_for(self, principal: Principal) -> Connection:
        if not is_guest(principal):
            return self._group_connection
        if self._guest_connection is None:
            self._guest_connection = self._connect()
            self._guest_connection.limit()
        return self._guest_connection

    def _answer_lost(self, group: Sequence[Work]) -> None:
        """Alone, too, the unit came to nothing; its error says why."""
        if isinstance(group[0].error, DiskFull):
            self.trouble = str(group[0].error)
        self._loop.call_soon_threadsafe(self._settle, group, ())

    def _give_up(self, group: Sequence[Work], error: DatabaseError) -> None:
        self.trouble = str(error)
        for work in group:
            work.fail(error)
        self._loop.call_soon_threadsafe(self._settle, group, ())

    def _settle(self, group: Sequence[Work], envelopes: Sequence[Envelope[Any]]) -> None:
        """On the loop, once for each commit: events first, so that they are under way before their reporter goes on."""
        try:
            if envelopes:
                self._hooks.dispatch(envelopes)
        finally:
            for work in group:
                self.places.give_back(work.principal)
                work.settle(self._hooks)
