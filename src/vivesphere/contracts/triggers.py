"""Triggers: what starts work by itself."""

from typing import Any

import msgspec

from vivesphere.kernel.bus.messages import Event, Request


class TriggerMade(msgspec.Struct, frozen=True, tag="made"):
    trigger_id: str


class TriggerRefused(msgspec.Struct, frozen=True, tag="refused"):
    detail: str


class CreateTrigger(Request[TriggerMade | TriggerRefused]):
    """`schedule` and `action` have the shapes of `POST /api/v1/triggers`."""

    topic = "triggers.create"
    permission = "triggers.trigger.write"
    name: str
    schedule: dict[str, Any]
    action: dict[str, Any]
    enabled: bool = True


class TriggerCreated(Event, durable=True):
    topic = "triggers.trigger.created"
    permission = "triggers.trigger.read"
    trigger_id: str
    name: str


class TriggerFired(Event, durable=True):
    """`outcome` is `started` or `refused`; `reference` is the run's id, or the tool's name."""

    topic = "triggers.trigger.fired"
    permission = "triggers.trigger.read"
    trigger_id: str
    outcome: str
    reference: str
    detail: str = ""
