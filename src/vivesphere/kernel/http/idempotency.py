"""`Idempotency-Key`: whoever got no answer asks again, and it is done once (draft-ietf-httpapi-idempotency-key-header-07).

A route that makes something takes `asking: Asking` and hands `asking.once(<what the rule returns>)` on to the unit of work that
makes it. The answer is kept for 24 hours in that unit's own commit.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from litestar.params import HeaderParameter

from vivesphere.kernel.db.kept_replies import LONGEST_KEY, IdempotencyKey
from vivesphere.kernel.errors import FieldError, InvalidInput

R = TypeVar("R")

Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description=f"A name of your own for this request, such as a UUID, of 1 to {LONGEST_KEY} characters. Whoever sends the "
        "same request again under it within 24 hours gets the same answer, and nothing is made twice; another request under it "
        "is refused (422).",
    ),
]


class Asking(msgspec.Struct, frozen=True):
    """What was asked, as far as it matters for being asked again."""

    key: str | None
    operation: str
    asked: bytes

    def once(self, reply: type[R]) -> IdempotencyKey[R] | None:
        """For the unit of work that answers with `reply`; None if the client gave no key."""
        return None if self.key is None else IdempotencyKey(self.key, self.asked, reply, self.operation)


async def asking_of(request: Request[Any, Any, Any], idempotency_key: Key = None) -> Asking:
    """The dependency `asking` of every route."""
    if idempotency_key is None:
        return Asking(None, "", b"")
    if not 1 <= len(idempotency_key) <= LONGEST_KEY:
        detail = f"has 1 to {LONGEST_KEY} characters, such as a UUID"
        raise InvalidInput(f"An Idempotency-Key {detail}.", [FieldError("/Idempotency-Key", detail)])
    operation = f"{request.method} {request.scope['path_template']}"
    return Asking(idempotency_key, operation, request.scope["path"].encode() + b"\n" + await request.body())
