"""The log of executions: handed over in the run, written in batches behind it, so that no run waits for the disk."""

import asyncio
import itertools
from collections import deque
from datetime import timedelta

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.modules.tools import rules
from vivesphere.modules.tools.schemas import Execution

CAPACITY = 10_000
LARGEST_BATCH = 1_000
PAUSE = 0.2
"""Seconds in which executions gather into a batch."""

FORGET_EVERY = 3600.0


class ExecutionLog:
    """Bounded: when more comes than the disk takes, the newest is dropped and counted in `dropped`."""

    def __init__(self, db: DatabaseHandle, clock: Clock, keep_days: float) -> None:
        self.dropped = 0
        self._db = db
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._waiting: deque[Execution] = deque()
        self._more = asyncio.Event()
        self._writing = asyncio.Lock()

    def hand_over(self, execution: Execution) -> None:
        """Never waits."""
        if len(self._waiting) >= CAPACITY:
            self.dropped += 1
            return
        self._waiting.append(execution)
        if len(self._waiting) == 1:
            self._more.set()

    async def write(self) -> None:
        """Write what comes, for ever. A job; it begins again if the database could not take a batch."""
        while True:
            await self._more.wait()
            await self._clock.sleep(PAUSE)
            await self.flush()

    async def flush(self) -> None:
        """Write everything handed over so far. What could not be written stays and is tried again."""
        async with self._writing:
            while batch := list(itertools.islice(self._waiting, LARGEST_BATCH)):
                await self._db.write(rules.record_executions, batch)
                for _ in batch:
                    self._waiting.popleft()
            self._more.clear()

    async def forget(self) -> None:
        """Forget what is older than is kept, once an hour, for ever. A job."""
        while True:
            await self._db.write(rules.forget_executions, self._keep)
            await self._clock.sleep(FORGET_EVERY)
