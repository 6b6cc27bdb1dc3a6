"""The HTTP edge of plans and runs."""

from litestar import Controller, get, post, put

from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.idempotency import Asking
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit, decode_cursor, page
from vivesphere.modules.plans import presentation
from vivesphere.modules.plans.rules import RunRequest
from vivesphere.modules.plans.schemas import (
    PlanChange,
    PlanInput,
    PlanView,
    Resolution,
    RunInput,
    RunStartedView,
    RunSummary,
    RunView,
)
from vivesphere.modules.plans.service import PlanService

DEFINITION = "/definition"


class PlanController(Controller):
    path = "/api/v1/plans"

    @get(guards=[requires("plans.plan.read")])
    async def list_plans(
        self, plans: PlanService, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[PlanView]:
        """Every plan of the project with its newest definition, newest first."""
        found = await plans.list_plans(decode_cursor(cursor, str), limit + 1)
        return page(found, limit, lambda plan: plan.id)

    @post(guards=[requires("plans.plan.write")])
    async def create_plan(self, plans: PlanService, data: PlanInput, asking: Asking) -> PlanView:
        """Save a plan. Everything that is wrong with it is told at once."""
        return await plans.create_plan(data.name, data.definition, DEFINITION, once=asking.once(PlanView))

    @get("/{plan_id:str}", guards=[requires("plans.plan.read")])
    async def get_plan(self, plans: PlanService, plan_id: str) -> PlanView:
        return await plans.find_plan(plan_id)

    @put("/{plan_id:str}", guards=[requires("plans.plan.write")])
    async def change_plan(self, plans: PlanService, plan_id: str, data: PlanChange) -> PlanView:
        """Save a new version. Runs that have begun stay on the version they began with."""
        return await plans.change_plan(plan_id, data.name, data.definition, DEFINITION)

    @post("/{plan_id:str}/runs", guards=[requires("plans.run.start")], status_code=202)
    async def start_run(self, plans: PlanService, plan_id: str, data: RunInput, asking: Asking) -> RunStartedView:
        """Start a run of the newest version. It is on disk when this answers, and goes on through crashes."""
        asked = RunRequest(input=data.input, dry_run=data.dry_run)
        return RunStartedView(run_id=await plans.start_run(plan_id, asked, once=asking.once(str)))

    @get("/{plan_id:str}/runs", guards=[requires("plans.run.read")])
    async def list_runs(
        self, plans: PlanService, plan_id: str, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[RunSummary]:
        """The plan's runs without their steps, newest first."""
        found = await plans.list_runs(plan_id, decode_cursor(cursor, str), limit + 1)
        return page([presentation.summary(run) for run in found], limit, lambda run: run.id)


class RunController(Controller):
    path = "/api/v1/runs"

    @get("/{run_id:str}", guards=[requires("plans.run.read")])
    async def get_run(self, plans: PlanService, run_id: str) -> RunView:
        return presentation.run(await plans.find_run(run_id))

    @post("/{run_id:str}/cancel", guards=[requires("plans.run.start")], status_code=200)
    async def cancel_run(self, plans: PlanService, run_id: str) -> RunView:
        """End a run. A step that is being carried out is interrupted: it may or may not have acted."""
        return presentation.run(await plans.cancel_run(run_id))

    @post("/{run_id:str}/steps/{step_id:str}/resolve", guards=[requires("plans.run.start")], status_code=200)
    async def resolve_step(self, plans: PlanService, run_id: str, step_id: str, data: Resolution) -> RunView:
        """Say what became of a step whose outcome is unknown; the run then goes on, or fails."""
        return presentation.run(await plans.resolve_step(run_id, step_id, data.outcome))
