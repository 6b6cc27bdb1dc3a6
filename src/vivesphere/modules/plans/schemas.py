"""What plans take and give over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.modules.plans.engine.journal import RunStatus

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]


class PlanInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan to be saved: `definition` is `{"steps": [{"id", "kind", "after"?, …}]}`."""

    name: Name
    definition: dict[str, Any]


class PlanChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new version of a plan, and a new name if one is given."""

    definition: dict[str, Any]
    name: Name | None = None


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with its newest definition."""

    id: str
    project: str
    name: str
    version: int
    definition: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class RunInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run begins with. In a dry run acts are recorded with a stand-in instead of being done, and waits are skipped."""

    input: dict[str, Any] = {}
    dry_run: bool = False


class RunStartedView(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run. `unknown` means it may or may not have acted: resolve it. `skipped` means it never will."""

    id: str
    kind: str
    status: Literal["pending", "running", "waiting", "completed", "failed", "unknown", "skipped"]
    result: JSON = None
    detail: str = ""
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one version of a plan."""

    id: str
    plan_id: str
    version: int
    status: RunStatus
    input: dict[str, Any]
    dry_run: bool
    started_at: datetime
    finished_at: datetime | None
    detail: str


class RunView(RunSummary, frozen=True, kw_only=True):
    """A run with its steps, in the order they are carried out."""

    steps: tuple[StepView, ...]


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a step whose outcome is unknown: it `happened`, it shall be tried again, or it counts as failed."""

    outcome: Literal["happened", "retry", "fail"]
