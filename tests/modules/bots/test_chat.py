"""The web chat: browsers, their conversation, and the bot's answers."""

import pytest
from tests.modules.bots.world import ChatPage, World

from vivesphere.contracts.bots import AccountStateChanged, AddAccount, MessageReceived, MessageSent
from vivesphere.kernel import principals


@pytest.fixture
async def bot(world: World) -> str:
    bot_id = await world.bot()
    await world.bus.system().request(AddAccount(bot_id=bot_id, platform="webchat", start=True))
    await world.event(AccountStateChanged, state="connected")
    return bot_id


async def test_a_command_is_answered_in_every_browser_of_the_person_alone(world: World, bot: str) -> None:
    first, second = await ChatPage(world, bot).opened(), await ChatPage(world, bot).opened()
    stranger = await ChatPage(world, bot, "bob").opened()
    await first.say("!echo hi there")
    for page in (first, second):
        question, answer = await page.frame(), await page.frame()
        assert (question["type"], question["direction"], question["sender"], question["text"]) == (
            "message",
            "in",
            "ada",
            "!echo hi there",
        )
        assert (answer["direction"], answer["sender"], answer["text"]) == ("out", "Vivi", "hi there")
    await stranger.say("echo me")
    assert (await stranger.frame())["text"] == "echo me"
    for page in (first, second, stranger):
        await page.leave()


async def test_the_command_runs_under_the_person(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    await page.say("echo hi")
    await world.event(MessageSent)
    ((request, actor),) = world.neighbours.asked
    assert actor == principals.user("ada")
    assert (request.message.sender, request.message.sender_id, request.message.private) == ("ada", "ada", True)
    received = world.happened(MessageReceived)[0]
    assert received.message_id == request.message.message_id
    await page.leave()


async def test_a_browser_that_comes_back_finds_the_last_fifty(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    for number in range(26):
        await page.say(f"echo {number}")
        # The clock stands still for the rate limit, so each message is given its time.
        await world.event(MessageSent, text=str(number))
        await world.clock.sleep(0)
        await world.clock.advance(1)  # type: ignore[attr-defined]  # the fixture's clock is the fake one
    await page.leave()
    again = await ChatPage(world, bot).opened()
    texts = [(await again.frame())["text"] for _ in range(50)]
    assert texts[0] == "echo 1"
    assert texts[-1] == "25"
    await again.leave()


async def test_messages_are_listed_to_their_own_people(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    await page.say("echo hi")
    await world.event(MessageSent)
    await page.leave()
    listed = (await world.ask("GET", f"/bots/{bot}/messages"))["items"]
    assert [(line["direction"], line["sender"], line["text"], line["status"]) for line in listed] == [
        ("out", "Vivi", "hi", "sent"),
        ("in", "ada", "echo hi", "received"),
    ]
    first = await world.ask("GET", f"/bots/{bot}/messages?limit=1&channel=ada&account_id={listed[0]['account_id']}")
    rest = await world.ask("GET", f"/bots/{bot}/messages?cursor={first['next_cursor']}")
    assert first["items"] + rest["items"] == listed
    for user in ("bob", "key"):
        assert (await world.ask("GET", f"/bots/{bot}/messages", user=user))["items"] == []


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"type":"message"}', '{"type":"message","text":"x","y":1}', '{"type":"x","text":"x"}']
)
async def test_a_wrong_frame_is_answered_with_what_is_right(world: World, bot: str, text: str) -> None:
    page = await ChatPage(world, bot).opened()
    await page.raw(text)
    error = await page.frame()
    assert error["type"] == "error"
    assert '"type": "message"' in error["detail"]
    await page.say("   ")
    assert await page.frame() == {"type": "error", "detail": "The message has no text."}
    await page.leave()


async def test_a_stopped_web_chat_says_so_and_goes_on_after_the_start(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    await world.ask("POST", f"/bots/{bot}/stop")
    await page.say("echo hi")
    assert await page.frame() == {"type": "error", "detail": "This bot's web chat is stopped; start it first."}
    queued = await world.send(bot, "ada", "later")
    await world.ask("POST", f"/bots/{bot}/start")
    frame = await page.frame()
    assert (frame["id"], frame["text"]) == (queued, "later")
    await page.leave()


async def test_whoever_types_too_fast_is_told(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    for _ in range(21):
        await page.raw("x")
    frames = [await page.frame() for _ in range(21)]
    assert frames[-1] == {"type": "error", "detail": "You are typing too fast."}
    await page.leave()


async def test_a_browser_that_does_not_read_is_let_go(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    browser = next(iter(next(iter(world.module.provides["chat"]._browsers.values()))))  # type: ignore[attr-defined]  # a Chat
    for _ in range(201):
        browser.offer(browser.frames)
    assert await page.closed() == 4408


async def test_a_browser_that_vanishes_is_forgotten(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    page.vanish()
    await page.say("echo hi")
    await page.ended()
    again = await ChatPage(world, bot).opened()
    assert (await again.frame())["text"] == "echo hi"
    await again.leave()


async def test_the_end_of_the_server_ends_the_chat(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    world.stopping.set()
    assert await page.closed() == 1001


async def test_the_end_of_the_sign_in_ends_the_chat(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    world.signed_out.add("ada")
    await world.clock.advance(30)  # type: ignore[attr-defined]  # the fixture's clock is the fake one
    assert await page.closed() == 4401


async def test_an_access_token_that_expires_ends_the_chat(world: World, bot: str) -> None:
    page = await ChatPage(world, bot).opened()
    await world.clock.advance(3600)  # type: ignore[attr-defined]  # the fixture's clock is the fake one
    assert await page.closed() == 4401


async def test_who_may_not_chat(world: World, bot: str) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"
    silent = await world.bot("Silent")
    for bot_id, user, code in ((nowhere, "ada", 4404), (silent, "ada", 4404), (bot, "key", 4403), (bot, "nobody", 4401)):
        assert await ChatPage(world, bot_id, user).closed() == code
