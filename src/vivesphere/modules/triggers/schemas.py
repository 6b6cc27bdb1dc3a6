"""What triggers take and give over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vivesphere.modules.triggers.schedule import Schedule

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]


class PlanAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="plan"):
    """Start a run of a plan. What the trigger saw is its `event`; `input` stays as it is written here."""

    plan_id: str
    input: dict[str, Any] = {}


class ToolAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="tool"):
    """Run a tool."""

    tool: str
    arguments: dict[str, Any] = {}


Action = PlanAction | ToolAction


class TriggerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trigger to be saved. It acts with the permissions of whoever saves it."""

    name: Name
    schedule: Schedule
    action: Action
    enabled: bool = True


class TriggerView(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger; a paused one has no `next_fire_at`."""

    id: str
    project: str
    name: str
    kind: Literal["schedule"]
    schedule: Schedule
    action: Action
    enabled: bool
    next_fire_at: datetime | None
    last_fired_at: datetime | None
    created_at: datetime


class FiringView(msgspec.Struct, frozen=True, kw_only=True):
    """One firing. `pending` is being acted on; `reference` is the run's id or the tool's name; `detail` what went wrong."""

    id: str
    trigger_id: str
    at: datetime
    cause: Literal["schedule", "manual"]
    outcome: Literal["pending", "started", "refused"]
    reference: str
    detail: str
