"""One plugin that uses every hook and every part of the context, in the author's own test kit."""

import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vivesphere.contracts.bots import AccountStateChanged, MessageReceived
from vivesphere.kernel.bus.errors import NotPermitted
from vivesphere.sdk import Health, HttpAnswer, Listener, PluginError, Tool, command, listener, tool
from vivesphere.sdk.acts import next_key, working_on
from vivesphere.sdk.arguments import arguments_struct
from vivesphere.sdk.loading import DeclarationInvalid, PluginCode, make_plugins
from vivesphere.sdk.manifest import ManifestInvalid, Requires, check_requirements, numbers, read_manifest
from vivesphere.sdk.testing import FakeClock, PluginInTest, plugin_folder

MANIFEST = """
id = "every"
name = "Every"
version = "1.0.0"
description = "Uses everything."
permissions = ["tools.tool.run", "bots.account.read"]

[config.greeting]
default = "Hello"
description = "How it greets."
"""

CODE = '''
from typing import Annotated
import asyncio
from msgspec import Meta
from vivesphere.sdk import (
    Event, Health, Message, PluginContext, PluginError, Reply, command, hookimpl, listener, tool,
)
from .words import shout

state = {"enabled": 0, "heard": [], "ticks": 0}


class Greeted(Event, durable=True):
    topic = "plugins.every.greeted"
    who: str


class Waved(Event):
    topic = "plugins.every.waved"


@tool("every.fetch_title", effect="read", timeout=5)
async def fetch_title(context: PluginContext, url: str) -> str:
    """Fetch a title."""
    return (await context.http.get(url, headers={"a": "b"})).json()["title"]


@tool("every.post_note", effect="write")
async def post_note(context: PluginContext, note: Annotated[str, Meta(max_length=5)]) -> int:
    """Post a note."""
    return (await context.http.post_json("https://example.org/notes", {"note": note})).status


@command("greet", usage="name")
async def greet(context: PluginContext, message: Message) -> Reply:
    """Greet somebody."""
    await context.bus.publish(Greeted(who=message.argument_text))
    await context.bus.publish(Waved())
    return Reply(shout(f"{context.config['greeting']} {message.argument_text}"))


@command("count")
async def count(context: PluginContext, message: Message) -> str:
    """Count the words."""
    return str(await context.tools.run("text.count_words", {"text": message.text}))


@command("state")
def tell(message: Message) -> str:
    """Tell the state."""
    return f"{state['enabled']} {state['heard']} {state['ticks']} {message.private}"


@listener("bots.account.*")
def hear(envelope):
    state["heard"].append(envelope.payload.account_id)


@listener("plugins.every.waved")
async def hear_itself(context: PluginContext, envelope):
    state["heard"].append(context.id)


@hookimpl
def tools():
    return [fetch_title, post_note]


@hookimpl
def commands():
    return [greet, count, tell]


@hookimpl
def listeners():
    return [hear, hear_itself]


@hookimpl
async def on_enable(context):
    state["enabled"] += 1

    async def tick():
        while True:
            await context.clock.sleep(60)
            state["ticks"] += 1

    context.lifetime.spawn(tick(), name="tick")


@hookimpl
def on_disable(context):
    state["enabled"] -= 1


@hookimpl
def health():
    return Health("degraded", "tired") if state["ticks"] > 1 else Health()
'''


def write(folder: Path, code: str = CODE, manifest: str = MANIFEST) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "plugin.toml").write_text(manifest, encoding="utf-8")
    (folder / "plugin.py").write_text(textwrap.dedent(code), encoding="utf-8")
    (folder / "words.py").write_text("def shout(text):\n    return text + '!'\n", encoding="utf-8")
    return folder


@pytest.fixture
async def every(tmp_path: Path) -> AsyncIterator[PluginInTest]:
    folder = write(tmp_path / "every")
    every = PluginInTest(PluginCode.load(make_plugins(), folder), read_manifest(folder))
    await every.enable()
    yield every
    assert not await every.disable()


async def test_tools_are_run(every: PluginInTest) -> None:
    every.http.answers["https://example.org"] = HttpAnswer(status=200, text='{"title": "A page"}')
    assert await every.run("every.fetch_title", url="https://example.org") == "A page"
    with pytest.raises(msgspec.ValidationError, match="note"):
        await every.run("every.post_note", note="too long")
    with pytest.raises(PluginError, match="cannot be reached"):
        await every.run("every.post_note", note="short")
    assert every.http.sent[-1] == ("POST", "https://example.org/notes", {"note": "short"})


async def test_commands_answer(every: PluginInTest) -> None:
    assert await every.say("!greet big world") == "Hello big world!"
    assert [type(each).__name__ for each in every.events] == ["Greeted"]
    with pytest.raises(LookupError, match="greet, count, state"):
        await every.say("!gret")


async def test_listeners_hear_what_is_permitted(every: PluginInTest) -> None:
    await every.publish("bots", AccountStateChanged(bot_id="b", account_id="7", platform="irc", state="connected"))
    received = MessageReceived(
        message_id="m", bot_id="b", account_id="8", platform="irc", channel="#c", sender="a", sender_id="a", text="x"
    )
    await every.publish("bots", received)
    await every.say("!greet x")
    await every.clock.advance(0)
    assert await every.say("!state", private=True) == "1 ['7', 'every'] 0 True"


