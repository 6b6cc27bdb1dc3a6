"""Commands and tools of plugins: what they say, and what becomes of what they raise."""

from typing import Any

import pytest
from tests.kernel.http_peer import ok
from tests.modules.plugins.world import PluginWorld

from vivesphere.contracts.plugins import (
    CommandFailed,
    CommandReply,
    CommandUnknown,
    PluginToolFailed,
    PluginToolResult,
    RunPluginTool,
)
from vivesphere.contracts.tools import RunTool, ToolFailed, ToolResult
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted

COMMAND = """
@command("act")
async def act(context, message):
    "Acts."
    {body}

@hookimpl
def commands():
    return [act]
"""

TOOL = """
@tool("tester.act_now", effect="write")
async def act_now(context, url: str = "") -> object:
    "Acts."
    {body}

@hookimpl
def tools():
    return [act_now]
"""


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ("return 'hi'", CommandReply("hi")),
        ("return Reply('hi')", CommandReply("hi")),
        ("return None", CommandReply("")),
        ("return 'x' * 5000", CommandReply("x" * 4000)),
        ("raise PluginError('There is none left.')", CommandFailed("There is none left.")),
        ("raise ValueError('secret')", CommandFailed("Something went wrong in act. The log says what.")),
        ("raise SystemExit", CommandFailed("Something went wrong in act. The log says what.")),
        ("raise KeyboardInterrupt", CommandFailed("Something went wrong in act. The log says what.")),
        ("raise GeneratorExit", CommandFailed("Something went wrong in act. The log says what.")),
        ("raise asyncio.CancelledError", CommandFailed("Something went wrong in act. The log says what.")),
        ("return 7", CommandFailed("Something went wrong in act. The log says what.")),
        (
            "await context.tools.run('text.count_words', {'text': 'a'})",
            CommandFailed("act was not allowed to do what it tried. The log says more."),
        ),
    ],
)
async def test_what_a_command_says(world: PluginWorld, body: str, reply: Any) -> None:
    world.bus.module("tools").respond(RunTool, _count)
    world.write("tester", COMMAND.format(body=body))
    await world.start()
    assert await world.say("act") == reply


async def _count(request: RunTool) -> ToolResult | ToolFailed:
    if request.tool == "text.count_words":
        return ToolResult(result=[request.idempotency_key], duration_ms=0.0)
    return ToolFailed(reason="error", detail="It does not count.", duration_ms=0.0)


async def test_a_plugin_runs_tools_it_was_permitted(world: PluginWorld) -> None:
    world.bus.module("tools").respond(RunTool, _count)
    body = "return str(await context.tools.run('text.count_words', {'text': 'a'}))"
    world.write("tester", COMMAND.format(body=body), more='permissions = ["tools.tool.run"]')
    await world.start()
    assert await world.say("act") == CommandReply("[None]")
    world.write("other", COMMAND.format(body="return await context.tools.run('no')").replace('"act"', '"no"'), more="")


async def test_a_tool_that_failed_is_told_in_its_words(world: PluginWorld) -> None:
    world.bus.module("tools").respond(RunTool, _count)
    world.write("tester", COMMAND.format(body="await context.tools.run('x.y')"), more='permissions = ["tools.tool.run"]')
    await world.start()
    assert await world.say("act") == CommandFailed("It does not count.")


async def test_an_unknown_command_has_suggestions(world: PluginWorld) -> None:
    world.write("tester", COMMAND.format(body="return ''"))
    await world.start()
    assert await world.say("actt") == CommandUnknown(("act",))
    assert await world.say("zzz") == CommandUnknown()


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ("return Reply('x')", PluginToolResult({"text": "x"})),
        ("raise PluginError('Empty.')", PluginToolFailed("Empty.")),
        ("raise ValueError('secret')", PluginToolFailed("The tool has a bug: it raised ValueError. The log says where.")),
        ("return object()", PluginToolFailed("The tool has a bug: it raised TypeError. The log says where.")),
    ],
)
async def test_what_a_tool_gives(world: PluginWorld, body: str, reply: Any) -> None:
    world.write("tester", TOOL.format(body=body))
    await world.start()
    assert await world.run("tester.act_now") == reply


