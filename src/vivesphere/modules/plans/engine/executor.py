"""Carries one run out, from where its journal ends to where nothing is left to do.

Every transition is in the journal before the next act: what a step is about to do stands there with its resolved arguments and
its attempt, from which its idempotency key is made. So a run that is picked up after a crash asks for the same act under the
same key, and whoever acts (the tools' effects gate, the bots' outbox) knows whether it was done. The end of one step and the
beginning of the next are one unit of work. Steps that wait do not hold up steps that need not wait for them.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from vivesphere.contracts.plans import RunBlocked, RunCompleted, RunFailed, StepCompleted
from vivesphere.kernel.bus.messages import JSON, Event
from vivesphere.kernel.cause import acting_under
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.principals import Principal
from vivesphere.modules.plans.engine.acts import Acts, Done, Failed, Refused, Unknown
from vivesphere.modules.plans.engine.definition import Definition, Step
from vivesphere.modules.plans.engine.expressions import ExpressionFailed, as_text, render
from vivesphere.modules.plans.engine.journal import RunState, RunStatus, StepRecord, Transition
from vivesphere.modules.plans.engine.validation import LONGEST_WAIT, moment

Write = Callable[[Transition], Awaitable[None]]


class Executor:
    """One run. `write` is the journal; `slots` bounds how many runs act at once, and a run that only waits takes none."""

    def __init__(
        self,
        state: RunState,
        definition: Definition,
        *,
        acts: Acts,
        clock: Clock,
        write: Write,
        principal: Principal,
        slots: asyncio.Semaphore,
    ) -> None:
        self._run = state.run
        self._steps = definition.steps
        self._over = 0
        self._acts = acts
        self._clock = clock
        self._write = write
        self._slots = slots
        self._cause = state.run.cause(principal)
        self._acting = state.run.acting_cause(principal)
        self._status: RunStatus = state.run.status
        self._rows = dict(state.steps)
        self._journaled = set(state.steps)
        self._unwritten: dict[str, StepRecord] = {}
        self._events: list[Event] = []
        self._results: dict[str, JSON] = {
            row.step_id: {"result": row.result} for row in state.steps.values() if row.status == "completed"
        }
        self._context = {
            "input": state.run.input,
            "event": state.run.event,
            "steps": self._results,
            "run": {
                "id": state.run.id,
                "plan_id": state.run.plan_id,
                "dry_run": state.run.dry_run,
                "started_at": state.run.started_at.isoformat(),
            },
        }

    async def carry_out(self) -> None:
        """Return when the run is completed, failed or blocked. Cancelling leaves the journal to go on from."""
        with acting_under(self._cause):
            while (wake_at := await self._advance()) is not None:
                await self._clock.sleep((wake_at - self._clock.now()).total_seconds())

    async def _advance(self) -> datetime | None:
        """Go as far as is possible without waiting. The moment to go on at, or None if there is none."""
        async with self._slots:
            while (step := self._next()) is not None:
                row = self._begin(step)
                if row.status == "running":
                    await self._journal("running")
                    row = await self._act(step, row)
                    self._put(row)
                if row.status in ("failed", "unknown"):
                    await self._end_badly(row)
                    return None
            waiting = [row.wake_at for row in self._rows.values() if row.status == "waiting" and row.wake_at is not None]
            if waiting:
                await self._journal("waiting")
                return min(waiting)
            self._events.append(RunCompleted(run_id=self._run.id, plan_id=self._run.plan_id))
            await self._journal("completed", finished_at=self._clock.now())
            return None

    def _next(self) -> Step | None:
        """The first step, in the plan's order, that can go on now."""
        while self._over < len(self._steps) and self._steps[self._over].id in self._results:
            self._over += 1
        now = self._clock.now()
        for step in itertools.islice(self._steps, self._over, None):
            row = self._rows.get(step.id)
            if row is None:
                if all(before in self._results for before in step.after):
                    return step
            elif row.status == "running" or (row.status == "waiting" and row.wake_at is not None and row.wake_at <= now):
                return step
        return None

    def _begin(self, step: Step) -> StepRecord:
        """The step's next row: `running` with what it will do, `waiting`, `completed` (a wait that is over) or `failed`."""
        row = self._rows.get(step.id)
        if row is not None and row.status == "running":
            # It was running when its process died. The same act under the same key tells whether it was done.
            return row
        if step.kind == "wait":
            return self._put(self._wait(step, row))
        now = self._clock.now()
        attempt, started_at = (1, now) if row is None else (row.attempt + 1, row.started_at)
        begun = StepRecord(step_id=step.id, kind=step.kind, status="running", attempt=attempt, started_at=started_at)
        try:
            return self._put(msgspec.structs.replace(begun, arguments=self._arguments(step)))
        except ExpressionFailed as error:
            return self._put(msgspec.structs.replace(begun, status="failed", detail=str(error), finished_at=now))

    def _wait(self, step: Step, row: StepRecord | None) -> StepRecord:
        now = self._clock.now()
        if row is not None:
            return msgspec.structs.replace(row, status="completed", wake_at=None, finished_at=now)
        begun = StepRecord(step_id=step.id, kind=step.kind, status="waiting", started_at=now)
        if self._run.dry_run:
            return msgspec.structs.replace(begun, status="completed", detail="a dry run does not wait", finished_at=now)
        try:
            wake_at = self._wake_at(step, now)
        except ExpressionFailed as error:
            return msgspec.structs.replace(begun, status="failed", detail=str(error), finished_at=now)
        if wake_at <= now:
            return msgspec.structs.replace(begun, status="completed", finished_at=now)
        return msgspec.structs.replace(begun, wake_at=wake_at)

    def _wake_at(self, step: Step, now: datetime) -> datetime:
        if "until" in step.fields:
            until = moment(given := render(step.fields["until"], self._context))
            if until is None:
                raise ExpressionFailed(f"until is {given!r}, which is not a time with its offset")
            return until
        seconds = render(step.fields["seconds"], self._context)
        if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_WAIT:
            raise ExpressionFailed(f"seconds is {seconds!r}, which is not a number from 0 to {LONGEST_WAIT:.0f}")
        return now + timedelta(seconds=seconds)

    def _arguments(self, step: Step) -> dict[str, JSON]:
        """What the act needs, with every expression evaluated: it is journaled, and a later attempt after a crash uses it."""
        if step.kind == "tool":
            return {"tool": step.fields["tool"], "arguments": render(step.fields.get("arguments", {}), self._context)}
        return {key: as_text(render(value, self._context)) for key, value in step.fields.items()}

    async def _act(self, step: Step, row: StepRecord) -> StepRecord:
        assert isinstance(row.arguments, dict)  # noqa: S101 - a running row always has them, see _begin
        key = f"run:{self._run.id}:step:{step.id}:{row.attempt}"
        with acting_under(self._acting):
            outcome = await self._acts.do(step.kind, row.arguments, key, dry_run=self._run.dry_run)
        now = self._clock.now()
        match outcome:
            case Done(result):
                return msgspec.structs.replace(row, status="completed", result=result, detail="", finished_at=now)
            case Unknown(detail):
                return msgspec.structs.replace(row, status="unknown", detail=detail, finished_at=now)
            case Refused(detail, retry_after):
                # The attempt does not count, so the next one has the same number and the same key.
                wake_at = now + timedelta(seconds=retry_after)
                return msgspec.structs.replace(row, status="waiting", attempt=row.attempt - 1, detail=detail, wake_at=wake_at)
            case Failed(detail) if row.attempt < step.retry.max_attempts:
                wake_at = now + timedelta(seconds=step.retry.delay_seconds)
                return msgspec.structs.replace(row, status="waiting", detail=detail, wake_at=wake_at)
            case Failed(detail):
                return msgspec.structs.replace(row, status="failed", detail=detail, finished_at=now)

    async def _end_badly(self, row: StepRecord) -> None:
        told = {"run_id": self._run.id, "plan_id": self._run.plan_id, "step": row.step_id, "detail": row.detail}
        said = f"Step {row.step_id!r}: {row.detail}"
        if row.status == "unknown":
            self._events.append(RunBlocked(**told))
            await self._journal("blocked", said)
            return
        for other in [each for each in self._rows.values() if each.status == "waiting"]:
            self._put(msgspec.structs.replace(other, status="skipped", wake_at=None, finished_at=self._clock.now()))
        self._events.append(RunFailed(**told))
        await self._journal("failed", said, self._clock.now())

    def _put(self, row: StepRecord) -> StepRecord:
        """Hold a row for the next unit of work."""
        self._rows[row.step_id] = row
        self._unwritten[row.step_id] = row
        if row.status == "completed":
            self._results[row.step_id] = {"result": row.result}
            self._events.append(StepCompleted(run_id=self._run.id, plan_id=self._run.plan_id, step=row.step_id))
        return row

    async def _journal(self, status: RunStatus, detail: str = "", finished_at: datetime | None = None) -> None:
        """Write everything that has changed, in one unit of work; nothing if nothing has."""
        changed = status != self._status
        if not (self._unwritten or changed):
            return
        rows = self._unwritten.values()
        transition = Transition(
            run_id=self._run.id,
            begun=tuple(row for row in rows if row.step_id not in self._journaled),
            changed=tuple(row for row in rows if row.step_id in self._journaled),
            run_status=status if changed else None,
            detail=detail,
            finished_at=finished_at,
            events=tuple(self._events),
        )
        await self._write(transition)
        self._journaled.update(self._unwritten)
        self._unwritten.clear()
        self._events.clear()
        self._status = status
