"""Enabling and disabling: what is remembered, what is released, and that no plugin takes the server with it."""

import asyncio
import sys

import pytest
from tests.modules.plugins.world import PluginWorld
from tests.support.clock import settle

from vivesphere.contracts.bots import AccountStateChanged
from vivesphere.contracts.plugins import (
    CommandReply,
    CommandUnknown,
    ListCommands,
    PluginDisabled,
    PluginEnabled,
    PluginFailed,
    PluginToolFailed,
)
from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import Envelope, Event
from vivesphere.modules.plugins.errors import PluginCannotStart, PluginNotFound

HELLO = """
@command("hello", usage="name")
def hello(message):
    "Greet."
    return f"Hello, {message.argument_text or message.sender}!"

@tool("{id}.greet_all")
def greet_all(name: str = "all") -> str:
    "Greet everybody."
    return f"Hello, {{name}}!"

@hookimpl
def commands():
    return [hello]

@hookimpl
def tools():
    return [greet_all]
"""


def hello(plugin_id: str = "hello", command: str = "hello") -> str:
    return HELLO.replace("{id}", plugin_id).replace('"hello"', f'"{command}"').replace("{{", "{").replace("}}", "}")


def heard(world: PluginWorld) -> list[Event]:
    events: list[Event] = []

    async def keep(envelope: Envelope[Event]) -> None:
        events.append(envelope.payload)

    world.bus.system().listen("plugins.plugin.*", keep)
    return events


async def test_a_plugin_that_wants_to_be_is_enabled_at_its_first_start(world: PluginWorld) -> None:
    events = heard(world)
    world.write("hello", hello())
    world.write("shy", hello("shy", "hi"), enabled=False)
    service = await world.start()
    shown = service.describe("hello")
    assert (shown.status, shown.version, [each.name for each in shown.commands]) == ("enabled", "1.2", ["hello"])
    assert shown.tools == ["hello.greet_all"]
    assert world.registered == {"hello": ("hello.greet_all",)}
    assert await world.say("hello", "big", "world") == CommandReply("Hello, big world!")
    shy = service.describe("shy")
    assert (shy.status, shy.commands, shy.tools) == ("disabled", [], [])
    assert await world.say("hi") == CommandUnknown()
    await settle()
    assert events == [PluginEnabled(plugin="hello", version="1.2")]
    assert world.services.health()["plugin:hello"].status == "ok"


async def test_what_was_decided_outlives_the_server(world: PluginWorld) -> None:
    world.write("hello", hello())
    world.write("shy", hello("shy", "hi"), enabled=False)
    service = await world.start()
    await service.disable("hello")
    await service.enable("shy")
    await world.stop()
    events = heard(world)
    service = await world.start()
    assert [(each.id, each.status) for each in service.list_plugins(None, 50).items] == [
        ("hello", "disabled"),
        ("shy", "enabled"),
    ]
    await settle()
    assert events == []


async def test_disabling_releases_everything(world: PluginWorld) -> None:
    world.write(
        "busy",
        hello("busy")
        + """
@listener("bots.>")
def hear(context, envelope):
    context.log.info("heard")

@hookimpl
def listeners():
    return [hear]

@hookimpl
async def on_enable(context):
    context.lifetime.spawn(asyncio.Event().wait(), name="waiting")
    context.bus.listen("plugins.busy.>", hear)
""",
        more='permissions = ["bots.>"]',
    )
    events = heard(world)
    service = await world.start()
    before = len(world.bus.bus.overview().subscribers)
    assert any("waiting" in name for name in world.lifetime.held)
    shown = await service.disable("busy")
    assert (shown.status, shown.detail, shown.commands) == ("disabled", "", [])
    assert len(world.bus.bus.overview().subscribers) == before - 2
    assert not any("busy" in name or "waiting" in name for name in world.lifetime.held)
    assert world.registered == {}
    assert "vivesphere_plugin_busy" not in sys.modules
    assert not world.bus.permissions.held(principals.plugin("busy"), "default")
    assert "plugin:busy" not in world.services.health()
    assert await world.say("hello") == CommandUnknown()
    assert await world.run("busy.greet_all") == PluginToolFailed("The plugin of busy.greet_all is not enabled.")
    await settle()
    assert events[-1] == PluginDisabled(plugin="busy")
    assert (await service.disable("busy")).status == "disabled"
    assert (await service.enable("busy")).status == "enabled"
    assert (await service.enable("busy")).status == "enabled"
    assert len(world.bus.bus.overview().subscribers) == before


