"""What may be inside a message: what its contract says, and not too much of it."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from vivesphere.kernel.bus.errors import PayloadInvalid
from vivesphere.kernel.bus.messages import Event, Message

NESTING = 200
"""Levels that a recorded payload may not come near Python's limit: whoever reads it later stands deeper in the stack."""

Check = Callable[[Message, int], None]

Attempt = Callable[[Message, int], int]
"""Writes a message down and, if it has no more bytes than that, reads it back. Gives its bytes; raises what is wrong."""

_encode = msgspec.msgpack.Encoder().encode


def payload_json(event: Event) -> bytes:
    """The payload as the log keeps it, the fields its contract calls secret masked."""
    return msgspec.json.encode(event if not event.secret else event.masked())


def read_payload(payload: Any, kind: type[Event]) -> Event:
    """A payload as the log keeps it, as its contract reads it. Raises msgspec.ValidationError."""
    return msgspec.convert(payload, kind, str_keys=True)


@lru_cache(maxsize=1024)
def payload_check(kind: type[Message]) -> Check:
    """The check of one kind of message: of a message, and of the most bytes it may have.

    It raises PayloadInvalid for more bytes, and for wrong types: Python checks none, and what is wrong here would be found by a
    listener, or worse, by a later start that reads the log. A recorded event is checked in the very form in which it will be
    read: JSON has no NaN, and what is secret is masked. Any other is checked as msgpack, which is faster and as large.
    """
    attempt = _kept(kind) if issubclass(kind, Event) and kind.durable else _passing(kind)

    def check(message: Message, most: int) -> None:
        try:
            size = attempt(message, most)
        except msgspec.ValidationError as error:
            raise PayloadInvalid(f"{kind.topic} is not what its contract says: {error}") from error
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise PayloadInvalid(f"{kind.topic} carries what cannot be written down: {error}") from error
        if size > most:
            raise PayloadInvalid(
                f"{kind.topic} carries {size} bytes; at most {most} may cross the bus (setting bus.max_payload). "
                "Keep what is large in a table of your own and send its id."
            )

    return check


def _passing(kind: type[Message]) -> Attempt:
    decode = msgspec.msgpack.Decoder(kind).decode

    def attempt(message: Message, most: int) -> int:
        encoded = _encode(message)
        if len(encoded) <= most:
            decode(encoded)
        return len(encoded)

    return attempt


def _kept(kind: type[Event]) -> Attempt:
    """Reads an event as a listener will, years later."""
    decode = msgspec.json.Decoder(kind).decode

    def attempt(message: Any, most: int) -> int:
        text = payload_json(message)
        if len(text) <= most:
            decode(text)
            if text.count(b"[") + text.count(b"{") > NESTING:
                msgspec.json.decode(b"[" * NESTING + text + b"]" * NESTING)
        return len(text)

    return attempt
