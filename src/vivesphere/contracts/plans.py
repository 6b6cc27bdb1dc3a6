"""Plans and their runs."""

from typing import Any

import msgspec

from vivesphere.kernel.bus.messages import JSON, Event, Request


class PlanSaved(msgspec.Struct, frozen=True, tag="saved"):
    plan_id: str
    version: int


class PlanRefused(msgspec.Struct, frozen=True, tag="refused"):
    detail: str


class CreatePlan(Request[PlanSaved | PlanRefused]):
    topic = "plans.create"
    permission = "plans.plan.write"
    name: str
    definition: dict[str, Any]


class PlanKnown(msgspec.Struct, frozen=True, tag="known"):
    name: str
    version: int


class DescribePlan(Request[PlanKnown | PlanRefused]):
    topic = "plans.describe"
    permission = "plans.plan.read"
    plan_id: str


class RunAccepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The run is on disk and will be carried out, through crashes too."""

    run_id: str


class StartRun(Request[RunAccepted | PlanRefused]):
    """`event` is what a trigger saw; expressions reach it as `event`, never mixed into `input`."""

    topic = "plans.run.start"
    permission = "plans.run.start"
    plan_id: str
    input: dict[str, JSON] = msgspec.field(default_factory=dict)
    event: dict[str, JSON] | None = None
    dry_run: bool = False
    idempotency_key: str | None = None


class PlanCreated(Event, durable=True):
    topic = "plans.plan.created"
    permission = "plans.plan.read"
    plan_id: str
    name: str
    version: int


class RunStarted(Event, durable=True):
    topic = "plans.run.started"
    permission = "plans.run.read"
    run_id: str
    plan_id: str


class RunCompleted(Event, durable=True):
    topic = "plans.run.completed"
    permission = "plans.run.read"
    run_id: str
    plan_id: str


class RunFailed(Event, durable=True):
    topic = "plans.run.failed"
    permission = "plans.run.read"
    run_id: str
    plan_id: str
    step: str
    detail: str


class RunBlocked(Event, durable=True):
    """A step's outcome is unknown after a crash: a person must say whether it happened."""

    topic = "plans.run.blocked"
    permission = "plans.run.read"
    run_id: str
    plan_id: str
    step: str
    detail: str


class RunCancelled(Event, durable=True):
    topic = "plans.run.cancelled"
    permission = "plans.run.read"
    run_id: str
    plan_id: str


class StepCompleted(Event, durable=True):
    topic = "plans.step.completed"
    permission = "plans.run.read"
    run_id: str
    plan_id: str
    step: str
