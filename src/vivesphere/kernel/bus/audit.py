"""Live events on record, in the background; which ones, `audit_policy.py` says.

Nobody who publishes waits for the disk. What waits is bounded in number and in bytes; what does not fit is counted.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

import structlog

from vivesphere.kernel.bus.errors import LogUnavailable
from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.bus.overview import AuditOverview
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.event_rows import LogRow, row_bytes, row_of

CAPACITY = 100_000
"""Events that may wait."""

WAITING_BYTES = 64 * 1024 * 1024
"""What the rows that wait may take together."""

BATCH = 2048
"""Rows in one unit of work: the writer is held for some 10 ms."""

SLICE = 256
"""Events that are encoded at once, or a sixteenth of all that wait if that is more; then the loop has its turn."""

LINGER = 0.02
"""Seconds in which events gather after a silence, so that a trickle does not cost a commit for each."""

AWAY_DELAY = 1.0
"""Seconds until writing is tried again after the database failed."""

logger = structlog.get_logger("vivesphere.bus")

Append = Callable[[Sequence[LogRow]], Awaitable[None]]
"""Writes rows at the end of the log. Raises LogUnavailable while it cannot."""


class AuditRecorder:
    """Takes live events in, and writes them in batches while the server goes on.

    While the database is away or its disk full it holds what it can, counts the rest as `unaudited`, says why in `trouble`,
    and goes on by itself.
    """

    def __init__(self, append: Append, clock: Clock, *, capacity: int = CAPACITY) -> None:
        self.recorded = 0
        self.unaudited = 0
        self.trouble: str | None = None
        self._append = append
        self._clock = clock
        self._capacity = capacity
        self._arrived: deque[Envelope[Any]] = deque()
        self._rows: deque[LogRow] = deque()
        self._bytes = 0
        self._asleep = False
        self._arrival = asyncio.Event()
        self._encoded = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._arrived) + len(self._rows)

    def overview(self) -> AuditOverview:
        return AuditOverview(self.recorded, self.waiting, self.unaudited, self.trouble)

    def offer(self, envelope: Envelope[Any]) -> None:
        """Take an event in, or count it as unaudited. Never waits, never raises."""
        if len(self._arrived) + len(self._rows) >= self._capacity:
            self._lose(1, "events come faster than they can be recorded")
            return
        self._arrived.append(envelope)
        if self._asleep:
            self._asleep = False
            self._arrival.set()

    def start(self) -> None:
        """Record in a task of its own, until `close`."""
        self._task = asyncio.create_task(self.run(), name="audit recorder")

    async def close(self, deadline: float = 5.0) -> None:
        """Record what waits, as `flush` does, and end."""
        await self.flush(deadline)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def run(self) -> None:
        """Record, for as long as the server runs. What is encoded waits for the writer while the next events are encoded."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._encode_all())
            tasks.create_task(self._write_all())

    async def flush(self, deadline: float = 5.0) -> None:
        """Record what waits now. Gives up after `deadline` seconds, or when the database does not take it, and leaves it."""
        try:
            async with asyncio.timeout(deadline):
                while self._arrived or self._rows:
                    self._encode()
                    if not await self._write():
                        break
        except TimeoutError:
            self.trouble = self.trouble or f"the database took more than {deadline} s"
        if self.waiting:
            logger.warning("live_events_not_recorded", events=self.waiting, reason=self.trouble)

    async def _encode_all(self) -> None:
        while True:
            while self._arrived:
                self._encode()
                # The loop's other tasks have their turn between two slices.
                await asyncio.sleep(0)
            self._asleep = True
            self._arrival.clear()
            await self._arrival.wait()
            await asyncio.sleep(LINGER)

    async def _write_all(self) -> None:
        while True:
            if not self._rows:
                self._encoded.clear()
                await self._encoded.wait()
            if not await self._write():
                await self._clock.sleep(AWAY_DELAY)

    def _encode(self) -> None:
        """A slice of what has arrived becomes rows."""
        for _ in range(min(len(self._arrived), max(SLICE, len(self._arrived) // 16))):
            envelope = self._arrived.popleft()
            if self._bytes >= WAITING_BYTES:
                self._lose(1, "events come faster than they can be recorded")
                continue
            try:
                row = row_of(envelope)
            except Exception as error:  # noqa: BLE001 - a stranger's payload, which may have changed since it was checked: it ends no recorder
                self._lose(1, f"{envelope.topic} cannot be written as JSON: {error}")
                continue
            self._rows.append(row)
            self._bytes += row_bytes(row)
        self._encoded.set()

    async def _write(self) -> bool:
        """One batch. False if it has to be tried again later."""
        async with self._writing:
            batch = tuple(islice(self._rows, BATCH))
            if not batch:
                return True
            try:
                await self._append(batch)
            except LogUnavailable as error:
                if self.trouble != str(error):
                    logger.warning("live_events_wait", reason=str(error))
                    self.trouble = str(error)
                return False
            except Exception as error:
                # Whatever is wrong with one batch, the next ones are to be recorded.
                logger.exception("live_events_lost", events=len(batch))
                self._lose(len(batch), f"{type(error).__name__}: {error}")
                written = False
            else:
                written = True
            for _ in batch:
                self._bytes -= row_bytes(self._rows.popleft())
            if written:
                self.recorded += len(batch)
                if self.waiting <= self._capacity // 2:
                    self.trouble = None
            return True

    def _lose(self, events: int, reason: str) -> None:
        """The first reason stands until recording goes well again."""
        self.unaudited += events
        if self.trouble is None:
            logger.warning("live_events_unaudited", reason=reason)
            self.trouble = reason
