"""Ordered work side by side: one lane for each key, in order within it, a bounded number of lanes moving at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

import structlog

from vivesphere.kernel.lifetime import Lifetime

log = structlog.get_logger("vivesphere.bots")

Work = Callable[[], Coroutine[Any, Any, None]]


class Lanes:
    """Work of one group (an account) cannot use up another group's places, so a slow bot is slow alone."""

    def __init__(self, lifetime: Lifetime, *, at_once: int, waiting: int) -> None:
        self._lifetime = lifetime
        self._at_once = at_once
        self._waiting = waiting
        self._lanes: dict[tuple[Hashable, Hashable], deque[Work]] = {}
        self._groups: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    def put(self, group: Hashable, key: Hashable, work: Work) -> bool:
        """Queue work behind what its lane holds. False if the lane is full. The work brings its own cause: it may run in the
        task that an earlier caller's work began."""
        lane = self._lanes.get((group, key))
        if lane is not None:
            if len(lane) >= self._waiting:
                return False
            lane.append(work)
            return True
        self._lanes[group, key] = deque([work])
        self._lifetime.spawn(self._drain(group, key), name=f"lane {group} {key}")
        return True

    async def _drain(self, group: Hashable, key: Hashable) -> None:
        lane = self._lanes[group, key]
        semaphore, users = self._groups.get(group, (asyncio.Semaphore(self._at_once), 0))
        self._groups[group] = semaphore, users + 1
        try:
            while lane:
                async with semaphore:
                    await _attempt(lane[0])
                lane.popleft()
        finally:
            del self._lanes[group, key]
            semaphore, users = self._groups.pop(group)
            if users > 1:
                self._groups[group] = semaphore, users - 1


async def _attempt(work: Work) -> None:
    try:
        await work()
    except Exception:  # the bus boundary: what waits behind a message must not be lost with it
        log.exception("lane_work_failed")
