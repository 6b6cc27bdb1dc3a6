"""Running a tool: everything that stands before it, and everything that can become of it."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kernel.http_peer import http_peer, ok
from tests.modules.tools.world import ADA, VIC, ToolWorld, tools_in
from tests.support.clock import settle

from vivesphere.contracts.plugins import PluginToolFailed, PluginToolResult, RunPluginTool
from vivesphere.contracts.tools import (
    DescribeTool,
    RegisterPluginTools,
    RunTool,
    ToolDeclaration,
    ToolFailed,
    ToolRefused,
    ToolResult,
    ToolsRegistered,
    ToolsRejected,
    ToolUnknown,
    UnregisterPluginTools,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.errors import NotPermitted, RequestTimeout
from vivesphere.kernel.cause import HOP_LIMIT, Cause, Mode, acting_under, current_cause
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.effects import EffectUnknown
from vivesphere.modules.tools.errors import ToolNotFound
from vivesphere.modules.tools.settings import ToolsSettings
from vivesphere.sdk import PluginError, tool
from vivesphere.sdk.acts import next_key

pytestmark = pytest.mark.usefixtures("engine")

MODULE = principals.module("bots")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
DICE = ToolDeclaration(name="quotes.count_all", description="Counts.", parameters=SCHEMA, effect="write", timeout=5)


async def test_a_tool_gives_its_result(world: ToolWorld) -> None:
    reply = await world.run("text.count_words", {"text": "two words"})
    assert reply == ToolResult(result={"words": 2, "characters": 9, "lines": 1}, duration_ms=0.0)


async def test_an_unknown_tool_is_refused_with_near_names(world: ToolWorld) -> None:
    reply = await world.run("text.count_word")
    assert isinstance(reply, ToolRefused)
    assert reply.reason == "unknown_tool"
    assert "Did you mean text.count_words" in reply.detail
    assert (await world.run("???")).detail == "There is no tool '???'."


@pytest.mark.parametrize(
    ("arguments", "pointer", "said"),
    [
        ({}, "/text", "missing required field `text`"),
        ({"text": 1}, "/text", "Expected `str`, got `int`"),
        ({"text": "a", "txt": "b"}, "/txt", "unknown field `txt`"),
    ],
)
async def test_wrong_arguments_are_refused_by_name(world: ToolWorld, arguments: Any, pointer: str, said: str) -> None:
    reply = await world.run("text.count_words", arguments)
    assert isinstance(reply, ToolRefused)
    assert (reply.reason, reply.pointer) == ("invalid_arguments", pointer)
    assert said in reply.detail


async def test_who_lacks_the_permission_is_refused(world: ToolWorld) -> None:
    with pytest.raises(NotPermitted):
        await world.run("random.make_uuid", actor=VIC)
    with acting_under(Cause(source=principals.module("tools"), actor=VIC)):
        reply = await world.service.run(RunTool(tool="random.make_uuid", arguments={}))
    assert isinstance(reply, ToolRefused)
    assert reply.reason == "not_permitted"


async def test_each_actor_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async with tools_in(tmp_path, settings=ToolsSettings(rate=1, burst=2, chat_rate=0.5, chat_burst=1)) as world:
        members = [principals.member("a", name) for name in ("one", "two")]
        for actor, burst, wait in ((ADA, 2, 1.0), (members[0], 1, 2.0), (members[1], 1, 2.0)):
            for _ in range(burst):
                assert isinstance(await world.run("random.make_uuid", actor=actor), ToolResult)
            refused = await world.run("random.make_uuid", actor=actor)
            assert isinstance(refused, ToolRefused)
            assert (refused.reason, refused.retry_after) == ("rate_limited", wait)
        await world.clock.advance(1)
        assert isinstance(await world.run("random.make_uuid"), ToolResult)
        assert {each.status for each in await world.logged("random.make_uuid")} == {"result"}


async def test_an_invented_actor_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivesphere.modules.tools.rates.MOST_BUCKETS", 2)
    async with tools_in(tmp_path, settings=ToolsSettings(chat_rate=1, chat_burst=1)) as world:
        for name in "abc":
            assert isinstance(await world.run("random.make_uuid", actor=principals.member("a", name)), ToolResult)
        assert len(world.service._rates._buckets) == 2


def _raising(error: Exception, effect: Any = "none") -> Any:
    @tool("test.raise_error", effect=effect, timeout=0.01)
    async def raise_error() -> None:
        """Raises."""
        raise error

    return raise_error


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (PluginError("The fridge is empty."), "error", "The fridge is empty."),
        (ValueError("secret"), "error", "The tool has a bug: it raised ValueError. The log says where."),
        (EffectUnknown("May have been sent."), "unknown_outcome", "May have been sent."),
        (RequestTimeout("plugins.tool.run"), "timeout", "test.raise_error did not finish within 0.01 s."),
        (NotPermitted("no"), "error", "no"),
    ],
)
async def test_what_a_tool_raises_is_its_outcome(tmp_path: Path, error: Exception, reason: str, said: str) -> None:
    async with tools_in(tmp_path, _raising(error)) as world:
        reply = await world.run("test.raise_error")
        assert reply == ToolFailed(reason=reason, detail=said, duration_ms=0.0)
        (logged,) = await world.logged("test.raise_error")
        assert (logged.status, logged.reason, logged.detail) == ("failed", reason, said)
        assert [(each.tool, each.status) for each in await world.heard()] == [("test.raise_error", "failed")]


async def test_a_database_that_is_away_is_no_bug_of_the_tool(tmp_path: Path) -> None:
    async with tools_in(tmp_path, _raising(DatabaseUnavailable("disk full"))) as world:
        with pytest.raises(DatabaseUnavailable):
            await world.run("test.raise_error")


@pytest.mark.parametrize(("effect", "reason"), [("none", "timeout"), ("read", "timeout"), ("write", "unknown_outcome")])
async def test_a_tool_that_never_ends_is_ended(tmp_path: Path, effect: Any, reason: str) -> None:
    @tool("test.wait_forever", effect=effect, timeout=0.01)
    async def wait_forever() -> None:
        """Waits."""
        await asyncio.Event().wait()

    async with tools_in(tmp_path, wait_forever) as world:
        reply = await world.run("test.wait_forever")
        assert isinstance(reply, ToolFailed)
        assert reply.reason == reason
        assert "did not finish within 0.01 s" in reply.detail


async def test_a_run_whose_asker_goes_away_is_cancelled_and_logged(tmp_path: Path) -> None:
    begun = asyncio.Event()

    @tool("test.wait_forever")
    async def wait_forever() -> None:
        """Waits."""
        begun.set()
        await asyncio.Event().wait()

    async with tools_in(tmp_path, wait_forever) as world:
        asking = asyncio.create_task(world.run("test.wait_forever"))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        (logged,) = await world.logged("test.wait_forever")
        assert logged.status == "cancelled"


async def test_a_result_has_a_size(tmp_path: Path) -> None:
    async with tools_in(tmp_path, settings=ToolsSettings(max_result=1024)) as world:
        reply = await world.run("text.change_case", {"text": "a" * 2000, "case": "upper"})
        assert reply == ToolFailed(reason="error", detail="The result is larger than 1024 bytes.", duration_ms=0.0)


async def test_a_result_that_is_no_json_is_a_bug_of_the_tool(tmp_path: Path) -> None:
    @tool("test.give_object")
    def give_object() -> object:
        """Gives what JSON has no word for."""
        return object()

    async with tools_in(tmp_path, give_object) as world:
        assert "raised TypeError" in (await world.run("test.give_object")).detail


async def test_a_dry_run_records_the_act_and_sends_nothing(world: ToolWorld) -> None:
    async with http_peer() as server:
        arguments: dict[str, Any] = {"url": server.url("/hook", host="127.0.0.1"), "body": {"a": 1}}
        reply = await world.run("http.post_json", arguments, dry_run=True)
        assert isinstance(reply, ToolResult), reply
        assert reply.dry_run
        assert isinstance(reply.result, dict)
        assert reply.result["stand_in"]
        assert not server.asked
        (logged,) = await world.logged("http.post_json")
        assert logged.dry_run


async def test_a_chain_in_shadow_mode_stays_dry(world: ToolWorld) -> None:
    with acting_under(Cause(source=MODULE, actor=ADA, mode=Mode.SHADOW)):
        reply = await world.bus.module("bots").request(RunTool(tool="random.make_uuid", arguments={}))
    assert isinstance(reply, ToolResult)
    assert reply.dry_run


async def test_one_key_is_one_act(world: ToolWorld) -> None:
    async with http_peer() as server:
        server.answers["/hook"] = ok(b'{"n": 1}', "Content-Type: application/json")
        arguments: dict[str, Any] = {"url": server.url("/hook", host="127.0.0.1"), "body": [1]}
        first = await world.run("http.post_json", arguments, idempotency_key="k")
        again = await world.run("http.post_json", arguments, idempotency_key="k")
        assert first.result == again.result
        assert first.result["json"] == {"n": 1}
        assert len(server.asked) == 1
        assert server.asked[0].body == b"[1]"
        await world.run("http.post_json", arguments, idempotency_key="other")
        assert len(server.asked) == 2


async def test_only_a_module_shares_its_keys(tmp_path: Path) -> None:
    @tool("test.tell_key")
    def tell_key() -> list[str | None]:
        """Tells the keys that its acts would have."""
        return [next_key(), next_key()]

    async with tools_in(tmp_path, tell_key) as world:
        assert (await world.run("test.tell_key", idempotency_key="k")).result == ["k", "k#2"]
        assert (await world.run("test.tell_key")).result == [None, None]
        quotes = principals.plugin("quotes")
        world.bus.permissions.grant_plugin(quotes, frozenset({"tools.tool.run"}))
        reply = await world.bus.plugin("quotes").request(RunTool(tool="test.tell_key", arguments={}, idempotency_key="k"))
        assert isinstance(reply, ToolResult)
        assert reply.result == ["plugin:quotes:k", "plugin:quotes:k#2"]


async def test_reading_the_web_gives_text_and_json(world: ToolWorld) -> None:
    async with http_peer() as server:
        server.answers["/a"] = ok(b'{"a": [1]}', "Content-Type: application/problem+json; charset=utf-8")
        server.answers["/b"] = ok(b"{", "Content-Type: application/json")
        server.answers["/c"] = ok(b"plain", "Content-Type: text/plain")
        found = [
            (await world.run("http.get_url", {"url": server.url(path, host="127.0.0.1")})).result for path in ("/a", "/b", "/c")
        ]
        assert [(each["status"], each["text"], each["json"]) for each in found] == [
            (200, '{"a": [1]}', {"a": [1]}),
            (200, "{", None),
            (200, "plain", None),
        ]


async def test_an_address_that_may_not_be_asked_is_a_clear_failure(world: ToolWorld) -> None:
    reply = await world.run("http.get_url", {"url": "ftp://example.org"})
    assert isinstance(reply, ToolFailed)
    assert "http:// or https://" in reply.detail


async def test_a_chain_at_its_end_still_gets_its_result(world: ToolWorld) -> None:
    with acting_under(Cause(source=MODULE, actor=ADA, hop=HOP_LIMIT)):
        reply = await world.service.run(RunTool(tool="random.make_uuid", arguments={}))
    assert isinstance(reply, ToolResult)
    assert await world.heard() == []


async def test_without_a_cause_the_module_acts_for_itself(world: ToolWorld) -> None:
    assert current_cause() is None
    assert isinstance(await world.service.run(RunTool(tool="random.make_uuid", arguments={})), ToolResult)


async def test_the_log_says_who_asked_and_why(world: ToolWorld) -> None:
    await world.run("random.make_uuid")
    await world.run("random.make_uuid", {"x": 1})
    refused, done = await world.logged("random.make_uuid")
    assert (done.status, done.actor, done.source, done.project) == ("result", ADA, MODULE, "default")
    assert (refused.status, refused.reason) == ("refused", "invalid_arguments")
    assert [each.status for each in await world.heard()] == ["result", "refused"]
    with pytest.raises(ToolNotFound):
        await world.service.executions("no.such_tool", None, 50)


async def test_tools_are_listed_in_pages_and_searched(world: ToolWorld) -> None:
    first = world.service.list_tools("", None, 10)
    second = world.service.list_tools("", first.next_cursor, 10)
    assert len(first.items) == 10
    assert second.next_cursor is None
    names = [each.name for each in (*first.items, *second.items)]
    assert names == sorted(names)
    assert len(names) >= 12
    assert world.service.list_tools("text", None, 3).items[0].name == "text.change_case"
    assert [each.name for each in world.service.list_tools("Count WORDS", None, 3).items] == ["text.count_words"]
    assert world.service.list_tools("zebra", None, 3).items == []


async def test_a_tool_describes_itself(world: ToolWorld) -> None:
    ask = world.bus.module("plans").request
    known = await ask(DescribeTool(tool="http.post_json"))
    assert isinstance(known, ToolDeclaration)
    assert (known.effect, known.source) == ("write", "builtin")
    assert known.parameters["required"] == ["url", "body"]
    assert await ask(DescribeTool(tool="http.post_jso")) == ToolUnknown(("http.post_json", "http.get_url"))


async def test_a_plugins_tool_is_checked_here_and_run_there(world: ToolWorld) -> None:
    asked: list[RunPluginTool] = []
    answers: list[PluginToolResult | PluginToolFailed] = [
        PluginToolResult({"total": 3}),
        PluginToolFailed("It is empty."),
        PluginToolFailed("Perhaps.", reason="unknown_outcome"),
    ]

    async def answer(request: RunPluginTool) -> PluginToolResult | PluginToolFailed:
        asked.append(request)
        return answers.pop(0)

    plugins = world.bus.module("plugins")
    plugins.respond(RunPluginTool, answer)
    assert await plugins.request(RegisterPluginTools(plugin="quotes", tools=(DICE,))) == ToolsRegistered((DICE.name,))
    assert (await world.run(DICE.name, {"n": 3}, idempotency_key="k")).result == {"total": 3}
    assert asked == [RunPluginTool(tool=DICE.name, arguments={"n": 3}, idempotency_key="k")]
    assert (await world.run(DICE.name, {"n": 3})).reason == "error"
    assert (await world.run(DICE.name, {"n": 3})).reason == "unknown_outcome"
    assert (await world.run(DICE.name, {"n": "3"})).pointer == "/n"
    assert await plugins.request(UnregisterPluginTools(plugin="quotes")) == ToolsRegistered((DICE.name,))
    assert (await world.run(DICE.name, {"n": 3})).reason == "unknown_tool"


async def test_a_plugins_tool_can_shadow_nothing(world: ToolWorld) -> None:
    ask = world.bus.module("plugins").request
    for plugin, name, said in (
        ("text", "text.count_words", "cannot have the id 'text'"),
        ("quotes", "text.count_words", "must be named quotes.<verb_noun>"),
        ("quotes", "quotes.Loud", "must be named quotes.<verb_noun>"),
        ("quote", "quotes.count_all", "must be named quote.<verb_noun>"),
    ):
        declared = ToolDeclaration(name=name, description="x", parameters=SCHEMA)
        reply = await ask(RegisterPluginTools(plugin=plugin, tools=(declared,)))
        assert isinstance(reply, ToolsRejected)
        assert said in reply.detail


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ((DICE, DICE), "brings 'quotes.count_all' twice"),
        ((DICE,) * 201, "more than 200 tools"),
        ((msgspec.structs.replace(DICE, effect="maybe"),), "must be none, read or write, not 'maybe'"),
        ((msgspec.structs.replace(DICE, timeout=0),), "between 0 and 600 seconds"),
        ((msgspec.structs.replace(DICE, parameters={}),), "must be a JSON Schema of type 'object'"),
    ],
)
async def test_a_wrong_declaration_registers_nothing(world: ToolWorld, tools: Any, said: str) -> None:
    reply = await world.bus.module("plugins").request(RegisterPluginTools(plugin="quotes", tools=tools))
    assert isinstance(reply, ToolsRejected)
    assert said in reply.detail
    assert (await world.run(DICE.name, {"n": 1})).reason == "unknown_tool"


async def test_only_the_server_registers_plugins_tools(world: ToolWorld) -> None:
    world.bus.permissions.grant_plugin(principals.plugin("sly"), frozenset({">"}))
    ask = world.bus.plugin("sly").request
    with pytest.raises(NotPermitted):
        await ask(RegisterPluginTools(plugin="quotes", tools=()))
    with pytest.raises(NotPermitted):
        await ask(UnregisterPluginTools(plugin="quotes"))


async def test_the_log_is_written_behind_the_run_and_forgets_in_time(world: ToolWorld) -> None:
    jobs = [asyncio.create_task(world.executions.write()), asyncio.create_task(world.executions.forget())]
    await world.run("random.make_uuid")
    await world.clock.advance(0.2)
    while world.executions._waiting:
        await settle()
    with acting_under(Cause(source=principals.module("tools"), actor=ADA)):
        assert len((await world.service.executions("random.make_uuid", None, 5)).items) == 1
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await world.clock.advance(31 * 86_400)
    forgetting = asyncio.create_task(world.executions.forget())
    while await world.logged("random.make_uuid"):
        await settle()
    forgetting.cancel()
    await asyncio.gather(forgetting, return_exceptions=True)


async def test_a_log_that_is_full_drops_and_counts(world: ToolWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivesphere.modules.tools.execution_log.CAPACITY", 1)
    await world.run("random.make_uuid")
    await world.run("random.make_uuid")
    assert world.executions.dropped == 1
    assert len(await world.logged("random.make_uuid")) == 1
