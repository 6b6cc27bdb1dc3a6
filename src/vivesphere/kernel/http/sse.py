"""`/api/v1/stream/sse`: the stream for clients that cannot hold a WebSocket, as server-sent events (WHATWG HTML, 9.2).

The same frames as on the WebSocket: `event` is the frame's type, `data` the frame. What is recorded has the `id`
`<log>-<seq>`; a client that comes back with the last one as `Last-Event-ID` (or `?after=`) is sent what was recorded since. If
that place is of another database, or retention has deleted something since, it is told so by `stream.gap` and goes on from now,
or from what is left. `stream.closed {code, reason}` is the last word, with the codes of the WebSocket.
"""

import re
from typing import Annotated, Any, NoReturn

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from vivesphere.kernel.bus.errors import TopicInvalid
from vivesphere.kernel.db.log_extent import LogExtent
from vivesphere.kernel.errors import FieldError, InvalidInput
from vivesphere.kernel.http.authentication import Connection, session_of, signed_in
from vivesphere.kernel.http.feed import MAX_PATTERNS, Feed, NotUnderstood, StreamContext
from vivesphere.kernel.http.frames import Frame, frame_of
from vivesphere.kernel.http.sockets import Close, first_to_end, signed_out, stopped
from vivesphere.kernel.http.stream import beat

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_COMMENT = b": heartbeat\n\n"

_PLACE = re.compile(r"(?:(?P<log>[0-9a-f]{8})-)?(?P<seq>[0-9]{1,18})")

Topics = Annotated[
    list[str],
    QueryParameter(max_items=MAX_PATTERNS, description="A topic or a pattern; may be given more than once."),
]
After = Annotated[
    str | None,
    QueryParameter(max_length=100, description="The `id` of the last event you know: what was recorded since comes first."),
]
LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", max_length=100, description="The same, as an EventSource sends it.")
]


class Place(msgspec.Struct, frozen=True):
    """A place in a log; `log` is None if the client does not know which."""

    seq: int
    log: str | None


def sse_route(context: StreamContext) -> HTTPRouteHandler:
    """The route."""

    @get("/api/v1/stream/sse", guards=[signed_in], media_type=MEDIA_TYPE)
    async def server_sent_events(
        request: Request[Any, Any, Any], topic: Topics | None = None, after: After = None, last_event_id: LastEventId = None
    ) -> ASGIApp:
        """The live stream as server-sent events, with the frames of the WebSocket `/api/v1/stream`; `data` is one frame."""
        feed = Feed(context, session_of(request).principal)
        extent = await context.history.extent()
        place = _place(last_event_id, "Last-Event-ID") or _place(after, "after")
        known = place is not None and place.log in (None, extent.log_id) and place.seq <= extent.newest
        try:
            feed.subscribe(topic or [">"], after=place.seq if place is not None and known else None)
        except TopicInvalid as error:
            raise InvalidInput(f"The topic is not valid: {error}.", [FieldError("/topic", str(error))]) from None
        except NotUnderstood:
            detail = f"may be given {MAX_PATTERNS} times at most"
            raise InvalidInput(f"The topic {detail}.", [FieldError("/topic", detail)]) from None
        if place is not None and not known:
            feed.tell("stream.gap", after=place.seq, oldest=extent.oldest)
        return _Answer(request, context, feed, extent)

    return server_sent_events


class _Answer:
    """An ASGI answer that lasts. Litestar's own stream cannot end tasks beside it once its client is gone."""

    def __init__(self, connection: Connection, context: StreamContext, feed: Feed, extent: LogExtent) -> None:
        self._connection = connection
        self._context = context
        self._feed = feed
        self._log = extent.log_id

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        headers = ((b"content-type", MEDIA_TYPE.encode()), (b"x-accel-buffering", b"no"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            close = await first_to_end(
                _gone(receive),
                self._send(send),
                self._feed.bring(),
                signed_out(self._connection),
                beat(self._feed, self._context.clock),
                stopped(self._connection),
            )
        finally:
            self._feed.close()
        if close is not None:
            await send({"type": "http.response.body", "body": self._closing(close), "more_body": False})

    async def _send(self, send: Send) -> NoReturn:
        while True:
            frame = frame_of(await self._feed.take())
            await send({"type": "http.response.body", "body": self._written(frame), "more_body": True})

    def _closing(self, close: Close) -> bytes:
        code, reason = close
        now = self._context.clock.now()
        return self._written(Frame(type="stream.closed", at=now, data={"code": code, "reason": reason}))

    def _written(self, frame: Frame) -> bytes:
        if frame.type == "stream.heartbeat":
            return HEARTBEAT_COMMENT
        # Being subscribed is a place, too: whoever is cut off before the first event misses nothing either.
        seq = frame.data.get("after") if frame.type == "stream.subscribed" else frame.seq
        place = b"" if seq is None else f"id: {self._log}-{seq}\n".encode()
        return b"%sevent: %s\ndata: %s\n\n" % (place, frame.type.encode(), msgspec.json.encode(frame))


async def _gone(receive: Receive) -> None:
    """Returns when the client is."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _place(text: str | None, where: str) -> Place | None:
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        detail = "is not the id of an event of this stream; send it as it came, such as 5f2a77c1-1234, or leave it out"
        raise InvalidInput(f"{where} {detail}.", [FieldError(f"/{where}", detail)])
    return Place(int(found["seq"]), found["log"])
