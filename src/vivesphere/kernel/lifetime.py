"""A lifetime owns what a module or plugin creates at run time; closing it releases all and says what would not go."""

import asyncio
import inspect
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
import structlog

log = structlog.get_logger("vivesphere.lifetime")

Release = Callable[[], Awaitable[None] | None]


class LeftBehind(msgspec.Struct, frozen=True):
    """What a closed lifetime could not release, by name. Empty means clean."""

    items: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.items)


class Lifetime:
    """Tasks, releases and child lifetimes under one name. They are released in the reverse order of their coming."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False
        self._numbers = itertools.count()
        self._releases: dict[int, tuple[str, Release]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._children: list[Lifetime] = []

    @property
    def held(self) -> tuple[str, ...]:
        """The names of everything it owns now, its children's included."""
        own = [name for name, _ in self._releases.values()] + [task.get_name() for task in self._tasks]
        return tuple(own) + tuple(name for child in self._children for name in child.held)

    def child(self, name: str) -> "Lifetime":
        """A lifetime that ends with this one at the latest."""
        self.check_open()
        self._children = [child for child in self._children if not child.closed]
        born = Lifetime(f"{self.name}/{name}")
        self._children.append(born)
        return born

    def spawn(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine as a task that ends with the lifetime. An exception nobody awaits is logged, not lost."""
        if self.closed:
            coroutine.close()
            self.check_open()
        task = asyncio.create_task(coroutine, name=f"{self.name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def add(self, name: str, release: Release) -> Callable[[], None]:
        """Own something that `release` gives back. Returns a function that forgets it, for when it went by itself."""
        self.check_open()
        number = next(self._numbers)
        self._releases[number] = (name, release)
        return lambda: (self._releases.pop(number, None), None)[1]

    async def close(self, deadline: float = 5.0) -> LeftBehind:
        """Release everything within `deadline` seconds. A second call finds nothing to do."""
        self.closed = True
        left: list[str] = []
        for child in reversed(self._children):
            left.extend((await child.close(deadline)).items)
        self._children.clear()
        left.extend(await self._end_tasks(deadline))
        left.extend(await self._release_all(deadline))
        if left:
            log.warning("lifetime_left_behind", lifetime=self.name, items=left)
        return LeftBehind(tuple(left))

    async def _end_tasks(self, deadline: float) -> list[str]:
        mine = {task for task in self._tasks if task is not asyncio.current_task()}
        for task in mine:
            task.cancel()
        if not mine:
            return []
        _, stubborn = await asyncio.wait(mine, timeout=deadline)
        return [task.get_name() for task in stubborn]

    async def _release_all(self, deadline: float) -> list[str]:
        left: list[str] = []
        while self._releases:
            name, release = self._releases.pop(next(reversed(self._releases)))
            try:
                async with asyncio.timeout(deadline):
                    if inspect.isawaitable(outcome := release()):
                        await outcome
            except Exception:
                log.warning("release_failed", lifetime=self.name, item=name, exc_info=True)
                left.append(name)
        return left

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", task=task.get_name(), exc_info=error)

    def check_open(self) -> None:
        """Raises RuntimeError once it is closed: for who makes something first that is added afterwards."""
        if self.closed:
            raise RuntimeError(f"lifetime {self.name!r} is closed; nothing new can begin in it")
