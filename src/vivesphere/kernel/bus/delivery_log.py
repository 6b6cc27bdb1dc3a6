"""What a durable listener asks of the event log, and what it is told: the words between `durable.py` and the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from vivesphere.kernel.bus.in_flight import Acknowledgement, Settlement
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.kernel.bus.payloads import read_payload
from vivesphere.kernel.cause import Cause, Mode


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event to be handled, its payload plain JSON. `attempts` failed before; it is not to be tried before
    `again_at`, and if it is `dead` not until a person says so. `replay`: a person asked for it again."""

    seq: int
    id: str
    topic: str
    time: datetime
    cause: Cause
    payload: dict[str, Any]
    attempts: int = 0
    again_at: datetime | None = None
    dead: bool = False
    replay: bool = False

    def envelope(self, kind: type[Event]) -> Envelope[Any]:
        """The event as it was reported. Raises msgspec.ValidationError if the contract no longer reads what it once wrote."""
        return Envelope(
            id=self.id,
            topic=self.topic,
            timestamp=self.time.timestamp(),
            cause=self.cause.tightened(Mode.REPLAY) if self.replay else self.cause,
            payload=read_payload(self.payload, kind),
            seq=self.seq,
        )


class Place(msgspec.Struct, frozen=True):
    """Where a listener goes on: the events `beyond` the cursor are settled or put aside; `dead` letters of it stand."""

    seq: int
    beyond: tuple[int, ...]
    dead: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener wants to see: events of its `topics` after `after`, and those put aside whose time has come (only up to
    `upto`, if given), at most `room` altogether, none that it has in hand. Ahead of `after` an ordered one also sees what it
    put aside there."""

    listener: str
    topics: Sequence[str]
    after: int
    upto: int | None
    held: frozenset[int]
    room: int
    ordered: bool
    count_dead: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a Look. Everything up to `reached` has been looked at, of a log whose last event is `newest`.

    `more` says that there was no room for all, `held_back` that something due is still in hand from before, and `next_at` when
    the next event put aside is due. `dead` are the dead letters, if they were to be counted.
    """

    due: tuple[Due, ...]
    ahead: tuple[Due, ...]
    reached: int
    newest: int
    more: bool
    held_back: bool
    next_at: datetime | None
    dead: int | None


class Standing(msgspec.Struct, frozen=True):
    """How it stands with an event that was put aside."""

    attempts: int
    again_at: datetime | None
    dead: bool


class Failure(msgspec.Struct, frozen=True):
    """An event that is put aside until `again_at`, or for good. With a `settlement` the cursor may pass it."""

    due: Due
    error: str
    again_at: datetime | None
    settlement: Settlement | None


class DeliveryLog(Protocol):
    """The event log, and each listener's place in it. Everything raises LogUnavailable while the database is away."""

    async def open_cursor(self, listener: str, start: str) -> Place | None:
        """Where the listener goes on. A new one begins at `start`: "now", "beginning", or an event's id; None: no such one."""
        ...

    async def look(self, wanted: Look) -> Found: ...

    async def move_on(self, listener: str, floor: int, swept: int | None) -> None:
        """There was nothing more to do up to `floor`; rows done beyond `swept` and up to it are swept away."""
        ...

    async def park(self, listener: str, failure: Failure) -> bool:
        """Put a failed event aside. False, and nothing is changed, if its acknowledgement was committed after all."""
        ...

    async def standing(self, listener: str, seq: int) -> Standing | None:
        """How it stands with an event put aside; None if it is settled."""
        ...

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None: ...
