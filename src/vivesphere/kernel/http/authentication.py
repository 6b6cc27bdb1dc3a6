"""Who is asking, and what a route needs of them.

A module's controller says `guards=[requires("bots.bot.read")]`, `guards=[signed_in]` or `guards=[public]`; every route has at
least one of them, and `server.build_http` refuses to start with one that has none. The decision itself is made once, by
`admission.Admission`, which reads the guards' requirements: they are not asked again (`server._spare_the_guards`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from vivesphere.kernel.errors import NotSignedIn
from vivesphere.kernel.principals import Principal

WEBSOCKET_PROTOCOL = "vivesphere.v1"
BEARER_PROTOCOL = "bearer."
SESSION_KEY = "vivesphere.session"
TOKEN_KEY = "vivesphere.token"  # noqa: S105 - the name of a place in the scope, not a secret

Connection = ASGIConnection[Any, Any, Any, Any]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A verified token: who it speaks for, and until when. Only one with a `csrf` may come in a cookie (`Browsers`)."""

    principal: Principal
    username: str
    expires_at: datetime
    id: str = ""
    csrf: str = ""


class Authenticator(Protocol):
    """What a module offers that can tell whose token this is."""

    async def authenticate(self, token: str) -> Session:
        """The session behind an access token. Raises NotSignedIn if it is not valid (any more)."""
        ...


class Requirement:
    """A guard: the session must hold `permission`; an empty one asks only for a session."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    # Litestar runs a guard that is no coroutine function on a thread, which costs more than all the rest of the door.
    async def __call__(self, connection: Connection, _handler: BaseRouteHandler) -> None:
        session_of(connection)


class Public:
    """A guard that lets everybody in, so that an open door is a decision and not an oversight."""

    async def __call__(self, connection: Connection, _handler: BaseRouteHandler) -> None:
        return


def requires(permission: str) -> Requirement:
    """The guard of a route whose caller must hold the permission in the project they ask in."""
    return Requirement(permission)


signed_in = Requirement("")
public = Public()
SIGN_IN_FIRST = "Sign in first: send the header 'Authorization: Bearer <access token>'."


def session_of(connection: Connection) -> Session:
    """The session of the running request or WebSocket. Raises NotSignedIn on a public route without one."""
    session: Session | None = connection.scope["state"].get(SESSION_KEY)
    if session is None:
        raise NotSignedIn(SIGN_IN_FIRST)
    return session


def token_of(connection: Connection) -> str:
    """The token that the running request or WebSocket was let in by; empty on a public route."""
    token: str = connection.scope["state"].get(TOKEN_KEY, "")
    return token


def offered_protocols(scope: Any) -> Sequence[str]:
    """The subprotocols that a WebSocket's client offers; none for plain HTTP."""
    offered: Sequence[str] = scope.get("subprotocols", ())
    return offered


def token_in(headers: Iterable[tuple[bytes, bytes]], subprotocols: Iterable[str] = ()) -> str | None:
    """The bearer token of a request (RFC 6750, 2.1).

    On a WebSocket also of the subprotocol `bearer.<token>`, since a browser can set no header there.
    """
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else None
    for offered in subprotocols:
        if offered.startswith(BEARER_PROTOCOL):
            return offered.removeprefix(BEARER_PROTOCOL)
    return None
