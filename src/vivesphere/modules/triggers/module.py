"""The wiring of triggers."""

from vivesphere.contracts.triggers import CreateTrigger, TriggerCreated, TriggerFired
from vivesphere.kernel.module import Job, Module, ModuleContext
from vivesphere.modules.triggers.actions import Actions
from vivesphere.modules.triggers.alarm import Alarm
from vivesphere.modules.triggers.controllers import TriggerController
from vivesphere.modules.triggers.handlers import TriggerHandlers
from vivesphere.modules.triggers.jobs import Scheduler
from vivesphere.modules.triggers.service import TriggerService
from vivesphere.modules.triggers.settings import TriggersSettings


def build(context: ModuleContext) -> Module:
    settings = context.settings.section("triggers", TriggersSettings)
    alarm = Alarm(context.clock)
    triggers = TriggerService(bus=context.bus, db=context.db, clock=context.clock, actions=Actions(context.bus), alarm=alarm)
    scheduler = Scheduler(
        triggers, db=context.db, clock=context.clock, alarm=alarm, lifetime=context.lifetime, at_once=settings.firings_at_once
    )
    handlers = TriggerHandlers(triggers)

    return Module(
        name=context.name,
        responders={CreateTrigger: handlers.create},
        publishes=(TriggerCreated, TriggerFired),
        routes=(TriggerController,),
        provides={"triggers": triggers},
        start=scheduler.catch_up,
        jobs=(Job("scheduler", scheduler.run),),
    )
