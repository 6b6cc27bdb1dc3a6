"""Bots and their accounts over HTTP and over the bus."""

import pytest
from tests.modules.bots.world import World

from vivesphere.contracts.bots import (
    AccountMade,
    AccountStateChanged,
    AddAccount,
    BotCreated,
    BotRefused,
    CreateBot,
    MessageRefused,
    SendMessage,
)
from vivesphere.kernel.cause import Cause, acting_under
from vivesphere.kernel.principals import SYSTEM

NOWHERE = "00000000-0000-7000-8000-000000000000"
IRC = {"host": "127.0.0.1", "nick": "Vivi", "tls": False}


async def test_a_bot_is_made_and_found(world: World) -> None:
    made = await world.ask("POST", "/bots", {"name": "Vivi"})
    assert (made["name"], made["prefix"], made["project"], made["accounts"]) == ("Vivi", "!", "default", [])
    assert await world.ask("GET", f"/bots/{made['id']}") == made
    assert (await world.event(BotCreated)).bot_id == made["id"]


async def test_a_name_is_taken_once_in_a_project(world: World) -> None:
    await world.ask("POST", "/bots", {"name": "Vivi", "prefix": "?"})
    assert await world.refused("POST", "/bots", {"name": "Vivi"}) == (
        409,
        "There is a bot named 'Vivi' in this project already; choose another name.",
    )
    refused = await world.bus.system().request(CreateBot(name="Vivi"))
    assert isinstance(refused, BotRefused)
    assert "already" in refused.detail
    with acting_under(Cause(source=SYSTEM, actor=SYSTEM, project="other")):
        other = await world.bot("Vivi")
    assert await world.refused("GET", f"/bots/{other}") == (404, f"There is no bot {other!r} in this project.")


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": " x"}, {"name": "x\n"}, {"name": "x", "prefix": "a"}, {"name": "x", "y": 1}]
)
async def test_a_wrong_bot_is_refused(world: World, body: dict[str, object]) -> None:
    status, _ = await world.refused("POST", "/bots", body)
    assert status in (400, 422)


async def test_a_wrong_name_over_the_bus_is_refused_too(world: World) -> None:
    assert await world.bus.system().request(CreateBot(name="x" * 41)) == BotRefused(
        "A bot's name has 1 to 40 characters, no line breaks, and no space at its ends."
    )


async def test_bots_come_in_pages(world: World) -> None:
    names = [f"bot {number}" for number in range(5)]
    for name in names:
        await world.bot(name)
    first = await world.ask("GET", "/bots?limit=3")
    second = await world.ask("GET", f"/bots?limit=3&cursor={first['next_cursor']}")
    assert [bot["name"] for bot in first["items"] + second["items"]] == names
    assert second["next_cursor"] is None


async def test_platforms_say_what_they_need(world: World) -> None:
    platforms = {platform["name"]: platform for platform in (await world.ask("GET", "/platforms"))["items"]}
    assert platforms.keys() == {"webchat", "irc"}
    assert platforms["irc"]["secret_label"] == "SASL password"
    assert platforms["webchat"]["secret_label"] is None
    assert "channels" in platforms["irc"]["config_schema"]["properties"]


async def test_an_account_is_added_stopped_and_its_secret_goes_to_the_vault(world: World) -> None:
    bot = await world.bot()
    config = IRC | {"tls": True, "sasl_username": "vivi"}
    made = await world.ask("POST", f"/bots/{bot}/accounts", {"platform": "irc", "config": config, "secret": "s3cret"})
    assert made["state"] == "stopped"
    assert made["has_secret"] is True
    assert made["config"]["port"] == 6697
    assert "s3cret" not in str(made)
    assert list(world.neighbours.secrets.values()) == ["s3cret"]
    (account,) = (await world.ask("GET", f"/bots/{bot}"))["accounts"]
    assert account == made


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"platform": "icq"}, "the platforms are webchat, irc"),
        ({"platform": "irc", "config": {"nick": "Vivi"}}, "host"),
        ({"platform": "irc", "config": IRC | {"colour": 1}}, "colour"),
        ({"platform": "irc", "config": IRC, "secret": "x"}, "sasl_username"),
        ({"platform": "webchat", "secret": "x"}, "has no secret"),
    ],
)
async def test_a_wrong_account_is_refused(world: World, body: dict[str, object], reason: str) -> None:
    bot = await world.bot()
    status, detail = await world.refused("POST", f"/bots/{bot}/accounts", body)
    assert status == 422
    assert reason in detail
    assert world.neighbours.secrets == {}


