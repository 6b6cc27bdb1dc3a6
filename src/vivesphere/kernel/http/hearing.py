"""Who may be shown which event: as it happens, afterwards from the log, or as part of a chain. One rule for all of them."""

import msgspec

from vivesphere.kernel.bus.messages import Event
from vivesphere.kernel.bus.payloads import read_payload
from vivesphere.kernel.db.event_log import RecordedEvent
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import SYSTEM, Principal

UNKNOWN_EVENT = "audit.entry.read"
"""What reading an event needs whose contract is not known (any more)."""


def may_hear(permissions: Permissions, principal: Principal, event: Event, project: str) -> bool:
    """Whether the principal may be shown an event of the project. The operator, who is `system`, holds the data directory."""
    if principal == SYSTEM:
        return True
    if event.addressee() not in (None, principal):
        return False
    return _allowed(permissions, principal, type(event), project)


def may_read(permissions: Permissions, principal: Principal, event: RecordedEvent, kind: type[Event] | None) -> bool:
    """The same for an event of the log; `kind` is its contract, None if nobody knows it (any more)."""
    if not may_hear_kind(permissions, principal, kind, event.project):
        return False
    return kind is None or principal == SYSTEM or _addressed(kind, event, principal)


def may_hear_kind(permissions: Permissions, principal: Principal, kind: type[Event] | None, project: str) -> bool:
    """Whether the principal may be shown events of the kind at all; one of them may still be addressed to somebody else."""
    if principal == SYSTEM:
        return True
    if kind is None:
        return permissions.allows(principal, UNKNOWN_EVENT, project)
    return _allowed(permissions, principal, kind, project)


def _allowed(permissions: Permissions, principal: Principal, kind: type[Event], project: str) -> bool:
    if not kind.permission:
        # Anybody's event is still not anybody's in another project.
        return bool(permissions.held(principal, project))
    return permissions.allows(principal, kind.permission, project)


def _addressed(kind: type[Event], event: RecordedEvent, principal: Principal) -> bool:
    if kind.addressee is Event.addressee:
        return True
    try:
        return read_payload(event.payload, kind).addressee() in (None, principal)
    except msgspec.ValidationError:
        # To whom an event was addressed that cannot be read any more nobody knows, so it is shown to nobody.
        return False
