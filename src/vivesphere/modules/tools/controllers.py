"""Tools over HTTP."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import Parameter, QueryParameter

from vivesphere.contracts.tools import RunTool, ToolDeclaration, ToolRefused, ToolResult
from vivesphere.kernel.errors import FieldError, InvalidInput, PermissionMissing, Refusal, TooManyRequests
from vivesphere.kernel.http.authentication import requires
from vivesphere.kernel.http.paging import DEFAULT_LIMIT, Page, PageCursor, PageLimit
from vivesphere.modules.tools.errors import ToolNotFound
from vivesphere.modules.tools.schemas import Execution, RunInput, RunOutput
from vivesphere.modules.tools.service import ToolService

Query = Annotated[
    str,
    QueryParameter(name="query", max_length=200, description="Words in a tool's name or description, all of them."),
]
Name = Annotated[str, Parameter(max_length=100, description="The tool's name, such as text.count_words.")]


class ToolController(Controller):
    path = "/api/v1/tools"

    @get(guards=[requires("tools.tool.read")])
    async def list_tools(
        self, tools: ToolService, words: Query = "", limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[ToolDeclaration]:
        """Every tool, or those that have all words of the query."""
        return tools.list_tools(words, cursor, limit)

    @get("/{name:str}", guards=[requires("tools.tool.read")])
    async def describe_tool(self, tools: ToolService, name: Name) -> ToolDeclaration:
        """One tool, with the schema of its arguments."""
        return tools.describe(name)

    @post("/{name:str}/run", status_code=200, guards=[requires("tools.tool.run")])
    async def run_tool(self, tools: ToolService, name: Name, data: RunInput) -> RunOutput:
        """Run a tool. That it failed is an answer, too; that it was refused is a problem."""
        reply = await tools.run(RunTool(tool=name, arguments=data.arguments, dry_run=data.dry_run))
        if isinstance(reply, ToolResult):
            return RunOutput(status="ok", result=reply.result, detail="", duration_ms=reply.duration_ms, dry_run=reply.dry_run)
        if isinstance(reply, ToolRefused):
            raise _refusal(reply)
        return RunOutput(status="failed", result=None, detail=reply.detail, duration_ms=reply.duration_ms, dry_run=data.dry_run)

    @get("/{name:str}/executions", guards=[requires("tools.execution.read")])
    async def list_executions(
        self, tools: ToolService, name: Name, limit: PageLimit = DEFAULT_LIMIT, cursor: PageCursor = None
    ) -> Page[Execution]:
        """The tool's runs, newest first."""
        return await tools.executions(name, cursor, limit)


def _refusal(refused: ToolRefused) -> Refusal:
    match refused.reason:
        case "unknown_tool":
            return ToolNotFound(refused.detail)
        case "rate_limited":
            return TooManyRequests(refused.detail, refused.retry_after or 0.0)
        case "invalid_arguments":
            return InvalidInput(refused.detail, [FieldError(f"/arguments{refused.pointer}", refused.detail)])
        case _:
            return PermissionMissing(refused.detail)
