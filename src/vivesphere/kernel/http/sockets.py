"""What connections that stay open do the same way: be accepted or refused, and end with the sign-in or the server."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import Message, Receive, Scope, Send

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import NotSignedIn, Refusal
from vivesphere.kernel.http.authentication import (
    WEBSOCKET_PROTOCOL,
    Authenticator,
    Connection,
    offered_protocols,
    session_of,
    token_of,
)

GOING_AWAY = 1001
FAILED = 1011
APPLICATION = 4000
"""Close codes 4000 to 4999 are the application's (RFC 6455, 7.4.2); ours are 4000 + the HTTP status of the refusal."""

STOPPING = "stopping"
AUTHENTICATOR = "authenticator"
CLOCK = "clock"
CHECKED_EVERY = 30.0
"""Seconds after which an open WebSocket asks again whether its sign-in holds."""

ERROR_KEY = "vivesphere.error"

Socket = WebSocket[Any, Any, Any]
Close = tuple[int, str]


async def accept(socket: Socket) -> None:
    """Accept, choosing our subprotocol if the client offered it; a browser closes the connection otherwise."""
    offered = socket.scope["subprotocols"]
    await socket.accept(subprotocols=WEBSOCKET_PROTOCOL if WEBSOCKET_PROTOCOL in offered else None)


def stopping(connection: Connection) -> asyncio.Event:
    """Set when the server stops. A WebSocket that does not watch it holds the server up."""
    event: asyncio.Event = connection.app.state[STOPPING]
    return event


async def stopped(connection: Connection) -> Close:
    """Returns, with what to close by, once the server stops."""
    await stopping(connection).wait()
    return GOING_AWAY, "The server stops."


async def signed_out(connection: Connection) -> Close:
    """Returns, with what to close by, once the sign-in has expired or was ended. What does not watch it outlives it."""
    authenticator: Authenticator = connection.app.state[AUTHENTICATOR]
    clock: Clock = connection.app.state[CLOCK]
    token = token_of(connection)
    expires_at = session_of(connection).expires_at
    while (left := (expires_at - clock.now()).total_seconds()) > 0:
        await clock.sleep(min(left, CHECKED_EVERY))
        try:
            await authenticator.authenticate(token)
        except NotSignedIn as error:
            return close_code(error)
    return close_code(NotSignedIn("The access token has expired; refresh it and connect again."))


async def first_to_end(*parts: Coroutine[Any, Any, Close | None]) -> Close | None:
    """Run the parts of one open connection until one of them ends; what it says to close by, None if the client is gone.

    The others are cancelled. Raises what is no ordinary end.
    """
    tasks = [asyncio.create_task(part, name="connection") for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        # A client that is gone is told of by an OSError to whoever sends.
        if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect | OSError):
            raise end
    return next((end for end in ends if isinstance(end, tuple)), None)


def close_code(error: Exception) -> Close:
    """Code and reason that tell a client of an error."""
    if isinstance(error, Refusal):
        # A close frame holds 123 bytes of reason (RFC 6455, 5.5).
        return APPLICATION + error.status, error.detail.encode()[:123].decode(errors="ignore")
    return FAILED, "The server failed; its log says why."


async def remember_error(error: Exception, scope: Scope) -> None:
    """An `after_exception` hook: keeps the error for the door, which says what it was.

    Litestar itself answers an error inside a WebSocket by a close that says nothing.
    """
    scope["state"][ERROR_KEY] = error


class Handshake:
    """Stands between server and handler, and knows how far the connection has come."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._state = scope["state"]
        self._offered = offered_protocols(scope)
        self._receive = receive
        self._send = send
        self._connected = False
        self._accepted = False
        self._closed = False
        self._gone = False

    async def receive(self) -> Any:
        message = await self._receive()
        self._connected = True
        self._closed = self._closed or message["type"] == "websocket.disconnect"
        return message

    @property
    def error(self) -> Exception | None:
        """What the handler raised."""
        raised: Exception | None = self._state.get(ERROR_KEY)
        return raised

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.close" and self.error is not None:
            return
        self._accepted = self._accepted or message["type"] == "websocket.accept"
        self._closed = self._closed or message["type"] == "websocket.close"
        try:
            await self._send(message)
        except OSError:
            self._gone = self._closed = True
            raise

    def ends_with(self, error: Exception) -> bool:
        """Whether that is an ordinary end, of which nobody needs to be told: also that there was nobody left to tell."""
        return isinstance(error, WebSocketDisconnect) or (self._gone and isinstance(error, OSError))

    async def refuse(self, error: Exception) -> None:
        """Close with what went wrong, unless the connection is closed.

        A browser tells its page nothing of a refused handshake, so one that speaks our subprotocol is let in first, to read the
        close code; any other client gets the handshake refused.
        """
        if not self._connected:
            await self.receive()
        if self._closed:
            return
        self._state.pop(ERROR_KEY, None)
        code, reason = close_code(error)
        if not self._accepted and WEBSOCKET_PROTOCOL in self._offered:
            await self.send({"type": "websocket.accept", "subprotocol": WEBSOCKET_PROTOCOL, "headers": []})
        await self.send({"type": "websocket.close", "code": code, "reason": reason})
