"""The cause: one record, carried everywhere, that answers "who made this happen, for whom, and from what"."""

from collections.abc import Callable
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

import msgspec

from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import Principal

HOP_LIMIT = 16
DEFAULT_PROJECT = "default"


class Mode(StrEnum):
    """How real the work is. It only tightens on its way: live may become shadow, never the other way round."""

    LIVE = "live"
    SHADOW = "shadow"
    REPLAY = "replay"


class Cause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`source` is whose handle acts (namespaces, rates), `actor` whose authority it acts under (permissions)."""

    source: Principal
    actor: Principal
    project: str = DEFAULT_PROJECT
    mode: Mode = Mode.LIVE
    correlation_id: str = msgspec.field(default_factory=new_id)
    causation_id: str | None = None
    hop: int = 0

    def seen_by(self, source: Principal) -> "Cause":
        """The same chain, going on through another handle. The actor stays."""
        return self if source == self.source else msgspec.structs.replace(self, source=source)

    def after(self, event_id: str) -> "Cause":
        """The cause of what a listener does because of that event: one hop further."""
        return msgspec.structs.replace(self, causation_id=event_id, hop=self.hop + 1)

    def acting_as(self, actor: Principal, project: str | None = None) -> "Cause":
        """The same chain under another authority, as when a stored run or timer wakes."""
        return msgspec.structs.replace(self, actor=actor, project=project or self.project)

    def tightened(self, mode: Mode) -> "Cause":
        """The same chain in `mode`, unless it is already stricter than live."""
        return msgspec.structs.replace(self, mode=mode) if self.mode is Mode.LIVE else self


class Happened(Protocol):
    """What something is done because of: an event's envelope."""

    @property
    def id(self) -> str: ...

    @property
    def cause(self) -> Cause: ...


_current: ContextVar[Cause | Happened | None] = ContextVar("vivesphere_cause", default=None)


running_under: Callable[[], Cause | Happened | None] = _current.get
"""What the running task acts under, not yet made a cause: to ask whether there is anything costs a third of `current_cause`."""


def current_cause() -> Cause | None:
    """The cause the running task acts under, if anything gave it one."""
    running = _current.get()
    if running is None or isinstance(running, Cause):
        return running
    # An event was handed over. Most listeners never ask, so the cause of what they do is made only now, and once.
    made = running.cause.after(running.id)
    _current.set(made)
    return made


def cause_for(source: Principal) -> Cause:
    """The cause of an act through `source`'s handle: the running chain's, or the first link of a new one."""
    running = current_cause()
    return Cause(source=source, actor=source) if running is None else running.seen_by(source)


act_under: Callable[[Cause | Happened], object] = _current.set
"""Everything the running task does from here on happens under the cause, or because of the event. For a task that serves one
after another: it costs a tenth of the block that `acting_under` is."""


class acting_under:  # noqa: N801 - reads as the statement it is: `with acting_under(cause):`
    """Everything inside the block happens because of `cause`. A generator's block would cost three times as much."""

    __slots__ = ("_cause", "_token")

    def __init__(self, cause: Cause) -> None:
        self._cause = cause

    def __enter__(self) -> Cause:
        self._token = _current.set(self._cause)
        return self._cause

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
