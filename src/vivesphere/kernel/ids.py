"""Identifiers: UUIDv7 (RFC 9562), so that ids made later sort later."""

from uuid_utils import uuid7

AFTER_EVERY_ID = "~"
"""Sorts after every id: where a list that shows the newest first begins."""

_TAILS = tuple(f"{number:03x}" for number in range(4096))


def new_id() -> str:
    """A new UUIDv7 in its canonical 36-character form."""
    return str(uuid7())


class IdSource:
    """UUIDv7 in bulk, at a third of the cost, for one thread that makes hundreds of thousands a second.

    Ids of one millisecond share their head and count up in the last 12 bits (RFC 9562, 6.2, method 1); the other 50 random bits
    of each head keep the ids of two sources apart. Whoever knows one id can guess its neighbours, so no id is a secret.
    """

    __slots__ = ("_count", "_head", "_until")

    def __init__(self) -> None:
        self._head = ""
        self._count = len(_TAILS)
        self._until = 0.0

    def next(self, now: float) -> str:
        """The next id; `now` is the time in seconds since 1970, which whoever needs an id has at hand."""
        count = self._count
        if now >= self._until or count >= len(_TAILS):
            self._head = str(uuid7())[:-3]
            self._until = now + 0.001
            count = 0
        self._count = count + 1
        return self._head + _TAILS[count]
