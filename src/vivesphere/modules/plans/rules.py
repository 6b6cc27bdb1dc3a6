"""What may be done with plans and runs, inside one unit of work."""

from typing import Any, Literal

import msgspec

from vivesphere.contracts.plans import PlanCreated, RunCancelled, RunFailed, RunStarted, StepCompleted
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.ids import AFTER_EVERY_ID
from vivesphere.modules.plans import repository
from vivesphere.modules.plans.engine.journal import ACTIVE, RunRecord, RunState, StepRecord, Transition
from vivesphere.modules.plans.errors import KeyReused, PlanUnknown, RunOver, RunUnknown, StepDecided, StepUnknown
from vivesphere.modules.plans.schemas import PlanView

Outcome = Literal["happened", "retry", "fail"]

CANCELLED_STEP = "The run was cancelled while this step was running: it may or may not have acted."


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for when a run is started."""

    input: dict[str, Any]
    event: dict[str, Any] | None = None
    dry_run: bool = False
    idempotency_key: str | None = None


def create_plan(tx: Unit, plan_id: str, name: str, definition: dict[str, Any]) -> PlanView:
    now = tx.now()
    plan = PlanView(
        id=plan_id, project=tx.cause.project, name=name, version=1, definition=definition, created_at=now, updated_at=now
    )
    repository.insert_plan(tx, plan, tx.cause.actor)
    tx.emit(PlanCreated(plan_id=plan.id, name=plan.name, version=plan.version))
    return plan


def change_plan(tx: Unit, plan_id: str, name: str | None, definition: dict[str, Any]) -> PlanView:
    """A new version; runs stay on theirs."""
    known = find_plan(tx, plan_id)
    plan = msgspec.structs.replace(
        known, name=name or known.name, version=known.version + 1, definition=definition, updated_at=tx.now()
    )
    repository.insert_version(tx, plan, tx.cause.actor)
    repository.update_plan(tx, plan)
    return plan


def find_plan(tx: Unit, plan_id: str) -> PlanView:
    if (plan := repository.plan(tx, plan_id)) is None:
        raise PlanUnknown(plan_id)
    return plan


def list_plans(tx: Unit, before: str | None, limit: int) -> list[PlanView]:
    return repository.plan_page(tx, before or AFTER_EVERY_ID, limit)


def start_run(tx: Unit, run_id: str, plan_id: str, given: RunRequest) -> tuple[RunState, bool]:
    """A new run of the newest version, and whether it is new: the same idempotency key gives the run it gave before."""
    if given.idempotency_key is not None and (known := repository.run_by_key(tx, given.idempotency_key)) is not None:
        if known.plan_id != plan_id:
            raise KeyReused(given.idempotency_key)
        return RunState(run=known, definition={}), False
    plan = find_plan(tx, plan_id)
    # What the run does is caused by its having been started, so that the chain of causes is a tree and not a row of roots.
    started = tx.emit(RunStarted(run_id=run_id, plan_id=plan.id))
    run = RunRecord(
        id=run_id,
        project=tx.cause.project,
        plan_id=plan.id,
        version=plan.version,
        status="running",
        input=given.input,
        event=given.event,
        actor=tx.cause.actor,
        correlation_id=tx.cause.correlation_id,
        causation_id=started,
        hop=tx.cause.hop,
        dry_run=given.dry_run,
        idempotency_key=given.idempotency_key,
        started_at=tx.now(),
    )
    repository.insert_run(tx, run)
    return RunState(run=run, definition=plan.definition), True


def run_started(tx: Unit, run_id: str, plan_id: str, given: RunRequest) -> str:
    """`start_run`, answered by the id alone: what is kept for whoever asks again under the same idempotency key."""
    return start_run(tx, run_id, plan_id, given)[0].run.id


def record(tx: Unit, transition: Transition) -> None:
    """Write one transition of a run into its journal."""
    repository.insert_steps(tx, transition.run_id, transition.begun)
    repository.update_steps(tx, transition.run_id, transition.changed)
    if transition.run_status is not None:
        repository.update_run(tx, transition.run_id, transition.run_status, transition.detail, transition.finished_at)
    for event in transition.events:
        tx.emit(event)


def active_runs(tx: Unit) -> list[str]:
    return repository.active_runs(tx)


def state(tx: Unit, run_id: str) -> RunState | None:
    """Where an active run's journal ends; None when there is nothing to carry on."""
    run = repository.run(tx, run_id)
    if run is None or run.status not in ACTIVE:
        return None
    definition = repository.definition(tx, run.plan_id, run.version)
    return RunState(run=run, definition=definition, steps=repository.steps_of(tx, run_id))


