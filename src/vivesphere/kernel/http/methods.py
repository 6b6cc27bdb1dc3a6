"""Two methods that every path answers: HEAD as GET without the body, and OPTIONS (RFC 9110, 9.3.2 and 9.3.7)."""

from functools import lru_cache
from typing import Any, cast

from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import HTTPResponseStartEvent, HTTPScope, Message, Scope


class Server(Litestar):
    """Litestar, answering HEAD wherever it answers GET."""

    __slots__ = ()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await super().__call__(scope, receive, send)
            return

        answered = False

        async def without_body(message: Message) -> None:
            nonlocal answered
            if message["type"] != "http.response.body":
                await send(message)
            elif not answered:
                # Whatever body follows the first piece would be as empty, and that of a stream has no end.
                answered = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # A copy: the server that called us must still know that it was HEAD, and expect no body.
        as_get: Any = {**scope, "method": "GET"}
        await super().__call__(as_get, receive, without_body)


def correct_allow(message: HTTPResponseStartEvent, scope: Scope) -> None:
    """Name all methods of a path.

    Where two handlers share a path, Litestar's own answer to OPTIONS names the methods of one of them.
    """
    if cast("HTTPScope", scope)["method"] != "OPTIONS":
        return
    methods = _methods(scope["litestar_app"], scope.get("path_template", ""))
    if methods:
        kept = [(name, value) for name, value in message["headers"] if name.lower() != b"allow"]
        message["headers"] = [*kept, (b"allow", ", ".join(methods).encode())]


@lru_cache(maxsize=512)
def _methods(app: Litestar, template: str) -> tuple[str, ...]:
    found = {
        method
        for route in app.routes
        if isinstance(route, HTTPRoute) and template in (route.path, route.path_format)
        for method in route.methods
    }
    return tuple(sorted(found | ({"HEAD"} if "GET" in found else set())))
