"""What a handler returns: as JSON by the short way, or by Litestar's where there is more to say than a body."""

from pathlib import Path
from typing import Any

import pytest
from litestar import delete, get
from litestar.datastructures import Cookie, ResponseHeader
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from tests.kernel.http.things import Thing
from tests.support.http import http_for

from vivesphere.kernel.http.authentication import public
from vivesphere.kernel.http.json_response import JsonResponse
from vivesphere.kernel.module import Module


@get("/api/v1/struct", guards=[public], status_code=202)
async def struct() -> Thing:
    return Thing("an “a”")


@get("/api/v1/nothing", guards=[public])
async def nothing() -> Thing | None:
    return None


@get("/api/v1/named", guards=[public], response_headers=[ResponseHeader(name="X-Made-By", value="us")])
async def named() -> Thing:
    return Thing("a")


@get("/api/v1/eaten", guards=[public], response_cookies=[Cookie(key="crumb", value="1")])
async def eaten() -> Thing:
    return Thing("a")


@get("/api/v1/text", guards=[public])
async def text() -> str:
    return "as it is"


@get("/api/v1/bytes", guards=[public], media_type=MediaType.JSON)
async def written() -> bytes:
    return b'{"id":"written"}'


@get("/api/v1/told", guards=[public])
async def told() -> JsonResponse[Thing]:
    return JsonResponse(Thing("a"), headers={"X-Told": "1"})


@delete("/api/v1/gone", guards=[public])
async def gone() -> None: ...


ROUTES: tuple[HTTPRouteHandler, ...] = (struct, nothing, named, eaten, text, written, told, gone)
WHOLE = b'{"id":"a","source":"","actor":""}'


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "body"),
    [
        ("GET", "struct", 202, {"content-type": "application/json"}, '{"id":"an “a”","source":"","actor":""}'.encode()),
        ("GET", "nothing", 200, {"content-type": "application/json"}, b"null"),
        ("GET", "named", 200, {"content-type": "application/json", "x-made-by": "us"}, WHOLE),
        ("GET", "eaten", 200, {"content-type": "application/json", "set-cookie": "crumb=1; Path=/; SameSite=lax"}, WHOLE),
        ("GET", "text", 200, {"content-type": "text/plain; charset=utf-8"}, b"as it is"),
        ("GET", "bytes", 200, {"content-type": "application/json"}, b'{"id":"written"}'),
        ("GET", "told", 200, {"content-type": "application/json", "x-told": "1"}, WHOLE),
        ("DELETE", "gone", 204, {}, b""),
    ],
)
async def test_what_a_handler_returns_is_answered(
    *, tmp_path: Path, method: str, path: str, status: int, headers: dict[str, Any], body: bytes
) -> None:
    async with http_for(tmp_path, Module(name="shop", routes=ROUTES)) as http:
        answer = await http.client.request(method, f"/api/v1/{path}")
        head = await http.client.head(f"/api/v1/{path}") if method == "GET" else None
    assert (answer.status_code, answer.content) == (status, body)
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    if head is not None:
        assert answer.headers["content-length"] == head.headers["content-length"] == str(len(body))


async def test_what_is_no_json_is_told_as_a_failure_of_ours(tmp_path: Path) -> None:
    @get("/api/v1/odd", guards=[public])
    async def odd() -> Any:
        return object()

    async with http_for(tmp_path, Module(name="shop", routes=(odd,))) as http:
        answer = await http.client.get("/api/v1/odd")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:vivesphere:problem:unexpected")
