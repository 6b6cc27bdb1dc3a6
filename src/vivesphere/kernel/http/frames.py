"""What a stream sends, on whatever it is carried: the same envelope for events as they happen and for those of the log."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from vivesphere.kernel.bus.messages import Envelope
from vivesphere.kernel.db.event_log import RecordedEvent


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What the server sends. Its own frames have types that begin with `stream.`."""

    v: Literal[1] = 1
    id: str | None = None
    seq: int | None = None
    type: str
    at: datetime
    project: str | None = None
    data: dict[str, Any]


Item = Envelope[Any] | RecordedEvent | Frame
"""What waits to be sent. It becomes a frame when its turn comes: a publisher must not pay for what a slow client never gets."""


def frame_of(item: Item) -> Frame:
    """The item as the client sees it: what an event's contract calls secret is masked, as it was when it was recorded."""
    if isinstance(item, Frame):
        return item
    if isinstance(item, RecordedEvent):
        project, data = item.project, item.payload
    else:
        project, data = item.cause.project, item.payload.masked()
    return Frame(id=item.id, seq=item.seq, type=item.topic, at=item.time, project=project, data=data)
