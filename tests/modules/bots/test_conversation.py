"""From a message to its answer: commands, help, failures, order, and loops."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.modules.bots.world import ChatPage, World, world_in
from tests.support.clock import FakeClock, settle

from vivesphere.contracts.bots import AccountStateChanged, AddAccount, MessageReceived, MessageSent
from vivesphere.contracts.plugins import CommandFailed, CommandReply, RunCommand
from vivesphere.kernel.bus.errors import NotPermitted, RateLimited
from vivesphere.kernel.errors import InvalidInput


async def chatting(world: World, name: str = "Vivi", user: str = "ada") -> ChatPage:
    bot_id = await world.bot(name)
    await world.bus.system().request(AddAccount(bot_id=bot_id, platform="webchat", start=True))
    await world.event(AccountStateChanged, state="connected", bot_id=bot_id)
    return await ChatPage(world, bot_id, user).opened()


async def answer_to(page: ChatPage, text: str) -> str:
    await page.say(text)
    while (frame := await page.frame())["direction"] == "in":
        pass
    return str(frame["text"])


def raising(error: Exception) -> Any:
    async def answer(_request: RunCommand) -> Any:
        raise error

    return answer


async def fails(_request: RunCommand) -> CommandFailed:
    return CommandFailed("The dice fell off the table.")


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("!help", "I know !broken, !echo, !fails, !fast, !refused, !secret. Say !help <command> for more."),
        ("!help echo", "!echo: Helps."),
        ("!eco", "I do not know !eco. Did you mean !echo?"),
        ("echo", ""),
        ('!echo "x', 'A quote is opened but never closed. Put a second " after the argument, or write \\" for the sign.'),
        ("!fails", "The dice fell off the table."),
        ("!broken", "!broken failed. The server's log says why."),
        ("!refused", "That is no date."),
        ("!secret", "You are not allowed to use !secret here."),
        ("!fast", "That is too fast for me; try again in 3 s."),
    ],
)
async def test_every_command_has_its_answer(world: World, said: str, reply: str) -> None:
    world.neighbours.commands |= {
        "fails": fails,
        "broken": raising(RuntimeError("boom")),
        "refused": raising(InvalidInput("That is no date.")),
        "secret": raising(NotPermitted("no")),
        "fast": raising(RateLimited("no", 3.0)),
    }
    page = await chatting(world)
    if reply:
        assert await answer_to(page, said) == reply
    else:  # a command that says nothing: the next answer is the next command's
        await page.say(said)
        assert await answer_to(page, "!echo next") == "next"
    await page.leave()


async def test_without_plugins_it_says_so(world: World) -> None:
    world.bus.bus.remove_responder(RunCommand)
    page = await chatting(world)
    assert await answer_to(page, "!echo hi") == "I cannot run commands now: the plugins are not running."
    await page.leave()


async def test_a_command_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async with world_in(tmp_path, VIVESPHERE_BOTS_COMMAND_SECONDS="0.01") as world:
        world.neighbours.commands["slow"] = lambda _request: asyncio.Event().wait()
        page = await chatting(world)
        assert await answer_to(page, "!slow") == "!slow took longer than 0.01 s; I stopped waiting."
        await page.leave()


async def test_order_holds_in_a_channel_and_a_slow_command_holds_up_nobody_else(world: World) -> None:
    gate = asyncio.Event()

    async def slow(_request: RunCommand) -> CommandReply:
        await gate.wait()
        return CommandReply("slow")

    world.neighbours.commands["slow"] = slow
    ada = await chatting(world)
    bob = await chatting(world, "Other", "bob")
    await ada.say("!slow")
    await world.event(MessageReceived)
    await ada.say("!echo after")
    await world.event(MessageReceived)
    assert await answer_to(bob, "!echo quick") == "quick"
    gate.set()
    sent = [(await world.event(MessageSent)).text for _ in range(3)]
    assert sent == ["quick", "slow", "after"]
    await ada.leave()
    await bob.leave()


async def test_a_channel_with_too_many_waiting_leaves_some_unanswered(tmp_path: Path) -> None:
    async with world_in(tmp_path, VIVESPHERE_BOTS_WAITING_PER_CHANNEL="2") as world:
        gate = asyncio.Event()

        async def slow(request: RunCommand) -> CommandReply:
            await gate.wait()
            return CommandReply(request.arguments[0])

        world.neighbours.commands["slow"] = slow
        page = await chatting(world)
        for number in range(4):
            await page.say(f"!slow {number}")
        for number in range(4):
            await world.event(MessageReceived, text=f"!slow {number}")
        gate.set()
        await world.event(MessageSent, text="1")
        assert await answer_to(page, "!echo end") in ("0", "1", "end")
        await world.event(MessageSent, text="end")
        assert [sent.text for sent in world.happened(MessageSent)] == ["0", "1", "end"]
        await page.leave()


async def test_the_loop_guard_leaves_replies_out_until_the_window_has_passed(tmp_path: Path) -> None:
    clock = FakeClock()
    async with world_in(tmp_path, clock, VIVESPHERE_BOTS_REPLIES_PER_CHANNEL="2") as world:
        page = await chatting(world)
        for text in ("1", "2"):
            assert await answer_to(page, f"!echo {text}") == text
        await page.say("!echo 3")
        await world.neighbours.asked_for(3)
        await settle()
        await clock.advance(10)
        assert await answer_to(page, "!echo 4") == "4"
        assert [sent.text for sent in world.happened(MessageSent)] == ["1", "2", "4"]
        await page.leave()
