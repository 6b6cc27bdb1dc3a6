"""The one writer: every write queues here, and one commit carries all that wait.

A caller cancelled before its unit has begun has the unit dropped; one cancelled later has it committed all the same. A unit
is never half kept.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import structlog

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.db.access import CurrentAccess
from vivesphere.kernel.db.connection import is_guest
from vivesphere.kernel.db.errors import DatabaseError, DatabaseUnavailable
from vivesphere.kernel.db.kept_replies import Once
from vivesphere.kernel.db.sqlite.connection import Connect, Connection
from vivesphere.kernel.db.sqlite.errors import meaning
from vivesphere.kernel.db.work import Hooks, Work, is_shadow
from vivesphere.kernel.principals import SYSTEM, Principal

GROUP = 256
"""Units in one commit at most."""

PLACES = 1024
"""Units of one principal that may wait; the next caller waits for a place."""

SLOW_SECONDS = 0.1
"""A unit that held the writer longer is named in the log."""

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
        """Why the last commit failed, until one succeeds."""
        self._access = access
        self._hooks = hooks
        self._now = now
        self._loop = loop
        self._connect = connect
        self._group_connection = connect()
        self._guest_connection: Connection | None = None
        self._arrivals: SimpleQueue[Work | None] = SimpleQueue()
        self._waiting: dict[Principal, deque[Work]] = {}
        self._places: dict[Principal, asyncio.Semaphore] = {}
        self._guests_turn = False
        self._closing = False
        self._told_to_stop = False
        self._stopped = loop.create_future()
        # A daemon: if the loop dies without closing us, a committed database is left behind and the process can end.
        self._thread = threading.Thread(target=self._serve, name="vivesphere-db-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work) -> Any:
        """Queue the unit; its result when the commit is on disk."""
        places = self._places.get(work.principal)
        if places is None:
            places = self._places[work.principal] = asyncio.Semaphore(PLACES)
        await places.acquire()
        if self._closing:
            places.release()
            raise DatabaseUnavailable("the database is closed")
        self._arrivals.put(work)
        return await work.future

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
        """The units of the next commit, ordered by principal; empty when all is written and the writer was told to stop."""
        if not self._waiting and not self._told_to_stop:
            self._accept(self._arrivals.get())
        try:
            while True:
                self._accept(self._arrivals.get_nowait())
        except Empty:
            return self._pick()

    def _accept(self, work: Work | None) -> None:
        if work is None:
            self._told_to_stop = True
        else:
            self._waiting.setdefault(work.principal, deque()).append(work)

    def _pick(self) -> list[Work]:
        """An equal share for everyone of ours who waits, or, in turn with that, one unit of one plugin."""
        guests = [principal for principal in self._waiting if is_guest(principal)]
        ours = sorted(principal for principal in self._waiting if not is_guest(principal))
        if guests and (self._guests_turn or not ours):
            self._guests_turn = False
            group = self._take(guests[0], 1)
            if guests[0] in self._waiting:
                # To the end of the line, behind the other plugins.
                self._waiting[guests[0]] = self._waiting.pop(guests[0])
            return group
        self._guests_turn = True
        share = max(1, GROUP // max(1, len(ours)))
        return [work for principal in ours for work in self._take(principal, share)]

    def _take(self, principal: Principal, count: int) -> list[Work]:
        queue = self._waiting[principal]
        taken = [queue.popleft() for _ in range(min(count, len(queue)))]
        if not queue:
            del self._waiting[principal]
        return taken

    def _commit(self, group: Sequence[Work]) -> None:
        """Write the group in one transaction; if that is lost, each of its units in a transaction of its own."""
        connection = self._connection_for(group[0].principal)
        try:
            envelopes = self._write_group(connection, group)
        except _Lost:
            if len(group) > 1:
                for work in group:
                    self._commit([work])
                return
            envelopes = ()
        except sqlite3.Error as error:
            self._give_up(group, meaning(error))
            return
        self.groups += 1
        self.units += len(group)
        self.trouble = None
        self._loop.call_soon_threadsafe(self._settle, group, envelopes)

    def _write_group(self, connection: Connection, group: Sequence[Work]) -> Sequence[Envelope[Any]]:
        """The transaction. Raises _Lost if nothing was committed and the units may run again, sqlite3.Error if they may not."""
        connection.begin_immediate()
        try:
            for work in group:
                self._run(connection, work)
            envelopes = self._record(connection, group)
            self._acknowledge(connection, group)
            self._end(connection, group)
        finally:
            # Nothing is open after a commit; after anything else, what is still open has to go.
            connection.rollback()
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
        if work.once is None or not self._answered_before(connection, work, work.once):
            connection.serve(work.principal, self._access.policy)
            work.perform(connection, self._hooks, self._now, writable=True)
            if work.once is not None and work.error is None and not is_shadow(work):
                self._keep(connection, work, work.once)
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
        try:
            connection.commit()
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
                self._places[work.principal].release()
                work.settle(self._hooks)
