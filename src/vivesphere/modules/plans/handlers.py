"""The bus edge of plans."""

from vivesphere.contracts.plans import CreatePlan, DescribePlan, PlanKnown, PlanRefused, PlanSaved, RunAccepted, StartRun
from vivesphere.kernel.errors import Refusal
from vivesphere.modules.plans.rules import RunRequest
from vivesphere.modules.plans.service import PlanService


class PlanHandlers:
    """Refusals become replies: a module that asks gets a sentence, not an exception."""

    def __init__(self, plans: PlanService) -> None:
        self._plans = plans

    async def create(self, asked: CreatePlan) -> PlanSaved | PlanRefused:
        try:
            plan = await self._plans.create_plan(asked.name, asked.definition)
        except Refusal as refused:
            return _refused(refused)
        return PlanSaved(plan.id, plan.version)

    async def describe(self, asked: DescribePlan) -> PlanKnown | PlanRefused:
        try:
            plan = await self._plans.find_plan(asked.plan_id)
        except Refusal as refused:
            return _refused(refused)
        return PlanKnown(plan.name, plan.version)

    async def start(self, asked: StartRun) -> RunAccepted | PlanRefused:
        given = RunRequest(input=asked.input, event=asked.event, dry_run=asked.dry_run, idempotency_key=asked.idempotency_key)
        try:
            return RunAccepted(await self._plans.start_run(asked.plan_id, given))
        except Refusal as refused:
            return _refused(refused)


def _refused(refused: Refusal) -> PlanRefused:
    return PlanRefused(" ".join([refused.detail, *(f"{each.pointer}: {each.detail}." for each in refused.errors)]))
