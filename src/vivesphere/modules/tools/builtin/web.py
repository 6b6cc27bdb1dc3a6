"""Tools of the category `http`: both go through the effects gate, which guards the address and records what was sent."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.effects import HttpRequest, HttpResponse
from vivesphere.modules.tools.builtin.context import BuiltinContext
from vivesphere.sdk import tool
from vivesphere.sdk.acts import next_key

Url = Annotated[str, Meta(max_length=4000, description="An http or https address on the public internet.")]
Headers = Annotated[dict[str, str], Meta(max_length=30, description="Headers to send, by name.")]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`json` is the body decoded, if its content type says that it is JSON. `stand_in`: a dry run, nothing was sent."""

    status: int
    url: str
    content_type: str
    text: str
    json: JSON = None
    stand_in: bool = False


@tool("http.get_url", effect="read", timeout=30)
async def get_url(context: BuiltinContext, url: Url, headers: Headers = {}) -> Answer:  # noqa: B006 - msgspec copies an empty default
    """Fetch an address with GET, following redirects."""
    return _answer(await context.effects.fetch(HttpRequest(method="GET", url=url, headers=headers)))


@tool("http.post_json", effect="write", timeout=30)
async def post_json(
    context: BuiltinContext,
    url: Url,
    body: Annotated[Any, Meta(description="The JSON value to send.")],
    headers: Headers = {},  # noqa: B006 - msgspec copies an empty default
) -> Answer:
    """Send a JSON value to an address with POST."""
    request = HttpRequest(
        method="POST", url=url, headers={"content-type": "application/json", **headers}, body=msgspec.json.encode(body)
    )
    return _answer(await context.effects.fetch(request, idempotency_key=next_key()))


def _answer(response: HttpResponse) -> Answer:
    content_type = response.header("content-type") or ""
    return Answer(
        status=response.status,
        url=response.url,
        content_type=content_type,
        text=response.text,
        json=_decoded(response.body) if "json" in content_type.partition(";")[0] else None,
        stand_in=response.stand_in,
    )


def _decoded(body: bytes) -> JSON:
    try:
        return msgspec.json.decode(body)  # type: ignore[no-any-return]  # whatever stands in the body is JSON
    except (msgspec.DecodeError, RecursionError):
        return None