async def test_on_enable_begins_what_its_lifetime_holds(every: PluginInTest) -> None:
    await every.clock.advance(130)
    assert await every.say("!state") == "1 [] 2 False"


async def test_on_disable_is_called_before_everything_is_released(every: PluginInTest) -> None:
    state = every.code.module.state
    await every.code.on_disable(every.context)
    assert state["enabled"] == 0
    await every.code.on_enable(every.context)


async def test_health_is_what_the_hook_says(every: PluginInTest, tmp_path: Path) -> None:
    assert every.code.health() == Health()
    await every.clock.advance(130)
    assert every.code.health() == Health("degraded", "tired")


async def test_a_plugin_without_hooks_is_well(tmp_path: Path) -> None:
    bare = PluginCode.load(make_plugins(), write(tmp_path / "bare", ""))
    assert (bare.health(), bare.tools, bare.commands, bare.listeners) == (Health(), (), (), ())
    bare.unload()


async def test_a_tool_of_the_server_is_asked_for_by_name(every: PluginInTest) -> None:
    every.tool_results["text.count_words"] = 2
    assert await every.say("!count this") == "2"
    every.tool_results.clear()
    with pytest.raises(PluginError, match=r"no result for text\.count_words"):
        await every.say("!count this")


async def test_what_the_manifest_does_not_ask_for_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "every", manifest=MANIFEST.replace('"tools.tool.run", ', ""))
    every = PluginInTest(PluginCode.load(make_plugins(), folder), read_manifest(folder))
    with pytest.raises(NotPermitted):
        await every.say("!count this")
    assert not await every.disable()


def test_an_answer_that_is_no_json_says_so() -> None:
    with pytest.raises(PluginError, match="not JSON"):
        HttpAnswer(status=200, text="<").json()


def test_a_decorated_function_is_still_one() -> None:
    @tool("x.add_one")
    def add_one(n: int) -> int:
        """Add one."""
        return n + 1

    @command("hi")
    def hi(message: Any) -> str:
        """Say hi.

        And more.
        """
        return "hi"

    @listener("a.>")
    def hear(context: Any, envelope: Any) -> None:
        """Hear."""

    assert isinstance(add_one, Tool)
    assert add_one(1) == 2
    assert (hi(None), hi.help) == ("hi", "Say hi.")
    assert isinstance(hear, Listener)
    assert hear(None, None) is None
    assert hear.wants_context


@pytest.mark.parametrize(
    "declare",
    [
        lambda: tool("x.y")(lambda: None),
        lambda: command("x")(lambda message: None),
    ],
)
def test_a_declaration_needs_a_docstring(declare: Any) -> None:
    with pytest.raises(TypeError, match="needs a docstring"):
        declare()


def test_every_argument_needs_a_type() -> None:
    def untyped(a, b: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, RUF100 - what is tested
        """Has no type."""

    def many(*args: int) -> None:
        """Has no name."""

    for function in (untyped, many):
        with pytest.raises(TypeError, match="needs a name of its own and a type"):
            arguments_struct(function)


def test_structs_of_arguments_are_described_with_them() -> None:
    class Place(msgspec.Struct):
        name: str

    def go(place: Place) -> None:
        """Go."""

    go.__annotations__["place"] = Place
    described = tool("x.go_there")(go).declaration.parameters
    assert described["properties"] == {"place": {"$ref": "#/$defs/Place"}}
    assert described["$defs"]["Place"]["required"] == ["name"]  # type: ignore[index, call-overload]  # JSON, as built above


def test_the_acts_of_one_work_have_keys_that_repeat() -> None:
    assert next_key() is None
    for _ in range(2):
        with working_on("w"):
            assert [next_key() for _ in range(3)] == ["w", "w#2", "w#3"]
            with working_on(None):
                assert next_key() is None


def test_a_hook_that_gives_something_else_is_refused_by_name(tmp_path: Path) -> None:
    code = "from vivesphere.sdk import hookimpl\n@hookimpl\ndef commands():\n    return ['x']"
    with pytest.raises(DeclarationInvalid, match=r"commands\(\) of odd returned 'x'; make it a command with @command"):
        PluginCode.load(make_plugins(), write(tmp_path / "odd", code))


@pytest.mark.parametrize(("version", "found"), [("1", (1, 0, 0)), (">=1.2", (1, 2, 0)), ("0.10.3rc1", (0, 10, 3))])
def test_versions_are_compared_by_number(version: str, found: tuple[int, ...]) -> None:
    assert numbers(version) == found


def test_an_older_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivesphere.sdk.manifest.version", lambda: "0.9.12")
    check_requirements(Requires(vivesphere=">=0.9.2"))
    with pytest.raises(ManifestInvalid, match=r"it needs ViveSphere >=0\.10, but this is ViveSphere 0\.9\.12"):
        check_requirements(Requires(vivesphere=">=0.10"))


def test_a_manifest_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_test_outside_of_any_plugin_is_told(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="lies in no plugin"):
        plugin_folder(tmp_path / "test_x.py")


async def test_the_fake_clock_passes_over_who_was_cancelled() -> None:
    import asyncio

    clock = FakeClock()
    await clock.sleep(0)
    sleeper = asyncio.ensure_future(clock.sleep(5))
    await clock.advance(1)
    sleeper.cancel()
    await clock.advance(10)
    assert clock.monotonic() == 11
