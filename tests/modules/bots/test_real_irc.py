"""The module on a real IRC server that is not ours, with another person in the channel."""

from pathlib import Path

from tests.modules.bots.world import World, world_in
from tests.support.irc import IrcServer, irc_person, irc_server, until_joined

from vivesphere.contracts.bots import AccountStateChanged
from vivesphere.kernel.clock import SystemClock


async def join(world: World, server: IrcServer, nick: str = "Vivi") -> tuple[str, str]:
    """A connected bot in #room; its id and its account's."""
    bot = await world.bot()
    config = {"host": server.host, "port": server.port, "tls": False, "nick": nick, "channels": ["#room"]}
    account = await world.ask("POST", f"/bots/{bot}/accounts", {"platform": "irc", "config": config})
    await world.ask("POST", f"/bots/{bot}/start")
    await world.event(AccountStateChanged, state="connected")
    return bot, str(account["id"])


async def test_it_joins_and_answers_in_the_channel_and_in_private(tmp_path: Path) -> None:
    async with (
        irc_server() as server,
        irc_person(server, "alice", "#room") as alice,
        world_in(tmp_path, SystemClock()) as world,
    ):
        await join(world, server)
        await until_joined(alice, "Vivi", "#room")
        await alice.say("#room", '!echo "hello  there" friend')
        assert await alice.hear_from("Vivi", "#room") == "hello  there friend"
        await alice.say("#room", "Vivi: echo mentioned")
        assert await alice.hear_from("Vivi", "#room") == "mentioned"
        await alice.say("Vivi", "echo between us")
        assert await alice.hear_from("Vivi", "alice") == "between us"


async def test_a_long_reply_arrives_whole_in_several_lines(tmp_path: Path) -> None:
    async with (
        irc_server() as server,
        irc_person(server, "alice", "#room") as alice,
        world_in(tmp_path, SystemClock()) as world,
    ):
        bot, _ = await join(world, server)
        text = " ".join(f"wörd{number:03}" for number in range(120))
        await world.send(bot, "#room", text)
        lines = [await alice.hear_from("Vivi", "#room")]
        while len(" ".join(lines)) < len(text):
            lines.append(await alice.hear_from("Vivi", "#room"))
        assert len(lines) > 1
        assert " ".join(lines) == text


async def test_a_taken_nick_gets_another_one_and_stopping_leaves_the_channel(tmp_path: Path) -> None:
    async with (
        irc_server() as server,
        irc_person(server, "Vivi", "#room") as namesake,
        world_in(tmp_path, SystemClock()) as world,
    ):
        bot, _ = await join(world, server)
        await until_joined(namesake, "Vivi_", "#room")
        await namesake.say("#room", "Vivi_: echo it is me")
        assert await namesake.hear_from("Vivi_", "#room") == "it is me"
        await world.ask("POST", f"/bots/{bot}/stop")
        await namesake.hear(":Vivi_!", " QUIT ")


async def test_it_comes_back_when_the_server_does(tmp_path: Path) -> None:
    async with world_in(tmp_path, SystemClock()) as world:
        async with irc_server() as server, irc_person(server, "alice", "#room"):
            await join(world, server)
        waiting = await world.event(AccountStateChanged, state="waiting")
        assert "next attempt" in waiting.detail
