"""Lists in pages: a cursor names the last item seen, so that a page stays right while items come and go."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from vivesphere.kernel.errors import FieldError, InvalidInput

T = TypeVar("T")
P = TypeVar("P")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

PageLimit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many items a page has at most.")]
PageCursor = Annotated[
    str | None,
    QueryParameter(max_length=1000, description="Where the page begins: `next_cursor` of the page before."),
]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `next_cursor` asks for the next one; null at the end."""

    items: list[T]
    next_cursor: str | None = None


def page(found: Sequence[T], limit: int, position: Callable[[T], Any]) -> Page[T]:
    """The page of what a query found that asked for `limit + 1` rows; `position` is what the cursor keeps of an item."""
    if len(found) <= limit:
        return Page(items=list(found))
    kept = list(found[:limit])
    return Page(items=kept, next_cursor=encode_cursor(position(kept[-1])))


def encode_cursor(position: Any) -> str:
    """An opaque text for any JSON value."""
    return urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def decode_cursor(cursor: str | None, of: type[P]) -> P | None:
    """What `encode_cursor` was given, as `of`; None for no cursor. Raises InvalidInput for a text that it did not make."""
    if cursor is None:
        return None
    try:
        position = msgspec.json.decode(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)), type=of)
        parts = position if isinstance(position, tuple) else (position,)
        if any(isinstance(part, int) and not -(1 << 63) <= part < 1 << 63 for part in parts):
            raise ValueError("no column holds this number")
        return position
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        detail = "is not a cursor of this list; take `next_cursor` as it came, or leave it out for the first page"
        raise InvalidInput(f"The cursor {detail}.", [FieldError("/cursor", detail)]) from None
