"""What a firing does: start a run or run a tool, and what is known of it afterwards."""

import structlog

from vivesphere.contracts.plans import DescribePlan, PlanRefused, RunAccepted, StartRun
from vivesphere.contracts.tools import DescribeTool, RunTool, ToolFailed, ToolRefused, ToolResult, ToolUnknown
from vivesphere.kernel.bus.errors import BusError, RequestTimeout
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.errors import FieldError
from vivesphere.kernel.field_errors import did_you_mean
from vivesphere.modules.triggers.records import Firing, Result
from vivesphere.modules.triggers.schemas import Action, PlanAction, ToolAction

TOOL_TIMEOUT = 3600.0
"""Seconds; a tool's own, shorter timeout is the tools module's to keep."""

log = structlog.get_logger("vivesphere.triggers")


class Actions:
    """Acts under the cause of the running task. The firing's idempotency key makes asking again harmless."""

    def __init__(self, bus: BusHandle) -> None:
        self._bus = bus

    async def findings(self, action: Action, at: str) -> tuple[FieldError, ...]:
        """What is wrong with an action now: its plan or tool does not exist. Pointers lie below `at`."""
        match action:
            case PlanAction():
                plan = await self._bus.request(DescribePlan(plan_id=action.plan_id))
                return (FieldError(f"{at}/plan_id", plan.detail.rstrip(".")),) if isinstance(plan, PlanRefused) else ()
            case ToolAction():
                tool = await self._bus.request(DescribeTool(tool=action.tool))
                if not isinstance(tool, ToolUnknown):
                    return ()
                return (FieldError(f"{at}/tool", f"there is no tool {action.tool!r}{did_you_mean(tool.suggestions)}"),)

    async def act(self, firing: Firing) -> Result:
        """Do what the trigger is for. Never raises: whatever goes wrong belongs into the history."""
        action = firing.trigger.action
        subject = action.plan_id if isinstance(action, PlanAction) else action.tool
        try:
            return await (self._start_run(action, firing) if isinstance(action, PlanAction) else self._run_tool(action, firing))
        except RequestTimeout as late:
            return Result("started", subject, f"{late}; it may or may not have acted")
        except BusError as refused:
            return Result("refused", subject, str(refused))
        except Exception as error:  # the bus boundary: whoever answered broke, and the history is where a person looks
            log.exception("trigger_action_raised", trigger=firing.trigger.id, firing=firing.record.id)
            return Result("refused", subject, f"{type(error).__name__}: {error}")

    async def _start_run(self, action: PlanAction, firing: Firing) -> Result:
        reply = await self._bus.request(
            StartRun(
                plan_id=action.plan_id,
                input=action.input,
                event={
                    "kind": firing.trigger.kind,
                    "trigger_id": firing.trigger.id,
                    "trigger": firing.trigger.name,
                    "cause": firing.record.cause,
                    "scheduled_for": firing.record.scheduled_for.isoformat(),
                },
                idempotency_key=firing.record.idempotency_key,
            )
        )
        match reply:
            case RunAccepted():
                return Result("started", reply.run_id)
            case PlanRefused():
                return Result("refused", action.plan_id, reply.detail)

    async def _run_tool(self, action: ToolAction, firing: Firing) -> Result:
        reply = await self._bus.request(
            RunTool(tool=action.tool, arguments=action.arguments, idempotency_key=firing.record.idempotency_key),
            timeout=TOOL_TIMEOUT,
        )
        match reply:
            case ToolResult():
                return Result("started", action.tool)
            case ToolFailed():
                return Result("started", action.tool, f"It failed: {reply.detail}")
            case ToolRefused():
                return Result("refused", action.tool, reply.detail)
