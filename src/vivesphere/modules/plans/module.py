"""The wiring of plans."""

from vivesphere.contracts.plans import (
    CreatePlan,
    DescribePlan,
    PlanCreated,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunStarted,
    StartRun,
    StepCompleted,
)
from vivesphere.kernel.module import Module, ModuleContext
from vivesphere.modules.plans.controllers import PlanController, RunController
from vivesphere.modules.plans.engine.acts import Acts
from vivesphere.modules.plans.engine.engine import Engine
from vivesphere.modules.plans.handlers import PlanHandlers
from vivesphere.modules.plans.service import PlanService
from vivesphere.modules.plans.settings import PlansSettings


def build(context: ModuleContext) -> Module:
    settings = context.settings.section("plans", PlansSettings)
    engine = Engine(
        acts=Acts(context.bus, settings.step_timeout),
        db=context.db,
        clock=context.clock,
        lifetime=context.lifetime,
        principal=context.principal,
        concurrent_runs=settings.concurrent_runs,
    )
    plans = PlanService(context.bus, context.db, engine)
    handlers = PlanHandlers(plans)

    return Module(
        name=context.name,
        responders={CreatePlan: handlers.create, DescribePlan: handlers.describe, StartRun: handlers.start},
        publishes=(
            PlanCreated,
            RunBlocked,
            RunCancelled,
            RunCompleted,
            RunFailed,
            RunStarted,
            StepCompleted,
        ),
        routes=(PlanController, RunController),
        provides={"plans": plans},
        start=engine.resume,
        health=engine.health,
    )
