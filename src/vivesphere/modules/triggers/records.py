"""Triggers and firings as the rules hand them out."""

from datetime import datetime
from typing import Literal

import msgspec

from vivesphere.kernel.principals import Principal
from vivesphere.modules.triggers.schedule import Schedule
from vivesphere.modules.triggers.schemas import Action

FiringCause = Literal["schedule", "manual"]
FiringOutcome = Literal["pending", "started", "refused"]


class TriggerRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project: str
    name: str
    kind: Literal["schedule"]
    schedule: Schedule
    action: Action
    enabled: bool
    next_fire_at: datetime | None
    last_fired_at: datetime | None
    actor: Principal
    created_at: datetime


class FiringRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`scheduled_for` is when it was due, `at` when it fired."""

    id: str
    trigger_id: str
    at: datetime
    scheduled_for: datetime
    cause: FiringCause
    idempotency_key: str
    outcome: FiringOutcome = "pending"
    reference: str = ""
    detail: str = ""


class Firing(msgspec.Struct, frozen=True):
    """A firing that is to be acted on, with the trigger as it was when it fired."""

    trigger: TriggerRecord
    record: FiringRecord


class Result(msgspec.Struct, frozen=True):
    """What came of acting: `reference` is the run's id, or the tool's name."""

    outcome: Literal["started", "refused"]
    reference: str
    detail: str = ""
