"""The use cases of plans: validate, ask other modules, then one unit of work; the engine does the rest."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vivesphere.contracts.tools import DescribeTool, ToolUnknown
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.cause import Mode, acting_under, cause_for
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.db.kept_replies import IdempotencyKey
from vivesphere.kernel.errors import FieldError
from vivesphere.kernel.field_errors import did_you_mean
from vivesphere.kernel.ids import new_id
from vivesphere.modules.plans import rules
from vivesphere.modules.plans.engine.engine import Engine
from vivesphere.modules.plans.engine.journal import RunRecord, RunState
from vivesphere.modules.plans.engine.validation import findings, tools_named
from vivesphere.modules.plans.errors import PlanInvalid
from vivesphere.modules.plans.rules import Outcome, RunRequest
from vivesphere.modules.plans.schemas import PlanView


class PlanService:
    """Everything happens in the project of the running cause, under its actor."""

    def __init__(self, bus: BusHandle, db: DatabaseHandle, engine: Engine) -> None:
        self._bus = bus
        self._db = db
        self._engine = engine

    async def create_plan(
        self, name: str, definition: dict[str, Any], at: str = "", *, once: IdempotencyKey[PlanView] | None = None
    ) -> PlanView:
        """Save a new plan. PlanInvalid has every finding; `at` is the JSON pointer of the definition in what was sent."""
        if (known := await self._db.answered(once)) is not None:
            return known
        await self._check(definition, at)
        return await self._db.write_once(once, rules.create_plan, new_id(), name, definition)

    async def change_plan(self, plan_id: str, name: str | None, definition: dict[str, Any], at: str = "") -> PlanView:
        """Save a new version of a plan; its runs stay on theirs."""
        await self._db.read(rules.find_plan, plan_id)
        await self._check(definition, at)
        return await self._db.write(rules.change_plan, plan_id, name, definition)

    async def find_plan(self, plan_id: str) -> PlanView:
        return await self._db.read(rules.find_plan, plan_id)

    async def list_plans(self, before: str | None, limit: int) -> list[PlanView]:
        """Newest first, from the one after `before` on."""
        return await self._db.read(rules.list_plans, before, limit)

    async def start_run(self, plan_id: str, asked: RunRequest, *, once: IdempotencyKey[str] | None = None) -> str:
        """The id of a run that is on disk. It acts under the actor and project of whoever asks, one hop further.

        A dry run that starts a run starts a dry run: shadow mode goes on, while the new run's journal is written in earnest.
        """
        cause = cause_for(self._bus.principal)
        if cause.mode is not Mode.LIVE:
            asked = msgspec.structs.replace(asked, dry_run=True)
        with acting_under(msgspec.structs.replace(cause, mode=Mode.LIVE, hop=cause.hop + 1)):
            if once is not None:
                return await self._start_once(once, plan_id, asked)
            state, made = await self._db.write(rules.start_run, new_id(), plan_id, asked)
        if made:
            self._engine.wake(state.run.id, state)
        return state.run.id

    async def _start_once(self, once: IdempotencyKey[str], plan_id: str, asked: RunRequest) -> str:
        run_id = await self._db.write_once(once, rules.run_started, new_id(), plan_id, asked)
        # One that was started before goes on, and one that is over does not begin again.
        self._engine.wake(run_id)
        return run_id

    async def find_run(self, run_id: str) -> RunState:
        return await self._db.read(rules.find_run, run_id)

    async def list_runs(self, plan_id: str, before: str | None, limit: int) -> list[RunRecord]:
        """Newest first, from the one after `before` on."""
        return await self._db.read(rules.list_runs, plan_id, before, limit)

    async def cancel_run(self, run_id: str) -> RunState:
        """End a run that is not over. A step that is being carried out is interrupted, and its outcome marked unknown."""
        await self._db.read(rules.find_run, run_id)
        await self._engine.halt(run_id)
        return await self._db.write(rules.cancel_run, run_id)

    async def resolve_step(self, run_id: str, step_id: str, outcome: Outcome) -> RunState:
        """Tell a blocked run what became of the step whose outcome is unknown, and let it go on."""
        await self._db.read(rules.check_blocked, run_id, step_id)
        # The task that blocked the run may be a moment from its end; it must be gone before the run is woken again.
        await self._engine.halt(run_id)
        state = await self._db.write(rules.resolve_step, run_id, step_id, outcome)
        self._engine.wake(run_id)
        return state

    async def _check(self, definition: Mapping[str, Any], at: str) -> None:
        found = findings(definition) or await self._unknown_tools(definition)
        if found:
            raise PlanInvalid([FieldError(at + each.pointer, each.detail) for each in found])

    async def _unknown_tools(self, definition: Mapping[str, Any]) -> tuple[FieldError, ...]:
        found = []
        for tool, pointer in tools_named(definition).items():
            described = await self._bus.request(DescribeTool(tool=tool))
            if isinstance(described, ToolUnknown):
                found.append(FieldError(pointer, f"there is no tool {tool!r}{did_you_mean(described.suggestions)}"))
        return tuple(found)
