"""The WebSocket `/api/v1/stream`: events as they happen, to whoever may hear them.

The client says `{"type": "subscribe", "topic": "bots.>"}` and `{"type": "unsubscribe", …}`. Every frame of the server has the
same envelope `{v, id, seq, type, at, project, data}`; its own frames have types that begin with `stream.`:

- `stream.subscribed {topic, log, after, newest}`: what the log of that name has after `after` comes; it ends at `newest` now;
- `stream.unsubscribed {topic}`, `stream.heartbeat {}`, `stream.error {detail}`, with `topic` if it ended a subscription;
- `stream.dropped {count}`: the client was too slow for its events, and lost the oldest;
- `stream.gap {topic, after, oldest}`: retention has deleted events between the two.

A client that comes back says `{"type": "subscribe", "topic": "bots.>", "after": 1234, "log": "5f2a77c1"}` with the largest
`seq` it has seen on that topic: it is sent what was recorded since, then what happens, without a hole and nothing twice.
"""

import asyncio
from typing import Annotated, NoReturn

import msgspec
from litestar import websocket
from litestar.handlers import WebsocketRouteHandler
from msgspec import Meta

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.http.authentication import session_of, signed_in
from vivesphere.kernel.http.feed import Feed, NotUnderstood, StreamContext
from vivesphere.kernel.http.frames import frame_of
from vivesphere.kernel.http.sockets import Socket, accept, first_to_end, signed_out, stopped

HEARTBEAT = 30.0
BREATH = 32
"""Frames sent at once; after so many the others on the loop have their turn."""


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    topic: str
    after: Annotated[int, Meta(ge=0)] | None = None
    log: str | None = None


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="unsubscribe"):
    topic: str


_ask = msgspec.json.Decoder(Subscribe | Unsubscribe)


def stream_route(context: StreamContext) -> WebsocketRouteHandler:
    """The WebSocket route."""

    @websocket("/api/v1/stream", guards=[signed_in])
    async def event_stream(socket: Socket) -> None:
        """Events as they happen; see the description of this document for the frames."""
        await accept(socket)
        feed = Feed(context, session_of(socket).principal)
        try:
            close = await first_to_end(
                _receive(socket, feed),
                _send(socket, feed),
                feed.bring(),
                signed_out(socket),
                beat(feed, context.clock),
                stopped(socket),
            )
        finally:
            feed.close()
        if close is not None:
            await socket.close(*close)

    return event_stream


async def beat(feed: Feed, clock: Clock) -> NoReturn:
    """So that a client sees that the connection is alive, and whoever stands between does not close it."""
    while True:
        await clock.sleep(HEARTBEAT)
        feed.tell("stream.heartbeat")


async def _receive(socket: Socket, feed: Feed) -> NoReturn:
    """Ends when the client does. Nothing a client says ends it otherwise."""
    while True:
        text = await socket.receive_data("text")
        try:
            asked = _ask.decode(text)
            if isinstance(asked, Subscribe):
                feed.subscribe((asked.topic,), after=asked.after, log=asked.log)
            else:
                feed.unsubscribe(asked.topic)
                feed.tell("stream.unsubscribed", topic=asked.topic)
        except (msgspec.DecodeError, TopicInvalid, NotUnderstood, RecursionError) as error:
            feed.tell("stream.error", detail=_sentence(error))


async def _send(socket: Socket, feed: Feed) -> NoReturn:
    encode = msgspec.json.Encoder().encode
    while True:
        for _ in range(BREATH):
            await socket.send_data(encode(frame_of(await feed.take())), "text")
        # Neither line waits while events are there and the client takes them.
        await asyncio.sleep(0)


def _sentence(error: Exception) -> str:
    if isinstance(error, NotUnderstood | TopicInvalid):
        return str(error)
    expected = '{"type": "subscribe", "topic": "bots.>"}'
    return f"This frame is not understood ({str(error).replace('`', '')[:200]}); send for example {expected}."
