"""The wiring of tools."""

from vivesphere.contracts.tools import DescribeTool, RegisterPluginTools, RunTool, ToolCompleted, UnregisterPluginTools
from vivesphere.kernel.module import Job, Module, ModuleContext
from vivesphere.kernel.services import Health
from vivesphere.modules.tools.builtin.catalog import BUILTIN
from vivesphere.modules.tools.builtin.context import BuiltinContext
from vivesphere.modules.tools.controllers import ToolController
from vivesphere.modules.tools.execution_log import ExecutionLog
from vivesphere.modules.tools.handlers import ToolHandlers
from vivesphere.modules.tools.rates import Rates
from vivesphere.modules.tools.registry import Registry
from vivesphere.modules.tools.service import ToolService
from vivesphere.modules.tools.settings import ToolsSettings


def build(context: ModuleContext) -> Module:
    settings = context.settings.section("tools", ToolsSettings)
    executions = ExecutionLog(context.db, context.clock, settings.keep_executions_days)
    tools = ToolService(
        registry=Registry(BUILTIN, BuiltinContext(effects=context.effects, clock=context.clock)),
        rates=Rates(settings, context.clock),
        executions=executions,
        db=context.db,
        bus=context.bus,
        permissions=context.permissions,
        clock=context.clock,
        max_result=settings.max_result,
    )
    handlers = ToolHandlers(tools)

    def health() -> Health:
        if executions.dropped:
            return Health("degraded", f"{executions.dropped} executions were dropped from the log: the disk is too slow.")
        return Health()

    return Module(
        name=context.name,
        responders={
            RunTool: handlers.run,
            DescribeTool: handlers.describe,
            RegisterPluginTools: handlers.register,
            UnregisterPluginTools: handlers.unregister,
        },
        publishes=(ToolCompleted,),
        routes=(ToolController,),
        provides={"tools": tools},
        jobs=(Job("execution log", executions.write), Job("execution log retention", executions.forget)),
        stop=executions.flush,
        health=health,
    )
