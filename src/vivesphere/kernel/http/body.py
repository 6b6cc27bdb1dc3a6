"""Bodies: decoded once, straight into the struct that the handler declares, so that the error can name the field.

Litestar would decode to plain values and convert leniently afterwards: `"true"` would pass for a boolean.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException

from vivesphere.kernel.http.problems import Malformed, MediaTypeUnknown, body_error

MAX_DEPTH = 100
"""A deeper document has no use here, and would end in a RecursionError when it is written again."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")


class TypedRequest(Request[Any, Any, Any]):
    """A request whose JSON is of the type of the handler's `data` parameter."""

    async def json(self) -> Any:
        """The body, decoded strictly. Raises Malformed, MediaTypeUnknown or InvalidInput."""
        media_type = self.content_type[0]
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise MediaTypeUnknown(f"Send the body as application/json, not as {media_type[:80]}.")
        field = self.route_handler.parsed_data_field
        return decode(await self.body(), Any if field is None else field.raw)

    async def body(self) -> bytes:
        try:
            return await super().body()
        except HTTPException as error:
            if error.status_code != 500:
                raise
            # The client went away while sending; nobody is there to read the answer, and it is no failure of ours.
            raise Malformed("The body ended before it was complete.") from None


def decode(body: bytes, of: Any) -> Any:
    """JSON as `of`. Raises Malformed for what is no JSON, InvalidInput for JSON of another shape."""
    check_depth(body)
    try:
        return _decoder(of).decode(body)
    except msgspec.ValidationError as error:
        raise body_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not valid JSON: {_reason(error)}.") from None


def check_depth(body: bytes) -> None:
    """Raises Malformed for JSON nested deeper than MAX_DEPTH. A short count of brackets spares most bodies the walk."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _reason(error: Exception) -> str:
    said = str(error)
    if "truncated" in said:
        return "it ends before it is complete"
    return said.removeprefix("JSON is malformed: ").replace("(byte ", "(at byte ")


@lru_cache(maxsize=512)
def _decoder(of: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(of)