async def test_one_web_chat_is_enough(world: World) -> None:
    bot = await world.bot()
    await world.ask("POST", f"/bots/{bot}/accounts", {"platform": "webchat"})
    assert (await world.refused("POST", f"/bots/{bot}/accounts", {"platform": "webchat"}))[0] == 409


async def test_unknown_things_are_not_found(world: World) -> None:
    bot = await world.bot()
    for method, path, body in (
        ("GET", f"/bots/{NOWHERE}", None),
        ("GET", f"/bots/{NOWHERE}/messages", None),
        ("POST", f"/bots/{NOWHERE}/start", None),
        ("POST", f"/bots/{NOWHERE}/accounts", {"platform": "webchat"}),
        ("POST", f"/bots/{bot}/accounts/{NOWHERE}/start", None),
        ("POST", f"/bots/{bot}/accounts/{NOWHERE}/stop", None),
    ):
        assert (await world.refused(method, path, body))[0] == 404


async def test_accounts_start_and_stop(world: World) -> None:
    bot = await world.bot()
    account = await world.ask("POST", f"/bots/{bot}/accounts", {"platform": "webchat"})
    path = f"/bots/{bot}/accounts/{account['id']}"
    await world.ask("POST", f"{path}/start")
    await world.event(AccountStateChanged, state="connected")
    assert (await world.ask("POST", f"{path}/start"))["state"] == "connected"
    assert (await world.ask("POST", f"{path}/stop"))["state"] == "stopped"
    await world.event(AccountStateChanged, state="stopped")
    assert (await world.ask("POST", f"{path}/stop"))["state"] == "stopped"
    started = await world.ask("POST", f"/bots/{bot}/start")
    assert started["accounts"][0]["state"] in ("connecting", "connected")
    assert (await world.ask("POST", f"/bots/{bot}/stop"))["accounts"][0]["state"] == "stopped"


async def test_an_account_over_the_bus_may_start_at_once(world: World) -> None:
    bot = await world.bot()
    asked = AddAccount(bot_id=bot, platform="webchat", start=True)
    made = await world.bus.system().request(asked)
    assert isinstance(made, AccountMade)
    await world.event(AccountStateChanged, state="connected", account_id=made.account_id)
    refused = await world.bus.system().request(asked)
    assert isinstance(refused, BotRefused)


async def test_what_was_started_connects_again_when_the_server_does(world: World) -> None:
    bot = await world.bot()
    await world.bus.system().request(AddAccount(bot_id=bot, platform="webchat", start=True))
    await world.event(AccountStateChanged, state="connected")
    assert not await world.stop()
    await world.event(AccountStateChanged, state="stopped")
    await world.start()
    await world.event(AccountStateChanged, state="connected")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": " "}, "no text"),
        ({"channel": ""}, "channel"),
        ({"channel": "a\nb"}, "channel"),
        ({"channel": "x" * 201}, "channel"),
        ({"idempotency_key": "x" * 201}, "idempotency"),
        ({"bot_id": NOWHERE}, "no bot"),
        ({"account_id": NOWHERE}, "no account"),
        ({}, "has 0 accounts"),
    ],
)
async def test_a_message_that_cannot_be_queued_is_refused(world: World, fields: dict[str, str], reason: str) -> None:
    bot = await world.bot()
    refused = await world.bus.system().request(SendMessage(**({"bot_id": bot, "channel": "c", "text": "x"} | fields)))
    assert isinstance(refused, MessageRefused)
    assert reason in refused.detail
