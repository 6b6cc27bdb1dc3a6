"""Finding and running tools, and taking in those of plugins."""

import asyncio
from contextlib import suppress

import msgspec

from vivesphere.contracts.plugins import PluginToolResult, RunPluginTool
from vivesphere.contracts.tools import (
    RegisterPluginTools,
    RunTool,
    ToolCompleted,
    ToolDeclaration,
    ToolFailed,
    ToolRefused,
    ToolResult,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import BusError
from vivesphere.kernel.bus.handle import BusHandle
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.cause import Cause, Mode, acting_under, cause_for, current_cause
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.field_errors import field_error
from vivesphere.kernel.http.paging import Page, decode_cursor, page
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.permissions import Permissions
from vivesphere.modules.tools import rules
from vivesphere.modules.tools.errors import ToolNotFound
from vivesphere.modules.tools.execution import Outcome, OutcomeUnknown, execute
from vivesphere.modules.tools.execution_log import ExecutionLog
from vivesphere.modules.tools.rates import Rates
from vivesphere.modules.tools.registry import LONGEST_TIMEOUT, RegisteredTool, Registry
from vivesphere.modules.tools.schemas import Execution
from vivesphere.sdk import PluginError
from vivesphere.sdk.acts import next_key, working_on

Reply = ToolResult | ToolRefused | ToolFailed


class ToolService:
    def __init__(
        self,
        *,
        registry: Registry,
        rates: Rates,
        executions: ExecutionLog,
        db: DatabaseHandle,
        bus: BusHandle,
        permissions: Permissions,
        clock: Clock,
        max_result: int,
    ) -> None:
        self._registry = registry
        self._rates = rates
        self._executions = executions
        self._db = db
        self._bus = bus
        self._permissions = permissions
        self._clock = clock
        self._max_result = max_result

    def list_tools(self, query: str, cursor: str | None, limit: int) -> Page[ToolDeclaration]:
        """Tools with every word of the query, those with them in their names first."""
        after = decode_cursor(cursor, tuple[int, str]) or (-1, "")
        found = [each for each in self._registry.search(query) if (each[0], each[1].name) > after]
        listed = page(found[: limit + 1], limit, lambda each: (each[0], each[1].name))
        return Page(items=[declaration for _, declaration in listed.items], next_cursor=listed.next_cursor)

    def describe(self, name: str) -> ToolDeclaration:
        """Raises ToolNotFound."""
        tool = self._registry.find(name)
        if tool is None:
            raise self._not_found(name)
        return tool.declaration

    async def executions(self, name: str, cursor: str | None, limit: int) -> Page[Execution]:
        """The tool's runs in the caller's project, newest first. Those of the last moments may still be on their way."""
        self.describe(name)
        project = cause_for(self._bus.principal).project
        found = await self._db.read(rules.executions_of, project, name, decode_cursor(cursor, str), limit + 1)
        return page(found, limit, lambda each: each.id)

    async def run(self, request: RunTool) -> Reply:
        """Run a tool under the cause at hand: its actor is who must be permitted and whose rate counts."""
        began = self._clock.monotonic()
        asked = current_cause() or cause_for(self._bus.principal)
        cause = asked.tightened(Mode.SHADOW) if request.dry_run else asked
        tool = self._registry.find(request.tool)
        if tool is None:
            refused = ToolRefused(reason="unknown_tool", detail=self._not_found(request.tool).detail)
            return await self._told(request, cause, began, refused)
        checked = self._check(tool, request, cause)
        if isinstance(checked, ToolRefused):
            return await self._told(request, cause, began, checked)
        try:
            with acting_under(cause), working_on(_scoped(request.idempotency_key, cause)):
                outcome = await execute(tool, checked, request.arguments, self._max_result)
        except asyncio.CancelledError:
            self._hand_over(request, cause, began, "cancelled", "", "Whoever asked stopped waiting.")
            raise
        return await self._told(request, cause, began, self._reply(outcome, cause, began))

    def register_plugin_tools(self, request: RegisterPluginTools) -> tuple[str, ...]:
        """Raises RegistrationRefused, with nothing registered."""
        return self._registry.register(request.plugin, request.tools, self._ask_plugin)

    def unregister_plugin_tools(self, plugin: str) -> tuple[str, ...]:
        return self._registry.unregister(plugin)

    def _not_found(self, name: str) -> ToolNotFound:
        near = self._registry.near(name)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return ToolNotFound(f"There is no tool {name[:100]!r}.{hint}", near)

    def _check(self, tool: RegisteredTool, request: RunTool, cause: Cause) -> msgspec.Struct | ToolRefused:
        """The decoded arguments, or what stands against the run."""
        if not self._permissions.allows(cause.actor, RunTool.permission, cause.project):
            detail = f"{cause.actor} lacks the permission {RunTool.permission} in project {cause.project}."
            return ToolRefused(reason="not_permitted", detail=detail)
        if wait := self._rates.take(cause.actor):
            detail = f"{cause.actor} runs tools too fast; come back in {wait:.2f} s."
            return ToolRefused(reason="rate_limited", detail=detail, retry_after=wait)
        try:
            return msgspec.convert(request.arguments, tool.arguments)
        except msgspec.ValidationError as error:
            detail = f"The arguments of {request.tool} are wrong: {error}."
            return ToolRefused(reason="invalid_arguments", detail=detail, pointer=field_error(str(error)).pointer)

    def _reply(self, outcome: Outcome, cause: Cause, began: float) -> Reply:
        took = self._took(began)
        if outcome.reason:
            return ToolFailed(reason=outcome.reason, detail=outcome.detail, duration_ms=took)
        return ToolResult(result=outcome.result, duration_ms=took, dry_run=cause.mode is not Mode.LIVE)

    async def _told(self, request: RunTool, cause: Cause, began: float, reply: Reply) -> Reply:
        """The reply, after the log and the listeners were told. Refusals for rate stay silent: telling is what they save."""
        match reply:
            case ToolResult():
                status, reason, detail = "result", "", ""
            case ToolFailed(reason=reason, detail=detail):
                status = "failed"
            case ToolRefused(reason="rate_limited"):
                return reply
            case _:
                status, reason, detail = "refused", reply.reason, reply.detail
        took = self._hand_over(request, cause, began, status, reason, detail)
        # At the end of a chain of causes the bus refuses to lengthen it, and counts that; the result stands all the same.
        with suppress(BusError):
            await self._bus.publish(ToolCompleted(tool=request.tool[:100], status=status, duration_ms=took))
        return reply

    def _hand_over(self, request: RunTool, cause: Cause, began: float, status: str, reason: str, detail: str) -> float:  # noqa: PLR0917 - private: the columns of one row
        took = self._took(began)
        self._executions.hand_over(
            Execution(
                id=new_id(),
                at=self._clock.now(),
                tool=request.tool[:100],
                status=status,
                reason=reason,
                detail=detail,
                duration_ms=took,
                dry_run=cause.mode is not Mode.LIVE,
                source=cause.source,
                actor=cause.actor,
                project=cause.project,
                correlation_id=cause.correlation_id,
            )
        )
        return took

    def _took(self, began: float) -> float:
        return round((self._clock.monotonic() - began) * 1000, 3)

    async def _ask_plugin(self, name: str, arguments: dict[str, JSON]) -> JSON:
        """The tool's own timeout stands around this, so the request's only has to be longer."""
        request = RunPluginTool(tool=name, arguments=arguments, idempotency_key=next_key())
        reply = await self._bus.request(request, timeout=LONGEST_TIMEOUT + 10)
        if isinstance(reply, PluginToolResult):
            return reply.result
        raise (OutcomeUnknown if reply.reason == "unknown_outcome" else PluginError)(reply.detail)


def _scoped(key: str | None, cause: Cause) -> str | None:
    """A module's key goes to the effects gate as it is, so that the module can resolve it there. Anybody else's is put under
    their name: guessing the key of another must not bring the answer that the other got."""
    if key is None or principals.kind(cause.source) == "module":
        return key
    return f"{cause.source}:{key}"
