"""Accounts on IRC: connecting again, secrets, the outbox, and other bots. The server is played by hand."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.modules.bots.connectors.fake_irc import FakeConnection, FakeIrcServer
from tests.modules.bots.world import BOTS, World, world_in
from tests.support.clock import FakeClock

from vivesphere.contracts.bots import (
    AccountStateChanged,
    AddAccount,
    MessageFailed,
    MessageReceived,
    MessageSent,
    SendMessage,
)
from vivesphere.contracts.secrets import RevealSecret
from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.cause import Cause, Mode, acting_under
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.effects import EffectUnknown
from vivesphere.modules.bots.connectors.irc import IrcConnector
from vivesphere.modules.bots.models import AccountRow


class Place:
    """A world with one bot, and an IRC server it may go to."""

    def __init__(self, world: World, server: FakeIrcServer, bot: str) -> None:
        self.world = world
        self.server = server
        self.bot = bot

    @property
    def clock(self) -> FakeClock:
        assert isinstance(self.world.clock, FakeClock)
        return self.world.clock

    async def add(self, bot: str | None = None, secret: str | None = None, **config: Any) -> str:
        """A stopped account."""
        wanted = {"host": "127.0.0.1", "port": self.server.port, "tls": False, "nick": "Vivi", "channels": ["#room"]} | config
        body = {"platform": "irc", "config": wanted} | ({"secret": secret} if secret else {})
        made = await self.world.ask("POST", f"/bots/{bot or self.bot}/accounts", body)
        return str(made["id"])

    async def start(self, account: str, bot: str | None = None) -> None:
        await self.world.ask("POST", f"/bots/{bot or self.bot}/accounts/{account}/start")

    async def connected(self, nick: str = "Vivi", **config: Any) -> tuple[str, FakeConnection]:
        account = await self.add(nick=nick, **config)
        await self.start(account)
        peer = await self.welcome(nick)
        return account, peer

    async def welcome(self, nick: str = "Vivi") -> FakeConnection:
        peer = await self.server.arrived()
        await peer.welcome(nick, "#room")
        await self.world.event(AccountStateChanged, state="connected")
        return peer

    async def state(self, account: str) -> tuple[str, str]:
        accounts = (await self.world.ask("GET", f"/bots/{self.bot}"))["accounts"]
        return next((found["state"], found["detail"]) for found in accounts if found["id"] == account)

    async def messages(self) -> list[tuple[str, str]]:
        """Text and status, oldest first."""
        listed = (await self.world.ask("GET", f"/bots/{self.bot}/messages"))["items"]
        return [(message["text"], message["status"]) for message in reversed(listed)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with FakeIrcServer().running() as server, world_in(tmp_path) as world:
        yield Place(world, server, await world.bot())


async def test_a_command_in_a_channel_is_answered_there_under_the_member(place: Place) -> None:
    account, peer = await place.connected()
    await peer.say(":al!u@h PRIVMSG #room :just talk", ":al!u@h PRIVMSG #room :!echo hi")
    await peer.expect("PRIVMSG #room :hi")
    await peer.say(":al!u@h PRIVMSG Vivi :echo you")
    await peer.expect("PRIVMSG al :you")
    assert [actor for _, actor in place.world.neighbours.asked] == [principals.member(account, "al")] * 2
    assert not await place.world.stop()
    await peer.expect("QUIT stopped", "")
    await place.world.event(AccountStateChanged, state="stopped")
    await place.world.start()
    await place.welcome()


async def test_a_mention_by_nick_is_heard(place: Place) -> None:
    _, peer = await place.connected(nick="viv2")
    await peer.say(":al!u@h PRIVMSG #room :viv2: echo a", ":al!u@h PRIVMSG #room :Vivi, echo b")
    await peer.expect("PRIVMSG #room :a", "PRIVMSG #room :b")


async def test_it_connects_again_with_growing_pauses_that_start_over_after_a_healthy_minute(place: Place) -> None:
    account, peer = await place.connected()
    pauses = []
    for _ in range(3):
        await peer.close()
        waiting = await place.world.event(AccountStateChanged, state="waiting")
        pauses.append(waiting.detail)
        assert await place.state(account) == ("waiting", waiting.detail)
        await place.clock.advance(5)
        peer = await place.welcome()
    await place.clock.advance(60)
    await peer.close()
    pauses.append((await place.world.event(AccountStateChanged, state="waiting")).detail)
    assert [detail.rsplit(" ", 2)[1] for detail in pauses] in (
        [["1", "2", "4", "1"], ["1", "2", "3", "1"]]  # the jitter may take up to a fifth
    )


async def test_a_server_that_is_not_there_is_waited_for_and_said_so(place: Place) -> None:
    account = await place.add(port=1)
    await place.start(account)
    waiting = await place.world.event(AccountStateChanged, state="waiting")
    assert "127.0.0.1:1" in waiting.detail
    await place.world.ask("POST", f"/bots/{place.bot}/accounts/{account}/stop")
    assert await place.state(account) == ("stopped", "")


async def test_a_refused_login_waits_for_a_person_and_the_next_start_tries_again(place: Place) -> None:
    account = await place.add(secret="wrong", sasl_username="vivi")
    await place.start(account)
    peer = await place.server.arrived()
    await peer.say(":s 904 Vivi :SASL authentication failed")
    await place.world.event(AccountStateChanged, state="failed")
    state, detail = await place.state(account)
    assert state == "failed"
    assert "SASL authentication failed" in detail
    assert place.world.services.health()["bots"].status == "degraded"
    await place.start(account)
    peer = await place.server.arrived()
    await peer.say(":s CAP * LS :sasl")
    assert "AUTHENTICATE PLAIN" not in await peer.line()


async def test_a_secret_that_is_gone_waits_for_a_person(place: Place) -> None:
    account = await place.add(secret="s3cret", sasl_username="vivi")
    place.world.neighbours.secrets.clear()
    await place.start(account)
    failed = await place.world.event(AccountStateChanged, state="failed")
    assert "secret is gone" in failed.detail


async def test_queued_messages_survive_a_restart_and_go_out_in_order_once_connected(place: Place) -> None:
    account = await place.add()
    ids = [await place.world.send(place.bot, "#room", text) for text in ("one", "two")]
    again = await place.world.send(place.bot, "#room", "three", idempotency_key="k", account_id=account)
    assert await place.world.send(place.bot, "#room", "three", idempotency_key="k") == again
    assert await place.messages() == [("one", "queued"), ("two", "queued"), ("three", "queued")]
    assert not await place.world.stop()
    await place.world.start()
    await place.start(account)
    peer = await place.welcome()
    await peer.expect("PRIVMSG #room :one", "PRIVMSG #room :two", "PRIVMSG #room :three")
    sent = [(await place.world.event(MessageSent)).message_id for _ in range(3)]
    assert sent == [*ids, again]
    assert await place.messages() == [("one", "sent"), ("two", "sent"), ("three", "sent")]


async def test_a_message_waits_while_the_connection_is_away(place: Place) -> None:
    _, peer = await place.connected()
    await peer.close()
    await place.world.event(AccountStateChanged, state="waiting")
    await place.world.send(place.bot, "#room", "later")
    await place.clock.advance(5)
    peer = await place.welcome()
    await peer.expect("PRIVMSG #room :later")


async def test_a_message_the_platform_cannot_take_fails_and_the_next_one_goes(place: Place) -> None:
    _, peer = await place.connected()
    refused = await place.world.send(place.bot, "#elsewhere", "x")
    await place.world.send(place.bot, "#room", "y")
    failed = await place.world.event(MessageFailed)
    assert (failed.message_id, failed.status, failed.detail) == (refused, "failed", "the bot is not in #elsewhere")
    await peer.expect("PRIVMSG #room :y")


async def test_a_message_cut_off_in_the_middle_is_unknown_and_not_repeated(place: Place) -> None:
    _, peer = await place.connected(flood_burst=1)
    cut = await place.world.send(place.bot, "#room", "1\n2")
    await peer.expect("PRIVMSG #room :1")
    await peer.close()
    await place.world.event(AccountStateChanged, state="waiting")
    await place.clock.advance(5)
    failed = await place.world.event(MessageFailed)
    assert (failed.message_id, failed.status) == (cut, "unknown")
    peer = await place.welcome()
    await place.world.send(place.bot, "#room", "3")
    await peer.expect("PRIVMSG #room :3")
    assert [message for message in await place.messages() if message[0] != "3"] == [("1\n2", "unknown")]


async def test_an_act_that_an_earlier_process_may_have_done_is_not_repeated(place: Place) -> None:
    account = await place.add()
    message = await place.world.send(place.bot, "#room", "once")

    async def dies() -> JSON:
        raise RuntimeError("killed")

    with pytest.raises(EffectUnknown):
        await place.world.effects.handle(BOTS).perform(
            "chat.send", "irc:#room", None, dies, idempotency_key=f"outbox:{message}"
        )
    await place.start(account)
    await place.welcome()
    assert (await place.world.event(MessageFailed)).status == "unknown"
    assert await place.messages() == [("once", "unknown")]


async def test_a_message_asked_for_in_a_shadow_is_noted_and_not_sent(place: Place) -> None:
    await place.connected()
    cause = Cause(source=principals.SYSTEM, actor=principals.SYSTEM, mode=Mode.SHADOW)
    with acting_under(cause):
        await place.world.send(place.bot, "#room", "only a thought")
    await place.world.send(place.bot, "#room", "for real")
    assert (await place.world.event(MessageSent)).text == "for real"
    assert [text for text, _ in await place.messages()] == ["for real"]


async def test_our_own_bots_do_not_answer_each_other_nor_other_bots(place: Place) -> None:
    other = await place.world.bot("Other")
    account = await place.add(bot=other, nick="Other")
    await place.start(account, bot=other)
    await place.welcome("Other")
    _, peer = await place.connected()
    await peer.say(
        ":other!u@h PRIVMSG #room :!echo from ours",
        "@bot :x!u@h PRIVMSG #room :!echo tagged",
        ":al!u@h PRIVMSG #room :!echo yes",
    )
    await peer.expect("PRIVMSG #room :yes")
    received = [message for message in place.world.happened(MessageReceived) if message.bot_id == place.bot]
    assert [message.from_bot for message in received] == [True, True, False]


async def test_two_accounts_need_a_choice(place: Place) -> None:
    await place.add()
    second = await place.add(nick="second")
    refused = await place.world.bus.system().request(SendMessage(bot_id=place.bot, channel="al", text="x"))
    assert "2 accounts" in str(refused)
    await place.world.send(place.bot, "al", "x", account_id=second)


def spoil_config(tx: Unit, account: str) -> None:
    tx.execute(sa.update(AccountRow).where(AccountRow.id == account).values(config={"server": "from an older release"}))


async def test_an_account_whose_config_no_longer_fits_fails_alone(place: Place) -> None:
    account = await place.add()
    await place.world.bus.system().request(AddAccount(bot_id=place.bot, platform="webchat", start=True))
    await place.start(account)
    await place.welcome()
    assert not await place.world.stop()
    await place.world.database.handle(BOTS).write(spoil_config, account)
    await place.world.start()
    await place.world.event(AccountStateChanged, platform="webchat", state="connected")
    state, detail = await place.state(account)
    assert (state, "cannot be used any more" in detail) == ("failed", True)
    assert place.world.services.health()["bots"].status == "degraded"
    await place.world.ask("POST", f"/bots/{place.bot}/accounts/{account}/stop")
    assert await place.state(account) == ("stopped", "")


async def test_a_stop_in_the_middle_of_connecting_is_quick_and_clean(place: Place) -> None:
    account = await place.add()
    await place.start(account)
    peer = await place.server.arrived()
    await peer.expect("CAP LS 302")
    async with asyncio.timeout(5):
        await place.world.ask("POST", f"/bots/{place.bot}/stop")
    assert "connection" not in str(place.world.lifetime.held)


async def test_a_talk_that_leads_nowhere_ends(place: Place) -> None:
    _, peer = await place.connected(flood_burst=20)
    for number in range(7):
        await peer.say(f":bot!u@h PRIVMSG Vivi :what{number} do you mean")
    await peer.say(":bot!u@h PRIVMSG Vivi :echo a command", ":bot!u@h PRIVMSG Vivi :hm")
    for number in range(5):
        assert (await peer.line()).startswith(f"PRIVMSG bot :I do not know !what{number}.")
    assert await peer.line() == "PRIVMSG bot :a command"
    assert (await peer.line()).startswith("PRIVMSG bot :I do not know !hm.")


async def test_a_connector_that_breaks_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(_connector: IrcConnector, _session: Any) -> None:
        raise RuntimeError("a mistake in a connector")

    account = await place.add()
    with monkeypatch.context() as patch:
        patch.setattr(IrcConnector, "run", breaks)
        await place.start(account)
        waiting = await place.world.event(AccountStateChanged, state="waiting")
        assert waiting.detail.startswith("the connector failed; the log says how")
    await place.clock.advance(1)
    await place.welcome()


async def test_without_secrets_an_account_waits_for_them(place: Place) -> None:
    account = await place.add(secret="s3cret", sasl_username="vivi")
    place.world.bus.bus.responders.remove(RevealSecret)
    await place.start(account)
    waiting = await place.world.event(AccountStateChanged, state="waiting")
    assert "secrets.reveal" in waiting.detail


async def test_a_message_may_name_the_bot_as_people_do(place: Place) -> None:
    _, peer = await place.connected()
    await place.world.send("Vivi", "#room", "hello")
    await peer.expect("PRIVMSG #room :hello")
