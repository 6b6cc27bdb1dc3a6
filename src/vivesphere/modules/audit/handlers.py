"""What the operator may ask over the operator socket: what people ask over HTTP, as the one who may hear everything."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.http.feed import StreamContext, followed
from vivesphere.kernel.http.frames import frame_of
from vivesphere.kernel.principals import SYSTEM
from vivesphere.modules.audit.dead_letters import DeadLetterService
from vivesphere.modules.audit.errors import FilterInvalid
from vivesphere.modules.audit.events import EventService
from vivesphere.modules.audit.schemas import DeadLetterFilter, EventFilter, ReplayRequest

T = TypeVar("T")


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    filter: EventFilter = EventFilter()


class ChainOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is that of any of the chain's events."""

    id: str


class Letters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`id` is one letter; without it `filter` says which."""

    id: str | None = None
    filter: DeadLetterFilter = DeadLetterFilter()
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50


class Tail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    topic: str = ">"
    after: Annotated[int, Meta(ge=0)] | None = None


class OperatorHandlers:
    def __init__(self, events: EventService, letters: DeadLetterService, streams: StreamContext) -> None:
        self._events = events
        self._letters = letters
        self._streams = streams

    async def history(self, arguments: dict[str, Any]) -> Any:
        """The newest events of the filter, the newest first."""
        asked = _asked(arguments, Listing)
        found = await self._events.list_events(None, asked.limit, asked.filter)
        return msgspec.to_builtins(found.items)

    async def chain(self, arguments: dict[str, Any]) -> Any:
        return msgspec.to_builtins(await self._events.chain(_asked(arguments, ChainOf).id))

    async def replay(self, arguments: dict[str, Any]) -> Any:
        return msgspec.to_builtins(await self._letters.replay(_asked(arguments, ReplayRequest)))

    async def dead_letters(self, arguments: dict[str, Any]) -> Any:
        asked = _asked(arguments, Letters)
        if asked.id is not None:
            return msgspec.to_builtins([await self._letters.find(asked.id)])
        return msgspec.to_builtins((await self._letters.list_letters(None, asked.limit, asked.filter)).items)

    async def retry(self, arguments: dict[str, Any]) -> Any:
        asked = _asked(arguments, Letters)
        if asked.id is not None:
            await self._letters.retry(asked.id)
            return {"count": 1}
        return msgspec.to_builtins(await self._letters.retry_all(asked.filter))

    async def drop(self, arguments: dict[str, Any]) -> Any:
        asked = _asked(arguments, Letters)
        if asked.id is not None:
            await self._letters.drop(asked.id)
            return {"count": 1}
        return msgspec.to_builtins(await self._letters.drop_all(asked.filter))

    async def tail(self, arguments: dict[str, Any]) -> AsyncGenerator[Any, None]:
        """Frames as the WebSocket sends them."""
        asked = _asked(arguments, Tail)
        try:
            async with aclosing(followed(self._streams, SYSTEM, asked.topic, asked.after)) as items:
                async for item in items:
                    yield msgspec.to_builtins(frame_of(item))
        except TopicInvalid as error:
            raise FilterInvalid("/topic", str(error)) from None


def _asked(arguments: dict[str, Any], of: type[T]) -> T:
    try:
        return msgspec.convert(arguments, of)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The arguments are not valid: {error}.") from None
