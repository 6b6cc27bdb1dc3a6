"""From a message to its answer: commands, help, failures, order, and loops."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.modules.bots.world import BOTS, ChatPage, Neighbours, World, world_in
from tests.support.clock import FakeClock, settle

from vivesphere.contracts.bots import AccountStateChanged, AddAccount, MessageReceived, MessageSent
from vivesphere.contracts.plugins import CommandFailed, CommandReply, RunCommand
from vivesphere.kernel.bus.durable import Delivery
from vivesphere.kernel.bus.errors import NotPermitted, RateLimited
from vivesphere.kernel.bus.in_flight import Acknowledgement, InFlight
from vivesphere.kernel.cause import Cause, Mode, acting_under
from vivesphere.kernel.db.errors import DatabaseUnavailable
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.principals import SYSTEM
from vivesphere.modules.bots import conversation, rules


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
    world.bus.bus.responders.remove(RunCommand)
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
        await world.bus.bus.settled()
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


async def place_of(world: World) -> tuple[str, str]:
    """The id of the only bot, and that of its only account."""
    (bot,) = (await world.ask("GET", "/bots"))["items"]
    return bot["id"], bot["accounts"][0]["id"]


def say(tx: Unit, message: MessageReceived) -> None:
    """What a connector reports, as it is recorded."""
    tx.emit(message)


def heard(bot_id: str, account_id: str, text: str, channel: str = "ada") -> MessageReceived:
    return MessageReceived(
        message_id=new_id(),
        bot_id=bot_id,
        account_id=account_id,
        platform="webchat",
        channel=channel,
        sender="ada",
        sender_id="ada",
        text=text,
    )


async def unanswered(world: World) -> int:
    return len(await world.database.handle(BOTS).read(rules.unanswered))


def shadows(tx: Unit) -> list[Any]:
    rows = tx.execute(sa.text("SELECT payload FROM effects WHERE status = 'shadow'"))
    return [msgspec.json.decode(payload) for (payload,) in rows]


def never(_request: RunCommand) -> Any:
    return asyncio.Event().wait()


async def left_unanswered(world: World, text: str = "!slow 1") -> ChatPage:
    """Somebody's command runs, and does not end before the server stops."""
    world.neighbours.commands["slow"] = never
    page = await chatting(world)
    await page.say(text)
    await world.neighbours.asked_for(1)
    await page.leave()
    await world.stop()
    return page


async def test_a_command_that_the_end_of_the_server_cut_off_is_asked_again_under_its_key_and_answered_once(
    world: World,
) -> None:
    await left_unanswered(world)
    world.neighbours.commands["slow"] = Neighbours._echo
    await world.start()
    assert (await world.event(MessageSent)).text == "1"
    first, second = (request for request, _ in world.neighbours.asked)
    assert first == second
    assert first.idempotency_key == f"command:{first.message.message_id}"
    await world.stop()
    await world.start()
    await world.bus.bus.settled()
    assert await unanswered(world) == 0
    assert len(world.neighbours.asked) == 2


async def test_after_a_long_outage_nobody_is_answered_any_more(tmp_path: Path) -> None:
    clock = FakeClock()
    async with world_in(tmp_path, clock, VIVESPHERE_BOTS_ANSWER_WITHIN="60") as world:
        await left_unanswered(world)
        place = world.neighbours.asked[0][0].message.bot_id, world.neighbours.asked[0][0].message.account_id
        await world.database.handle(BOTS).write(say, heard(*place, "!echo recorded only"))
        await clock.advance(61)
        await world.start()
        await world.bus.bus.settled()
        await settle()
        assert await unanswered(world) == 0
        assert len(world.neighbours.asked) == 1
        await world.database.handle(BOTS).write(say, heard(*place, "!echo fresh"))
        assert (await world.event(MessageSent)).text == "fresh"


async def test_a_message_to_a_bot_that_is_gone_is_passed_over(world: World) -> None:
    await world.database.handle(BOTS).write(say, heard("gone", "gone", "!echo hello"))
    await world.bus.bus.settled()
    (listener,) = (each for each in world.bus.bus.overview().subscribers if each.name == "module:bots/commands")
    assert (listener.handled, listener.failed) == (1, 0)


async def test_an_answer_that_cannot_be_sent_is_given_up(world: World) -> None:
    """The channel's name is none that a message could be sent to."""
    page = await chatting(world)
    await world.database.handle(BOTS).write(say, heard(*await place_of(world), "!echo hello", channel="a\x07b"))
    await world.neighbours.asked_for(1)
    async with asyncio.timeout(10):
        while await unanswered(world):
            await settle()
    assert not world.happened(MessageSent)
    await page.leave()


async def test_an_answer_waits_for_a_database_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    async with world_in(tmp_path, clock) as world:
        real, full = rules.answer, asyncio.Event()

        def refuse(tx: Unit, message_id: str, outgoing: rules.Outgoing | None) -> rules.Queued | None:
            if not full.is_set():
                full.set()
                raise DatabaseUnavailable("the disk is full")
            return real(tx, message_id, outgoing)

        monkeypatch.setattr(rules, "answer", refuse)
        page = await chatting(world)
        await page.say("!echo patience")
        await full.wait()
        while not world.happened(MessageSent):
            await clock.advance(conversation.DATABASE_PAUSE)
        assert len(world.neighbours.asked) == 1
        await page.leave()


async def test_a_replayed_command_is_run_in_its_shadow_and_only_noted(world: World) -> None:
    page = await chatting(world)
    bot_id, account_id = await place_of(world)
    cause = Cause(source=BOTS, actor=BOTS, mode=Mode.REPLAY)
    event = heard(bot_id, account_id, "!echo again")
    (listener,) = world.module.durable_listeners
    envelope = world.bus.bus.envelope(event, cause)
    with acting_under(cause):
        await listener.handler(Delivery(envelope, Acknowledgement("module:bots/commands", 1, InFlight(0)), 1))
    ((request, _),) = world.neighbours.asked
    assert request.arguments == ("again",)
    assert await unanswered(world) == 0
    assert await world.database.handle(SYSTEM).read(shadows) == [{"account_id": account_id, "text": "again"}]
    await page.leave()
