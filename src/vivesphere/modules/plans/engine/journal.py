"""What the journal says of a run, and the transitions written into it, each in one unit of work before the next act."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from vivesphere.kernel.bus.messages import JSON, Event
from vivesphere.kernel.cause import Cause, Mode
from vivesphere.kernel.principals import Principal

RunStatus = Literal["running", "waiting", "completed", "failed", "blocked", "cancelled"]
StepStatus = Literal["running", "waiting", "completed", "failed", "unknown", "skipped"]
ACTIVE: tuple[RunStatus, ...] = ("running", "waiting")


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step as the journal has it. `attempt` counts from 1; `wake_at` is when a waiting step goes on."""

    step_id: str
    kind: str
    status: StepStatus
    started_at: datetime
    attempt: int = 1
    arguments: JSON = None
    result: JSON = None
    detail: str = ""
    wake_at: datetime | None = None
    finished_at: datetime | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run without its steps."""

    id: str
    project: str
    plan_id: str
    version: int
    status: RunStatus
    input: dict[str, Any]
    event: dict[str, Any] | None
    actor: Principal
    correlation_id: str
    causation_id: str | None
    hop: int
    dry_run: bool
    idempotency_key: str | None
    started_at: datetime
    finished_at: datetime | None = None
    detail: str = ""

    def cause(self, source: Principal) -> Cause:
        """The cause its journal is written under: live, since a dry run's journal is as real as any."""
        return Cause(
            source=source,
            actor=self.actor,
            project=self.project,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            hop=self.hop,
        )

    def acting_cause(self, source: Principal) -> Cause:
        """The cause its steps act under: a dry run acts in shadow."""
        cause = self.cause(source)
        return cause.tightened(Mode.SHADOW) if self.dry_run else cause


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to carry a run on from where its journal ends."""

    run: RunRecord
    definition: Mapping[str, Any]
    steps: Mapping[str, StepRecord] = {}


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of work writes: steps `begun`, which are new to the journal, and `changed`; `run_status` if it changes."""

    run_id: str
    begun: tuple[StepRecord, ...] = ()
    changed: tuple[StepRecord, ...] = ()
    run_status: RunStatus | None = None
    detail: str = ""
    finished_at: datetime | None = None
    events: tuple[Event, ...] = ()