async def test_a_tools_arguments_are_decoded_strictly(world: PluginWorld) -> None:
    world.write("tester", TOOL.format(body="return url"))
    await world.start()
    reply = await world.run("tester.act_now", {"url": 7})
    assert isinstance(reply, PluginToolFailed)
    assert "Expected `str`" in reply.detail


async def test_only_tools_may_ask_for_a_plugins_tool(world: PluginWorld) -> None:
    world.write("tester", TOOL.format(body="return 1"))
    await world.start()
    with pytest.raises(NotPermitted):
        await world.bus.module("bots").request(RunPluginTool(tool="tester.act_now", arguments={}))
    world.bus.permissions.grant_plugin(principals.plugin("sly"), frozenset({">"}))
    with pytest.raises(NotPermitted):
        await world.bus.plugin("sly").request(RunPluginTool(tool="tester.act_now", arguments={}))


ALLOWED = 'permissions = ["effects.http.*"]'
POST = "a = await context.http.post_json(url, {'n': 1}, headers={'x-a': 'b'}); return [a.status, a.json(), a.stand_in]"


async def test_a_plugin_reads_and_writes_the_web_through_the_gate(world: PluginWorld) -> None:
    world.peer.answers["/"] = ok(b'{"a": 1}')
    url = {"url": world.peer.url("/", host="127.0.0.1")}
    world.write("tester", TOOL.format(body=POST), more=ALLOWED)
    world.write(
        "reader", TOOL.format(body="return (await context.http.get(url)).text").replace("tester.", "reader."), more=ALLOWED
    )
    await world.start()
    world.bus.permissions.grant_plugin(principals.plugin("tester"), frozenset({"effects.http.*"}))
    for _ in range(2):
        assert await world.run("tester.act_now", url, key="k") == PluginToolResult([200, {"a": 1}, False])
    (asked,) = world.peer.asked
    assert (asked.method, asked.body, asked.headers["x-a"]) == ("POST", b'{"n":1}', "b")
    assert await world.run("reader.act_now", url) == PluginToolResult('{"a": 1}')


async def test_without_the_permission_nothing_leaves(world: PluginWorld) -> None:
    world.write("tester", TOOL.format(body=POST))
    await world.start()
    reply = await world.run("tester.act_now", {"url": world.peer.url("/", host="127.0.0.1")})
    assert reply == PluginToolFailed("plugin:tester needs the permission effects.http.write.")
    assert not world.peer.asked


async def test_an_act_whose_outcome_is_unknown_stays_unknown(world: PluginWorld) -> None:
    world.peer.answers["/"] = b""
    world.write("tester", TOOL.format(body=POST), more=ALLOWED)
    await world.start()
    reply = await world.run("tester.act_now", {"url": world.peer.url("/", host="127.0.0.1")}, key="k")
    assert isinstance(reply, PluginToolFailed)
    assert reply.reason == "unknown_outcome"


async def test_a_command_asked_again_under_its_key_acts_once(world: PluginWorld) -> None:
    world.peer.answers["/"] = ok(b"7")
    body = "return (await context.http.post_json(message.argument_text, {})).text"
    world.write("tester", COMMAND.format(body=body), more=ALLOWED)
    await world.start()
    for _ in range(2):
        assert await world.say("act", world.peer.url("/", host="127.0.0.1"), key="k") == CommandReply("7")
    assert len(world.peer.asked) == 1


async def test_a_command_says_that_nobody_knows_whether_it_acted(world: PluginWorld) -> None:
    world.peer.answers["/"] = b""
    body = "await context.http.post_json(message.argument_text, {})"
    world.write("tester", COMMAND.format(body=body), more=ALLOWED)
    await world.start()
    reply = await world.say("act", world.peer.url("/", host="127.0.0.1"), key="k")
    assert isinstance(reply, CommandFailed)
    assert "may or may not have happened" in reply.detail


async def test_an_answer_that_is_no_json_says_so(world: PluginWorld) -> None:
    world.peer.answers["/"] = ok(b"<html>")
    world.write("tester", TOOL.format(body=POST), more=ALLOWED)
    await world.start()
    reply = await world.run("tester.act_now", {"url": world.peer.url("/", host="127.0.0.1")})
    assert reply == PluginToolFailed("The server's answer is not JSON.")
