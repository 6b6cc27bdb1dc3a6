"""The tree of errors a caller may meet, drawn once.

ViveSphereError
├── StartError             the process cannot start; the CLI prints it and exits with 2
└── Refusal                a caller asked for something that cannot be done; the sentence says what to do
    ├── InvalidInput       HTTP 422
    ├── NotSignedIn        HTTP 401
    ├── PermissionMissing  HTTP 403
    ├── NotFound           HTTP 404
    ├── Conflict           HTTP 409
    ├── ChangedMeanwhile   HTTP 412
    ├── TooManyRequests    HTTP 429
    └── Unavailable        HTTP 503

The bus's own errors are in `kernel/bus/errors.py`, the database's in `kernel/db/errors.py`. A module's `errors.py` derives
from the classes of this page, so that the HTTP edge needs no table of its own.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with the input: `pointer` is a JSON pointer (RFC 6901) into what was sent."""

    pointer: str
    detail: str


class ViveSphereError(Exception):
    """The root: everything this project raises on purpose."""


class StartError(ViveSphereError):
    """The process cannot start. The message is one sentence that says what to do."""


class Refusal(ViveSphereError):
    """A request that is not carried out. `detail` is one clear sentence for the person who asked."""

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class InvalidInput(Refusal):
    status = 422
    slug = "invalid-input"
    title = "The input is not valid"


class NotSignedIn(Refusal):
    status = 401
    slug = "not-signed-in"
    title = "Not signed in"


class PermissionMissing(Refusal):
    status = 403
    slug = "permission-missing"
    title = "Permission missing"


class NotFound(Refusal):
    status = 404
    slug = "not-found"
    title = "Not found"


class Conflict(Refusal):
    status = 409
    slug = "conflict"
    title = "Conflict"


class ChangedMeanwhile(Refusal):
    """What was to be edited is not what the editor has seen (RFC 9110, 13.1.1)."""

    status = 412
    slug = "changed-meanwhile"
    title = "It was changed meanwhile"


class TooManyRequests(Refusal):
    """`retry_after` is in seconds."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(Refusal):
    status = 503
    slug = "unavailable"
    title = "Not available now"


def told(error: BaseException, most: int = 500) -> str:
    """An error's kind and message, short and fit to be kept; even of one whose message cannot be asked for or written down."""
    kind = type(error).__name__
    try:
        text = f"{kind}: {error}"
    except Exception:  # noqa: BLE001 - a stranger's defect in telling of a defect
        text = f"{kind}, which cannot be told"
    return text[:most].replace("\0", "?").encode(errors="replace").decode()
