"""The IRC connector on real sockets, against a server that a test plays by hand."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from tests.modules.bots.connectors.fake_irc import FakeConnection, FakeIrcServer
from tests.support.clock import FakeClock, settle

from vivesphere.kernel.errors import InvalidInput
from vivesphere.modules.bots.connectors import irc
from vivesphere.modules.bots.connectors.connector import (
    ConnectionLost,
    Incoming,
    NeedsPerson,
    NotConnected,
    SendInterrupted,
    SendRefused,
    Streams,
)
from vivesphere.modules.bots.connectors.irc import IrcConnector

PATIENCE = 10.0


class FakeSession:
    """What a connector is given; keeps what it says."""

    bot_id = "bot"

    def __init__(self, secret: str | None = None) -> None:
        self.clock = FakeClock()
        self.secret = secret
        self.states: asyncio.Queue[str] = asyncio.Queue()
        self.heard: asyncio.Queue[Incoming] = asyncio.Queue()

    async def connect(self, host: str, port: int, tls: ssl.SSLContext | None) -> Streams:
        return await asyncio.open_connection(host, port, ssl=tls)

    async def connected(self, detail: str = "") -> None:
        await self.states.put(detail)

    async def received(self, message: Incoming) -> None:
        await self.heard.put(message)


class Running:
    """A connector at work, and both its neighbours."""

    def __init__(self, connector: IrcConnector, session: FakeSession, task: "asyncio.Task[None]", peer: FakeConnection) -> None:
        self.connector = connector
        self.session = session
        self.task = task
        self.peer = peer

    async def state(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.session.states.get()

    async def heard(self) -> Incoming:
        async with asyncio.timeout(PATIENCE):
            return await self.session.heard.get()

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.task


@asynccontextmanager
async def running(secret: str | None = None, tls: ssl.SSLContext | None = None, **config: Any) -> AsyncIterator[Running]:
    async with FakeIrcServer().running(tls) as server:
        wanted = {"host": "127.0.0.1", "nick": "Vivi", "port": server.port, "tls": tls is not None} | config
        connector = IrcConnector(irc.PLATFORM.decode(wanted, has_secret=secret is not None))
        session = FakeSession(secret)
        task = asyncio.create_task(connector.run(session))
        try:
            yield Running(connector, session, task, await server.arrived())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that this process trusts, by the variable that OpenSSL itself reads."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def server_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_it_logs_in_by_sasl_over_tls_joins_and_talks(authority: trustme.CA) -> None:
    config = {"sasl_username": "vivi", "channels": ["#room"], "flood_burst": 10}
    async with running("s3cret", server_tls(authority), **config) as run:
        assert run.connector.presence is None
        await run.peer.expect("CAP LS 302", "NICK Vivi", "USER vivesphere 0 * :a ViveSphere bot")
        await run.peer.say(":s CAP * LS :sasl=PLAIN message-tags")
        await run.peer.expect("CAP REQ :message-tags sasl")
        await run.peer.say(":s CAP * ACK :message-tags sasl")
        await run.peer.expect("AUTHENTICATE PLAIN")
        await run.peer.say("AUTHENTICATE +")
        await run.peer.expect("AUTHENTICATE " + base64.b64encode(b"\0vivi\0s3cret").decode())
        await run.peer.say(":s 903 Vivi :SASL authentication successful")
        await run.peer.expect("CAP END")
        await run.peer.say(":s 001 Vivi :Welcome", ":s 005 Vivi NETWORK=Example :are supported")
        await run.peer.expect("JOIN #room")
        with pytest.raises(NotConnected):
            await run.connector.ready()
        await run.peer.say(":Vivi!u@h JOIN #room")
        assert await run.state() == ""
        assert run.connector.presence is not None
        assert (run.connector.presence.network, run.connector.presence.name) == ("example", "Vivi")

        await run.peer.say("@account=Al :al!u@h PRIVMSG #room :!roll 2d6", ":bo[!u@h PRIVMSG Vivi :hi")
        assert await run.heard() == Incoming(channel="#room", sender="al", sender_id="$a:al", text="!roll 2d6")
        assert await run.heard() == Incoming(channel="bo[", sender="bo[", sender_id="bo{", text="hi", private=True)
        await run.connector.ready()
        await run.connector.send("#room", "you rolled\n7")
        await run.peer.expect("PRIVMSG #room :you rolled", "PRIVMSG #room :7")

        run.task.cancel()
        await run.peer.expect("QUIT stopped", "")


async def test_a_certificate_nobody_vouches_for_ends_the_attempt(authority: trustme.CA) -> None:
    async with FakeIrcServer().running(server_tls(authority, "elsewhere.example")) as server:
        connector = IrcConnector(irc.IrcConfig(host="127.0.0.1", nick="Vivi", port=server.port))
        with pytest.raises(ssl.SSLCertVerificationError):
            await connector.run(FakeSession())


async def test_the_check_of_certificates_can_be_switched_off() -> None:
    async with running(tls=server_tls(trustme.CA()), tls_verify=False) as run:
        await run.peer.welcome()
        assert await run.state() == ""


async def test_a_refused_login_needs_a_person() -> None:
    async with running("wrong", sasl_username="vivi") as run:
        await run.peer.expect("CAP LS 302")
        await run.peer.say(":s 904 Vivi :SASL authentication failed")
        with pytest.raises(NeedsPerson, match="SASL authentication failed"):
            await run.ended()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"ERROR :Closing Link: bye\r\n", "Closing Link"), (b":s 12 x\r\n", "not an IRC message"), (b"x" * 20_000, "more than")],
)
async def test_what_the_server_breaks_off_may_be_tried_again(data: bytes, reason: str) -> None:
    async with running() as run:
        await run.peer.raw(data)
        with pytest.raises(ConnectionLost, match=reason):
            await run.ended()
        assert run.connector.presence is None


async def test_a_closed_connection_may_be_tried_again() -> None:
    async with running() as run:
        await run.peer.welcome()
        await run.state()
        await run.peer.close()
        with pytest.raises(ConnectionLost, match="closed"):
            await run.ended()
        with pytest.raises(NotConnected):
            await run.connector.send("al", "hi")


def test_a_server_that_resets_the_connection_is_no_failure_of_ours() -> None:
    """Under uvloop, as the server runs: its transports do not take what is written after the end."""

    async def reset() -> None:
        async with running() as run:
            run.peer.abort()
            with pytest.raises((ConnectionLost, OSError)):
                await run.ended()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(reset())


async def test_a_login_that_never_ends_is_given_up() -> None:
    async with running() as run:
        await run.peer.expect("CAP LS 302")
        await run.session.clock.advance(60)
        with pytest.raises(ConnectionLost, match="60 s"):
            await run.ended()


async def test_a_silent_server_is_asked_and_then_given_up() -> None:
    async with running() as run:
        await run.peer.welcome()
        await run.state()
        await run.session.clock.advance(90)
        await run.peer.expect("PING alive")
        await run.peer.say(":s PONG s alive", ":al!u@h PRIVMSG Vivi :still here")
        await run.heard()
        await run.session.clock.advance(90)
        await run.peer.expect("PING alive")
        await run.session.clock.advance(90)
        with pytest.raises(ConnectionLost, match="not answered"):
            await run.ended()


async def test_a_taken_nick_is_tried_again_while_connected() -> None:
    async with running() as run:
        await run.peer.expect("CAP LS 302", "NICK Vivi")
        await run.peer.line()
        await run.peer.say(":s CAP * LS :", ":s 433 * Vivi :in use")
        await run.peer.expect("CAP END", "NICK Vivi_")
        await run.peer.say(":s 001 Vivi_ :Welcome")
        await run.state()
        await run.session.clock.advance(60)
        await run.peer.expect("NICK Vivi")
        await run.peer.say(":Vivi_!u@h NICK Vivi", ":al!u@h PRIVMSG Vivi :hi")
        await run.heard()
        assert run.connector.presence is not None
        assert run.connector.presence.name == "Vivi"


async def test_troubles_are_told_with_the_state() -> None:
    async with running(channels=["#a", "#b"]) as run:
        await run.peer.expect("CAP LS 302", "NICK Vivi")
        await run.peer.line()
        await run.peer.say(":s 001 Vivi :Welcome")
        await run.peer.expect("JOIN #a", "JOIN #b")
        await run.peer.say(":s 474 Vivi #a :banned", ":Vivi!u@h JOIN #b")
        assert await run.state() == "cannot join #a: banned"
        await run.peer.say(":op!u@h KICK #b Vivi :out")
        assert await run.state() == "cannot join #a: banned; kicked from #b by op: out"
        with pytest.raises(SendRefused, match="not in #b"):
            await run.connector.send("#b", "hi")


async def test_flood_control_lets_a_burst_go_and_then_a_line_every_two_seconds() -> None:
    async with running() as run:
        await run.peer.welcome()
        await run.state()
        sending = asyncio.create_task(run.connector.send("al", "1\n2\n3\n4\n5\n6"))
        await run.peer.expect(*(f"PRIVMSG al :{number}" for number in range(1, 5)))
        await settle()
        assert not sending.done()
        await run.session.clock.advance(2)
        await run.peer.expect("PRIVMSG al :5")
        await run.session.clock.advance(2)
        await run.peer.expect("PRIVMSG al :6")
        await sending
        waiting = asyncio.create_task(run.connector.ready())
        await settle()
        assert not waiting.done()
        await run.session.clock.advance(2)
        await waiting
        await run.connector.ready()
        await run.connector.send("al", "7")
        await run.peer.expect("PRIVMSG al :7")


async def test_ctcp_version_is_answered_as_far_as_flood_control_allows() -> None:
    async with running(flood_burst=1) as run:
        await run.peer.welcome()
        await run.state()
        question = ":al!u@h PRIVMSG Vivi :\x01VERSION\x01"
        await run.peer.say(question, question, "PING :end")
        assert (await run.peer.line()).startswith("NOTICE al :\x01VERSION ViveSphere ")
        await run.peer.expect("PONG end")


async def test_a_message_of_many_lines_is_cut_with_a_word_about_the_rest() -> None:
    async with running(max_lines=3) as run:
        await run.peer.welcome()
        await run.state()
        await run.connector.send("al", "a\nb\nc\nd\ne")
        await run.peer.expect("PRIVMSG al :a", "PRIVMSG al :b", "PRIVMSG al :… (3 more lines are not shown)")


@pytest.mark.parametrize(("channel", "text"), [("al", "\n"), ("a b", "x"), ("", "x")])
async def test_what_irc_cannot_carry_is_refused(channel: str, text: str) -> None:
    async with running() as run:
        await run.peer.welcome()
        await run.state()
        with pytest.raises(SendRefused):
            await run.connector.send(channel, text)


async def test_a_message_cut_off_in_the_middle_is_of_unknown_outcome() -> None:
    async with running(flood_burst=1) as run:
        await run.peer.welcome()
        await run.state()
        sending = asyncio.create_task(run.connector.send("al", "1\n2"))
        await run.peer.expect("PRIVMSG al :1")
        await settle()
        run.peer.abort()
        with pytest.raises((ConnectionLost, OSError)):
            await run.ended()
        await run.session.clock.advance(2)
        with pytest.raises(SendInterrupted, match="1 lines"):
            await sending


async def test_a_message_that_waits_for_its_turn_is_not_sent_when_the_connection_ends() -> None:
    async with running(flood_burst=1) as run:
        await run.peer.welcome()
        await run.state()
        await run.connector.send("al", "1")
        sending = asyncio.create_task(run.connector.send("al", "2"))
        await run.peer.expect("PRIVMSG al :1")
        await settle()
        await run.peer.close()
        with pytest.raises(ConnectionLost):
            await run.ended()
        await run.session.clock.advance(2)
        with pytest.raises(NotConnected):
            await sending


@pytest.mark.parametrize(
    ("config", "secret", "reason"),
    [
        ({}, False, "host"),
        ({"host": "h"}, False, "nick"),
        ({"host": "h h", "nick": "Vivi"}, False, "host"),
        ({"host": "h", "nick": "1"}, False, "nick"),
        ({"host": "h", "nick": "Vivi\r\nQUIT"}, False, "nick"),
        ({"host": "h", "nick": "Vivi", "colour": 1}, False, "colour"),
        ({"host": "h", "nick": "Vivi", "port": 0}, False, "port"),
        ({"host": "h", "nick": "Vivi", "channels": ["room"]}, False, "channels"),
        ({"host": "h", "nick": "Vivi", "channels": ["#a,0"]}, False, "channels"),
        ({"host": "h", "nick": "Vivi", "username": "a b"}, False, "username"),
        ({"host": "h", "nick": "Vivi", "realname": "a\nb"}, False, "realname"),
        ({"host": "h", "nick": "Vivi", "sasl_username": "v"}, False, "password"),
        ({"host": "h", "nick": "Vivi"}, True, "sasl_username"),
        ({"host": "h", "nick": "Vivi", "sasl_username": "v", "tls": False}, True, "in the clear"),
    ],
)
def test_a_wrong_config_is_refused_by_name(config: dict[str, Any], secret: bool, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        irc.PLATFORM.decode(config, has_secret=secret)


def test_the_schema_is_one_a_form_can_show() -> None:
    schema = irc.PLATFORM.schema()
    assert schema["required"] == ["host", "nick"]
    assert schema["properties"]["port"]["default"] == 6697
    assert "$ref" not in str(schema)