def find_run(tx: Unit, run_id: str) -> RunState:
    """A run of the unit's project with everything about it."""
    run = _run(tx, run_id)
    definition = repository.definition(tx, run.plan_id, run.version)
    return RunState(run=run, definition=definition, steps=repository.steps_of(tx, run_id))


def list_runs(tx: Unit, plan_id: str, before: str | None, limit: int) -> list[RunRecord]:
    find_plan(tx, plan_id)
    return repository.run_page(tx, plan_id, before or AFTER_EVERY_ID, limit)


def cancel_run(tx: Unit, run_id: str) -> RunState:
    """End a run for good. A step that was being carried out may have acted, and says so."""
    run = _run(tx, run_id)
    if run.status not in (*ACTIVE, "blocked"):
        raise RunOver(run_id, run.status)
    now = tx.now()
    repository.close_steps(tx, run_id, "running", "unknown", CANCELLED_STEP)
    repository.close_steps(tx, run_id, "waiting", "skipped")
    repository.update_run(tx, run_id, "cancelled", f"Cancelled by {tx.cause.actor}.", now)
    tx.emit(RunCancelled(run_id=run.id, plan_id=run.plan_id))
    return find_run(tx, run_id)


def check_blocked(tx: Unit, run_id: str, step_id: str) -> tuple[RunRecord, StepRecord]:
    """The run and its step, if a person has to say what became of the step."""
    run = _run(tx, run_id)
    if (step := repository.steps_of(tx, run_id).get(step_id)) is None:
        raise StepUnknown(run_id, step_id)
    if step.status != "unknown":
        raise StepDecided(step_id, step.status)
    if run.status != "blocked":
        raise RunOver(run_id, run.status)
    return run, step


def resolve_step(tx: Unit, run_id: str, step_id: str, outcome: Outcome) -> RunState:
    """Go on after a person has said what became of a step whose outcome was unknown."""
    run, step = check_blocked(tx, run_id, step_id)
    said = f"{tx.cause.actor} decided: {outcome}."
    match outcome:
        case "happened":
            _put(tx, run_id, msgspec.structs.replace(step, status="completed", detail=said))
            tx.emit(StepCompleted(run_id=run_id, plan_id=run.plan_id, step=step_id))
        case "retry":
            _put(tx, run_id, msgspec.structs.replace(step, status="waiting", detail=said, wake_at=tx.now(), finished_at=None))
        case "fail":
            _put(tx, run_id, msgspec.structs.replace(step, status="failed", detail=said))
            repository.close_steps(tx, run_id, "waiting", "skipped")
            repository.update_run(tx, run_id, "failed", f"Step {step_id!r}: {said}", tx.now())
            tx.emit(RunFailed(run_id=run_id, plan_id=run.plan_id, step=step_id, detail=said))
            return find_run(tx, run_id)
    repository.update_run(tx, run_id, "running", "", None)
    return find_run(tx, run_id)


def _run(tx: Unit, run_id: str) -> RunRecord:
    run = repository.run(tx, run_id)
    if run is None or run.project != tx.cause.project:
        raise RunUnknown(run_id)
    return run


def _put(tx: Unit, run_id: str, row: StepRecord) -> None:
    repository.update_steps(tx, run_id, (row,))
