"""What a handler returns, as JSON.

Litestar's own response copies headers and cookies that no handler of ours sets: a seventh of its work on a read.
"""

from typing import Any, TypeVar

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.response.base import ASGIResponse
from litestar.serialization import encode_json
from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send

T = TypeVar("T")

_BODILESS = frozenset({204, 304})
_TYPE = (b"content-type", b"application/json")


class JsonResponse(Response[T]):
    """The `response_class` of the application: Litestar makes one of whatever is no response yet."""

    def to_asgi_response(
        self, app: Any, request: Request[Any, Any, Any], *, headers: dict[str, str] | None = None, **rest: Any
    ) -> ASGIResponse:
        plain = not (headers or self.headers or self.cookies or self.background or any(rest.values()))
        status = self.status_code or 200
        bodied = status >= 200 and status not in _BODILESS and not isinstance(self.content, str | bytes)
        if plain and bodied and self.media_type == MediaType.JSON:
            return _JsonAnswer(status, self.content)
        return super().to_asgi_response(app, request, headers=headers, **rest)


class _JsonAnswer(ASGIResponse):
    """Written as it is sent: Litestar's makes a body and a set of headers that can be changed first, and we change neither."""

    def __init__(self, status: int, content: Any) -> None:
        self.status_code = status
        self.body = encode_json(content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": [_TYPE, (b"content-length", b"%d" % len(self.body))],
        }
        body: HTTPResponseBodyEvent = {"type": "http.response.body", "body": self.body, "more_body": False}
        await send(start)
        await send(body)
