"""What each request is called: an id made here, sent back in `X-Request-Id`, and the correlation id of all it causes."""

from typing import Any

from vivesphere.kernel.ids import new_id

REQUEST_ID_HEADER = "X-Request-Id"
_KEY = "vivesphere.request_id"


def request_id(scope: Any) -> str:
    """The id of this request; the first who asks makes it. A client's own is not taken: it could name another's chain."""
    known: str | None = scope["state"].get(_KEY)
    if known is None:
        known = scope["state"][_KEY] = new_id()
    return known
