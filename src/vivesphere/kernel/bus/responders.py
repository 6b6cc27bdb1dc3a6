"""Who answers which request, and how many at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from vivesphere.kernel.bus.errors import NoResponder
from vivesphere.kernel.bus.messages import Request
from vivesphere.kernel.principals import Principal

Answer = Callable[[Any], Awaitable[Any]]


class Responder:
    """Answers one request. It runs in the asker's task, at most `limit` at once; the others wait for their turn, in order."""

    __slots__ = ("_places", "answer", "answered", "fixed", "left", "limit", "principal", "running", "waiting")

    def __init__(self, principal: Principal, answer: Answer, limit: int, *, fixed: bool) -> None:
        """`fixed` limits are the responder's own wish and stay when the settings change. `left`: it answers nobody any
        more, and who still waits for a turn has to be told."""
        self.principal = principal
        self.answer = answer
        self.fixed = fixed
        self.left = False
        self.running = 0
        self.waiting = 0
        self.answered = 0
        self.change(limit)

    def change(self, limit: int) -> None:
        """Another limit, for whoever comes from now on."""
        self.limit = limit
        self._places = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        places = self._places
        self.waiting += 1
        try:
            await places.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self.answered += not self.left
            places.release()


class Responders:
    """One for each request."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[type[Request[Any]], Responder] = {}

    def change(self, limit: int) -> None:
        """Another limit for all that did not ask for one of their own."""
        self._limit = limit
        for responder in self._known.values():
            if not responder.fixed:
                responder.change(limit)

    def add(self, request: type[Request[Any]], principal: Principal, answer: Answer, concurrency: int | None) -> None:
        """Raises ValueError if somebody answers already, or for a limit below 1."""
        if request in self._known:
            raise ValueError(f"{request.topic} is answered by {self._known[request].principal} already")
        if concurrency is not None and concurrency < 1:
            raise ValueError(f"{principal} would answer {concurrency} of {request.topic} at once; it must be 1 at least")
        limit = self._limit if concurrency is None else concurrency
        self._known[request] = Responder(principal, answer, limit, fixed=concurrency is not None)

    def remove(self, request: type[Request[Any]]) -> None:
        """To leave twice is to leave once."""
        responder = self._known.pop(request, None)
        if responder is not None:
            responder.left = True

    def of(self, request: type[Request[Any]]) -> Responder:
        """Raises NoResponder."""
        try:
            return self._known[request]
        except KeyError:
            raise NoResponder(f"nobody answers {request.topic}") from None

    def items(self) -> tuple[tuple[type[Request[Any]], Responder], ...]:
        return tuple(self._known.items())
