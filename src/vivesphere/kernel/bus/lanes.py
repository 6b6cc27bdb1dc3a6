"""A lane of a durable listener: the events that are handled one after the other."""

import asyncio
from collections import deque
from datetime import datetime
from typing import Any

from vivesphere.kernel.bus.delivery_log import Due
from vivesphere.kernel.bus.messages import Envelope


class Held:
    """An event in hand. `blocks`: nothing else in its lane is handled before it."""

    __slots__ = ("blocks", "due", "envelope", "unreadable")

    def __init__(self, due: Due, *, blocks: bool) -> None:
        self.due = due
        self.blocks = blocks
        self.envelope: Envelope[Any] | None = None
        self.unreadable: Exception | None = None

    def readable(self) -> Envelope[Any]:
        """The event, or what was raised when its contract or its key read it."""
        if self.envelope is None or self.unreadable is not None:
            raise self.unreadable or ValueError("the event was never read")
        return self.envelope

    def ready(self, now: datetime) -> bool:
        """Whether it may be tried."""
        return not self.due.dead and (self.due.again_at is None or self.due.again_at <= now)

    def trouble(self) -> str:
        """Why the lane does not go on."""
        due = self.due
        told = f"{due.topic} {due.id} failed {due.attempts} times and holds up what comes after it"
        if due.again_at is None:
            return f"{told}: retry or drop the dead letter"
        return f"{told}: the next try is at {due.again_at:%H:%M:%S} UTC"


class Lane:
    """`filled`: an event has come; `decided`: a person has decided about dead letters. `blocked` is why it waits."""

    __slots__ = ("blocked", "decided", "filled", "queue")

    def __init__(self) -> None:
        self.queue: deque[Held] = deque()
        self.filled = asyncio.Event()
        self.decided = asyncio.Event()
        self.blocked: str | None = None

    def add(self, held: Held) -> None:
        self.queue.append(held)
        self.filled.set()

    @property
    def still(self) -> bool:
        """Whether nothing happens here until something comes, a moment comes, or a person decides."""
        if not self.queue:
            return True
        return self.blocked is not None and not (self.queue[0].due.dead and self.decided.is_set())


def is_cancelled() -> bool:
    """Whether somebody wants the running task to end, even if it caught what told it so."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