async def test_what_stays_behind_is_named(world: PluginWorld) -> None:
    world.write(
        "messy",
        """
@hookimpl
def on_enable(context):
    def stay():
        raise ValueError("no")
    context.lifetime.add("a stuck door", stay)

@hookimpl
async def on_disable(context):
    raise RuntimeError("I will not go")
""",
    )
    service = await world.start()
    shown = await service.disable("messy")
    assert shown.status == "disabled"
    assert shown.detail == "on_disable: RuntimeError: I will not go It left behind: a stuck door."


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "plugin.py: ZeroDivisionError: division by zero"),
        ("this is no python", "plugin.py: SyntaxError"),
        ("raise SystemExit", "plugin.py: SystemExit"),
        ("@hookimpl\ndef toolz():\n    return []", "toolz"),
        ("@hookimpl\ndef tools():\n    return [1]", "make it a tool with @tool"),
        ("@hookimpl\ndef tools():\n    raise KeyError('x')", "KeyError"),
        ("@hookimpl\ndef on_enable(context):\n    raise OSError('no disk')", "on_enable: OSError: no disk"),
        ("@hookimpl\nasync def on_enable(context):\n    raise SystemExit", "it tried to end the server"),
        ("@tool('x.y')\ndef undocumented(): ...", "needs a docstring"),
        (
            "@listener('No Topic')\ndef hear(e):\n    'Hears.'\n@hookimpl\ndef listeners():\n    return [hear]",
            "on_enable: TopicInvalid",
        ),
    ],
)
async def test_a_plugin_that_raises_goes_to_error_and_the_server_goes_on(world: PluginWorld, code: str, said: str) -> None:
    events = heard(world)
    world.write("broken", code)
    world.write("hello", hello())
    service = await world.start()
    shown = service.describe("broken")
    assert shown.status == "error"
    assert said in shown.detail
    assert "vivesphere_plugin_broken" not in sys.modules
    assert await world.say("hello") == CommandReply("Hello, ann!")
    assert service.health().status == "degraded"
    assert service.health().detail == "In error: broken."
    with pytest.raises(PluginCannotStart, match="broken cannot be enabled"):
        await service.enable("broken")
    await settle()
    assert PluginFailed(plugin="broken", detail=shown.detail) in events


async def test_a_plugin_that_was_repaired_is_enabled(world: PluginWorld) -> None:
    world.write("hello", "raise ValueError('not yet, and longer than what comes after it')")
    service = await world.start()
    assert service.describe("hello").status == "error"
    world.write("hello", hello())
    assert (await service.enable("hello")).detail == ""
    assert service.health().status == "ok"


async def test_a_plugin_in_error_can_be_disabled(world: PluginWorld) -> None:
    world.write("broken", "1 / 0")
    service = await world.start()
    assert (await service.disable("broken")).status == "disabled"
    assert service.health().status == "ok"


async def test_a_hook_that_never_ends_is_ended(world: PluginWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivesphere.modules.plugins.host.HOOK_DEADLINE", 0.01)
    world.write("slow", "@hookimpl\nasync def on_enable(context):\n    await asyncio.Event().wait()")
    service = await world.start()
    assert service.describe("slow").detail == "on_enable: it took longer than 0.01 s"


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("id = ", "is not valid TOML"),
        ('id = "other"\nname = "n"\nversion = "1"\ndescription = "d"', "the folder is named 'odd'"),
        ('id = "Odd"\nname = "n"\nversion = "1"\ndescription = "d"', "$.id"),
        ('id = "odd"\nname = "n"\nversion = "1"', "missing required field `description`"),
        ('id = "odd"\nname = "n"\nversion = "1"\ndescription = "d"\nisolation = "process"', "$.isolation"),
        ('id = "odd"\nname = "n"\nversion = "1"\ndescription = "d"\ncolour = 1', "unknown field `colour`"),
        ('id = "odd"\nname = "n"\nversion = "1"\ndescription = "d"\n[requires]\npython = ">=4"', "it needs Python >=4"),
        ('id = "odd"\nname = "n"\nversion = "1"\ndescription = "d"\nenabled_by_default = 1', "Expected `bool`, got `int`"),
    ],
)
async def test_a_wrong_manifest_says_what_is_wrong(world: PluginWorld, manifest: str, said: str) -> None:
    world.write("odd", hello("odd"), manifest=manifest)
    service = await world.start()
    if "requires" in manifest:
        with pytest.raises(PluginCannotStart):
            await service.enable("odd")
    shown = service.describe("odd")
    assert shown.status == "error"
    assert said in shown.detail


async def test_a_command_belongs_to_one_plugin(world: PluginWorld) -> None:
    world.write("first", hello("first"))
    world.write("second", hello("second"))
    service = await world.start()
    shown = service.describe("second")
    assert (shown.status, shown.detail) == ("error", "The command 'hello' belongs to the plugin first already.")
    await service.disable("first")
    assert (await service.enable("second")).status == "enabled"


