"""What every WebSocket route does the same way: accept, be refused, and end when the server does."""

import asyncio
from typing import Any

from litestar.connection import WebSocket
from litestar.types import Message, Receive, Scope, Send

from vivesphere.kernel.clock import Clock
from vivesphere.kernel.errors import NotSignedIn, Refusal
from vivesphere.kernel.http.authentication import (
    WEBSOCKET_PROTOCOL,
    Authenticator,
    Connection,
    offered_protocols,
    session_of,
    token_in,
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


async def signed_out(socket: Socket) -> Close:
    """Returns, with what to close by, once the sign-in has expired or was ended. A WebSocket must watch it, or outlives it."""
    authenticator: Authenticator = socket.app.state[AUTHENTICATOR]
    clock: Clock = socket.app.state[CLOCK]
    token = token_in(socket.scope["headers"], offered_protocols(socket.scope)) or ""
    expires_at = session_of(socket).expires_at
    while (left := (expires_at - clock.now()).total_seconds()) > 0:
        await clock.sleep(min(left, CHECKED_EVERY))
        try:
            await authenticator.authenticate(token)
        except NotSignedIn as error:
            return close_code(error)
    return close_code(NotSignedIn("The access token has expired; refresh it and connect again."))


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
        await self._send(message)

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
