"""Runs as people see them: the journal laid over the plan's steps, so that steps without a row are shown too."""

import msgspec

from vivesphere.modules.plans.engine.definition import Step, read
from vivesphere.modules.plans.engine.journal import ACTIVE, RunRecord, RunState, StepRecord
from vivesphere.modules.plans.schemas import RunSummary, RunView, StepView


def summary(run: RunRecord) -> RunSummary:
    return RunSummary(**{field: getattr(run, field) for field in RunSummary.__struct_fields__})


def run(state: RunState) -> RunView:
    """The run with all of its steps. What an ended run has not begun, it never will."""
    goes_on = state.run.status in (*ACTIVE, "blocked")
    steps = tuple(_step(step, state.steps.get(step.id), goes_on) for step in read(state.definition).steps)
    return RunView(**msgspec.structs.asdict(summary(state.run)), steps=steps)


def _step(step: Step, row: StepRecord | None, goes_on: bool) -> StepView:
    if row is None:
        return StepView(id=step.id, kind=step.kind, status="pending" if goes_on else "skipped")
    return StepView(
        id=row.step_id,
        kind=row.kind,
        status=row.status,
        result=row.result,
        detail=row.detail,
        attempts=row.attempt,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
