"""Measures how late the event loop comes, and names who holds it while it is held.

A handler that blocks cannot be stopped inside the process, but it can be named. A heartbeat on the loop says when it last came;
a thread beside it notices a late one, and reads the loop's current task and the innermost frame of our or a plugin's code.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta

from vivesphere.kernel.bus.overview import LoopOverview
from vivesphere.kernel.events import LoopBlocked

UNKNOWN = "unknown"
"""Nobody was seen: the process was suspended or short of processor time, or foreign code held Python's lock all the while."""

OTHERS = "others"
NAMED = 100
"""So many culprits are counted by name, the rest together: a plugin may have any number of functions."""

TELL_EVERY = 1.0
"""Seconds between two events."""

END = 1.0
"""Seconds that the thread gets to end."""

log = structlog.get_logger("vivesphere.loop")


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `loop`."""

    heartbeat: Annotated[float, Meta(ge=0.001, le=1, description="Seconds between two measures of the event loop's lag.")] = (
        0.05
    )
    blocked_after: Annotated[
        float,
        Meta(ge=0.005, le=60, description="Seconds the event loop may be late before whoever holds it is named in the log."),
    ] = 0.25


class _Culprit(msgspec.Struct, frozen=True):
    """`name` is the task, if somebody named it, and the function; `place` is the line it was at."""

    name: str
    place: str


class LoopWatch:
    """The heartbeat and the thread of one loop. `by_culprit` counts, by name, how often the loop was blocked."""

    def __init__(
        self,
        settings: LoopSettings,
        *,
        places: Sequence[Path],
        tell: Callable[[LoopBlocked], None],
        observe: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`places` are the folders of our and the plugins' code; `observe` takes every measured lag, in seconds."""
        self.by_culprit: dict[str, int] = {}
        self._settings = settings
        self._places = tuple(f"{place.resolve()}{os.sep}" for place in places)
        self._tell = tell
        self._observe = observe
        self._monotonic = monotonic
        self._last = self._worst = 0.0
        self._blocked = 0
        self._culprit: str | None = None
        self._told = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loop watch", daemon=True)
        # What loop and thread share: taken for a few assignments, never while anything is written or told.
        self._lock = threading.Lock()
        self._due = 0.0
        self._beats = 0
        self._found: _Culprit | None = None

    def start(self) -> None:
        """Watch the running loop, whose thread this is."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._due = self._monotonic()
        self._floor: CodeType | None = None
        self._timer = self._loop.call_soon(self._beat)
        self._thread.start()

    def stop(self) -> None:
        """End the heartbeat and the thread."""
        self._timer.cancel()
        self._stopping.set()
        self._thread.join(END)

    def change(self, settings: LoopSettings) -> None:
        """Other settings from the next heartbeat on."""
        self._settings = settings

    def statistics(self) -> LoopOverview:
        """The last and the worst lag, and who blocked the loop at last."""
        return LoopOverview(
            last_ms=round(self._last * 1000, 3),
            worst_ms=round(self._worst * 1000, 3),
            blocked=self._blocked,
            culprit=self._culprit,
        )

    def look(self) -> float:
        """The thread's part: name who holds the loop, once, if the heartbeat is late. Returns the seconds to the next look."""
        allowed = self._settings.blocked_after
        with self._lock:
            beats, late, known = self._beats, self._monotonic() - self._due, self._found is not None
        if late < allowed:
            return allowed - late
        if known or (culprit := self._who()) is None:
            return allowed
        with self._lock:
            # The loop may have come back while its frames were read; then they are an innocent's.
            if self._beats != beats:
                return allowed
            self._found = culprit
        log.warning("loop_blocked", culprit=culprit.name, place=culprit.place, seconds=round(late, 3))
        return allowed

    def _run(self) -> None:
        while not self._stopping.wait(self.look()):
            pass

    def _beat(self) -> None:
        now = self._monotonic()
        with self._lock:
            late = max(now - self._due, 0.0)
            found, self._found = self._found, None
            self._beats += 1
            self._due = now + self._settings.heartbeat
        # First of all: nothing that goes wrong below may be the last heartbeat.
        self._timer = self._loop.call_later(self._settings.heartbeat, self._beat)
        # Whatever the loop runs is called from where this is called from: by uvloop or by `asyncio.Handle`.
        self._floor = sys._getframe(1).f_code
        self._last, self._worst = late, max(late, self._worst)
        self._observe(late)
        if found is not None or late >= self._settings.blocked_after:
            self._came_back(late, UNKNOWN if found is None else found.name)

    def _came_back(self, seconds: float, culprit: str) -> None:
        self._blocked += 1
        self._culprit = culprit
        counted = culprit if culprit in self.by_culprit or len(self.by_culprit) < NAMED else OTHERS
        self.by_culprit[counted] = self.by_culprit.get(counted, 0) + 1
        log.warning("loop_came_back", culprit=culprit, seconds=round(seconds, 3))
        if (now := self._monotonic()) - self._told >= TELL_EVERY:
            self._told = now
            self._tell(LoopBlocked(seconds=round(seconds, 3), culprit=culprit))

    def _who(self) -> _Culprit | None:
        """Who runs on the loop now, from another thread; None if it waits for something to do."""
        stack = self._stack()
        if not stack:
            return None
        frame = next((each for each in stack if each.f_code.co_filename.startswith(self._places)), stack[0])
        code = frame.f_code
        name = f"{frame.f_globals.get('__name__', '?')}.{code.co_qualname}"
        task = asyncio.current_task(self._loop)
        # A task that nobody named has a number, which tells nothing and would never come again.
        if task is not None and not task.get_name().startswith("Task-"):
            name = f"{task.get_name()} in {name}"
        return _Culprit(name, f"{code.co_filename}:{frame.f_lineno}")

    def _stack(self) -> list[FrameType]:
        """The frames above the loop, innermost first; none if the loop itself is what runs."""
        frames: list[FrameType] = []
        frame = sys._current_frames().get(self._loop_thread)
        while frame is not None and frame.f_code is not self._floor:
            frames.append(frame)
            frame = frame.f_back
        return [] if frame is None else frames
