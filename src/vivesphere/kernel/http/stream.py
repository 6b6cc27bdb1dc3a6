"""The WebSocket `/api/v1/stream`: events as they happen, to whoever may hear them.

The client says `{"type": "subscribe", "topic": "bots.>"}` and `{"type": "unsubscribe", …}`. Every frame of the server has the
same envelope `{v, id, seq, type, at, project, data}`; its own frames have types that begin with `stream.`:
`stream.subscribed {topic}`, `stream.unsubscribed {topic}`, `stream.error {detail}`, `stream.heartbeat {}` and
`stream.dropped {count}`. A client too slow for its events loses the oldest and is told how many.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from vivesphere.kernel.bus.delivery import Subscription
from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.topics import matches
from vivesphere.kernel.cause import DEFAULT_PROJECT
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.http.authentication import Session, session_of, signed_in
from vivesphere.kernel.http.sockets import GOING_AWAY, Close, Socket, accept, signed_out, stopping
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.telemetry import Metrics

HEARTBEAT = 30.0
CAPACITY = 1000
MAX_PATTERNS = 64

Hearer = Callable[[Envelope[Any]], Awaitable[None]]


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What the server sends."""

    v: Literal[1] = 1
    id: str | None = None
    seq: int | None = None
    type: str
    at: datetime
    project: str | None = None
    data: dict[str, Any]


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    topic: str


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="unsubscribe"):
    topic: str


_ask = msgspec.json.Decoder(Subscribe | Unsubscribe)


class NotUnderstood(Exception):
    """A client frame that is well formed, and cannot be done. Told in a `stream.error`."""


class StreamContext(msgspec.Struct, frozen=True):
    """What the streams share. `bus` is `system`'s, which hears all; each event is then checked against the client."""

    bus: BusHandle
    permissions: Permissions
    clock: Clock
    metrics: Metrics


def stream_route(context: StreamContext) -> WebsocketRouteHandler:
    """The WebSocket route."""

    @websocket("/api/v1/stream", guards=[signed_in])
    async def event_stream(socket: Socket) -> None:
        """Events as they happen; see the description of this document for the frames."""
        await accept(socket)
        await Client(context, socket, session_of(socket)).run()

    return event_stream


class Client:
    """One connected client: its patterns and its bounded queue."""

    def __init__(self, context: StreamContext, socket: Socket, session: Session) -> None:
        self._context = context
        self._socket = socket
        self._session = session
        self._patterns: dict[str, Subscription] = {}
        self._queue: deque[Frame] = deque()
        self._more = asyncio.Event()
        self._dropped = 0

    async def run(self) -> None:
        """Serve until the client goes, the session ends or the server stops. Raises what is no ordinary end."""
        parts: tuple[Callable[[], Coroutine[Any, Any, Close | None]], ...]
        parts = (self._receive, self._send, self._sign_out, self._beat, self._stop)
        tasks = [asyncio.create_task(part(), name=f"stream:{part.__name__}") for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for subscription in tuple(self._patterns.values()):
                subscription.close()
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            # A client that is gone is told of by an OSError to whoever sends.
            if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect | OSError):
                raise end
        close = next((end for end in ends if isinstance(end, tuple)), None)
        if close is not None:
            await self._socket.close(*close)

    async def _receive(self) -> None:
        """Ends when the client does. Nothing a client says ends it otherwise."""
        while True:
            text = await self._socket.receive_data("text")
            try:
                asked = _ask.decode(text)
                self._subscribe(asked.topic) if isinstance(asked, Subscribe) else self._unsubscribe(asked.topic)
            except (msgspec.DecodeError, TopicInvalid, NotUnderstood, RecursionError) as error:
                self._tell("stream.error", detail=_sentence(error))

    async def _send(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._queue or self._dropped:
                if self._dropped:
                    count, self._dropped = self._dropped, 0
                    frame = self._control("stream.dropped", {"count": count})
                else:
                    frame = self._queue.popleft()
                await self._socket.send_data(msgspec.json.encode(frame), "text")

    async def _beat(self) -> None:
        while True:
            await self._context.clock.sleep(HEARTBEAT)
            self._tell("stream.heartbeat")

    async def _sign_out(self) -> Close:
        return await signed_out(self._socket)

    async def _stop(self) -> Close:
        await stopping(self._socket).wait()
        return GOING_AWAY, "The server stops."

    def _subscribe(self, pattern: str) -> None:
        if pattern not in self._patterns:
            if len(self._patterns) >= MAX_PATTERNS:
                raise NotUnderstood(f"One connection may subscribe to {MAX_PATTERNS} patterns; unsubscribe from one first.")
            self._patterns[pattern] = self._context.bus.listen(pattern, self._hearer(pattern), capacity=CAPACITY, name="stream")
        self._tell("stream.subscribed", topic=pattern)

    def _unsubscribe(self, pattern: str) -> None:
        subscription = self._patterns.pop(pattern, None)
        if subscription is None:
            raise NotUnderstood(f"There is no subscription to {pattern[:80]!r}.")
        subscription.close()
        self._tell("stream.unsubscribed", topic=pattern)

    def _hearer(self, pattern: str) -> Hearer:
        async def hear(envelope: Envelope[Any]) -> None:
            if self._may_hear(envelope) and self._is_first(pattern, envelope.topic):
                self._put(frame_of(envelope))

        return hear

    def _may_hear(self, envelope: Envelope[Event]) -> bool:
        if envelope.payload.addressee() not in (None, self._session.principal):
            return False
        project = envelope.cause.project
        permission = type(envelope.payload).permission
        if not permission:
            # Anybody's event is still not anybody's in another project.
            return bool(self._context.permissions.held(self._session.principal, project))
        return self._context.permissions.allows(self._session.principal, permission, project)

    def _is_first(self, pattern: str, topic: str) -> bool:
        """Of several patterns that name the event, only the oldest brings it."""
        return next((each for each in self._patterns if matches(each, topic)), None) == pattern

    def _tell(self, kind: str, **data: Any) -> None:
        self._put(self._control(kind, data))

    def _control(self, kind: str, data: dict[str, Any]) -> Frame:
        return Frame(type=kind, at=self._context.clock.now(), project=DEFAULT_PROJECT, data=data)

    def _put(self, frame: Frame) -> None:
        if len(self._queue) >= CAPACITY:
            self._queue.popleft()
            self._dropped += 1
            self._context.metrics.stream_dropped.inc()
        self._queue.append(frame)
        self._more.set()


def frame_of(envelope: Envelope[Any]) -> Frame:
    """An event as the client sees it: what its contract calls secret is masked."""
    return Frame(
        id=envelope.id,
        seq=envelope.seq,
        type=envelope.topic,
        at=envelope.time,
        project=envelope.cause.project,
        data=envelope.payload.masked(),
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, NotUnderstood | TopicInvalid):
        return str(error)
    expected = '{"type": "subscribe", "topic": "bots.>"}'
    return f"This frame is not understood ({str(error).replace('`', '')[:200]}); send for example {expected}."