@pytest.mark.parametrize(("command", "said"), [("help", "taken"), ("Two Words", "must be a lower-case word")])
async def test_a_command_must_be_one_that_can_be_reached(world: PluginWorld, command: str, said: str) -> None:
    world.write("odd", hello("odd", command))
    assert said in (await world.start()).describe("odd").detail


async def test_tools_that_are_rejected_keep_the_plugin_out(world: PluginWorld) -> None:
    world.refuse_tools = "A plugin cannot have the id 'hello'."
    world.write("hello", hello() + "\n@hookimpl\ndef on_disable(context):\n    context.lifetime.add('x', lambda: None)")
    service = await world.start()
    shown = service.describe("hello")
    assert (shown.status, shown.detail) == ("error", "A plugin cannot have the id 'hello'.")
    assert await world.say("hello") == CommandUnknown()


async def test_a_cancelled_enable_leaves_nothing(world: PluginWorld) -> None:
    world.write("slow", "@hookimpl\nasync def on_enable(context):\n    await asyncio.Event().wait()", enabled=False)
    service = await world.start()
    enabling = asyncio.create_task(service.enable("slow"))
    await settle()
    enabling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await enabling
    assert not any("slow" in name for name in world.lifetime.held)
    assert service.describe("slow").status == "disabled"


async def test_an_operator_configures_a_plugin(world: PluginWorld) -> None:
    code = """
@command("say")
def say(context, message):
    "Say what is configured."
    return f"{context.config['word']} {context.config['times']!r}"

@hookimpl
def commands():
    return [say]
"""
    more = '[config.word]\ndefault = "hi"\ndescription = "What."\n[config.times]\ndefault = 2\ndescription = "How often."'
    world.write("say", code, more=more)
    await world.start({"VIVESPHERE_PLUGIN_SAY_TIMES": "3"})
    assert await world.say("say") == CommandReply("hi 3")
    await world.stop()
    service = await world.start({"VIVESPHERE_PLUGIN_SAY_TIMES": "often"})
    assert service.describe("say").status == "error"
    assert "VIVESPHERE_PLUGIN_SAY_TIMES" in service.describe("say").detail


async def test_a_plugin_hears_what_its_permissions_reach(world: PluginWorld) -> None:
    code = """
heard = []

@listener("bots.account.*")
async def hear(envelope):
    heard.append(envelope.payload.account_id)

@command("heard")
def tell(message):
    "Tell."
    return ",".join(heard)

@hookimpl
def listeners():
    return [hear]

@hookimpl
def commands():
    return [tell]
"""
    changed = AccountStateChanged(bot_id="b", account_id="7", platform="irc", state="connected")
    world.write("ears", code, more='permissions = ["bots.account.read"]')
    world.write("deaf", code.replace('"heard"', '"deaf"'))
    await world.start()
    await world.bus.module("bots").publish(changed)
    await settle()
    assert await world.say("heard") == CommandReply("7")
    assert await world.say("deaf") == CommandReply("")


async def test_plugins_are_listed_in_pages(world: PluginWorld) -> None:
    for name in "abc":
        world.write(name, "", enabled=False)
    service = await world.start()
    first = service.list_plugins(None, 2)
    assert [each.id for each in first.items] == ["a", "b"]
    assert [each.id for each in service.list_plugins(first.next_cursor, 2).items] == ["c"]


async def test_who_is_not_there_is_not_found(world: PluginWorld) -> None:
    service = await world.start()
    for act in (service.enable, service.disable):
        with pytest.raises(PluginNotFound, match="no plugin 'ghost'"):
            await act("ghost")
    with pytest.raises(PluginNotFound):
        service.describe("ghost")


async def test_commands_are_listed(world: PluginWorld) -> None:
    world.write("b", hello("b", "zoo"))
    world.write("a", hello("a", "apple"))
    await world.start()
    listed = await world.bus.module("bots").request(ListCommands())
    assert [(each.name, each.plugin, each.help, each.usage) for each in listed.commands] == [
        ("apple", "a", "Greet.", "name"),
        ("zoo", "b", "Greet.", "name"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("return Health('degraded', 'tired')", "degraded", "tired"),
        ("return Health('failed', 'gone')", "degraded", "gone"),
        ("raise ValueError('ill')", "degraded", "ValueError: ill"),
        ("raise SystemExit('ill')", "degraded", "SystemExit: ill"),
    ],
)
async def test_a_plugins_health_never_makes_the_server_unready(world: PluginWorld, body: str, status: str, said: str) -> None:
    world.write("frail", f"@hookimpl\ndef health():\n    {body}")
    await world.start()
    health = world.services.health()["plugin:frail"]
    assert (health.status, health.detail) == (status, said)
    assert all(each.status != "failed" for each in world.services.health().values())
