"""What crosses the bus: events, requests, and the envelope that carries them."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform, get_args

import msgspec

from vivesphere.kernel.cause import Cause
from vivesphere.kernel.principals import Principal

JSON = None | bool | int | float | str | list[Any] | dict[str, Any]
"""Any JSON value. The `Any` inside is JSON again; msgspec resolves no recursive alias."""

MASK = "***"

Reply = TypeVar("Reply")
"""What a request is answered with: a struct, or a union of tagged structs."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class MessageMeta(msgspec.StructMeta):
    """Makes every message frozen and keyword-only, so that a field added later breaks no caller."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, durable: bool = False, **options: Any
    ) -> "MessageMeta":
        made = super().__new__(mcs, name, bases, namespace, frozen=True, kw_only=True, **options)
        # A class attribute of a struct class is read-only by syntax, so it is set on the type itself.
        type.__setattr__(made, "durable", durable)
        return made


class Event(msgspec.Struct, metaclass=MessageMeta):
    """A fact, named in the past tense, for any number of listeners.

    `durable` events are written to the event log in the unit of work that reports them. `permission` is what listening needs
    (empty: anyone in the project). Fields named in `secret` are masked wherever the event is shown or kept.
    """

    topic: ClassVar[str] = ""
    durable: ClassVar[bool] = False
    permission: ClassVar[str] = ""
    secret: ClassVar[frozenset[str]] = frozenset()

    def masked(self) -> dict[str, Any]:
        """The event as it may be shown and kept: plain JSON values, the fields named in `secret` masked."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain | dict.fromkeys(self.secret & plain.keys(), MASK)

    def addressee(self) -> Principal | None:
        """The only person to whom the event is shown, whatever others may hear; None shows it to all who hold `permission`."""
        return None


class Request(msgspec.Struct, Generic[Reply], metaclass=MessageMeta):
    """A question or command with exactly one responder and a typed reply. `permission` is what asking needs."""

    topic: ClassVar[str] = ""
    permission: ClassVar[str] = ""
    secret: ClassVar[frozenset[str]] = frozenset()


Message = Event | Request[Any]

E_co = TypeVar("E_co", bound=Event, covariant=True)


class Envelope(msgspec.Struct, Generic[E_co], frozen=True, kw_only=True, gc=False):
    """An event on its way. `seq` is its place in the event log; only recorded events have one. `timestamp` is in seconds since
    1970: a `datetime` for every event would cost more than its envelope, and hardly a listener asks for it."""

    id: str
    topic: str
    timestamp: float
    cause: Cause
    payload: E_co
    seq: int | None = None

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp, UTC)


def reply_type(request: type[Request[Any]]) -> Any:
    """The reply a request class declares: `Request[Ok | Refused]` gives `Ok | Refused`."""
    declared = get_args(getattr(request, "__orig_bases__", (None,))[0])
    if not declared:
        raise TypeError(f"{request.__name__} must derive from Request[<its reply>]")
    return declared[0]
