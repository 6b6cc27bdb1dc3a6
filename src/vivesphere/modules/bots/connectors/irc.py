"""The `irc` platform: a session over one connection, with keep-alive, flood control and a polite goodbye."""

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine
from typing import Annotated, Any

import msgspec

from vivesphere.kernel.bus.limits import TokenBucket
from vivesphere.kernel.errors import InvalidInput
from vivesphere.kernel.release import version
from vivesphere.modules.bots.connectors.connector import (
    ConnectionLost,
    Incoming,
    NeedsPerson,
    NotConnected,
    Platform,
    Presence,
    SendInterrupted,
    SendRefused,
    Session,
)
from vivesphere.modules.bots.connectors.irc_message import LineBuffer, ProtocolError, fold, parse
from vivesphere.modules.bots.connectors.irc_protocol import (
    Heard,
    IrcProtocol,
    Login,
    LoginRefused,
    ProtocolEvent,
    ServerClosed,
    Settled,
    Trouble,
    VersionAsked,
)

LOGIN_SECONDS = 60.0
SILENCE_SECONDS = 90.0
"""How long the server may say nothing before we ask whether it is there; it then has as long again to answer."""
REGAIN_SECONDS = 60.0
GOODBYE_SECONDS = 1.0

_NICK = r"^[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}$(?!\n)"
_USERNAME = r"^[^\s@!:\x00][^\s@!\x00]{0,9}$(?!\n)"
_ONE_LINE = r"^[^\r\n\x00]{1,120}$(?!\n)"
_CHANNEL = r"^[#&+!][^\s,\x07\x00]{1,49}( [^\s,\x00:][^\s,\x00]{0,49})?$(?!\n)"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class IrcConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An IRC login. A channel may be followed by a space and its key. A password (SASL PLAIN) needs `sasl_username`."""

    host: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}$(?!\n)", description="Server, such as irc.libera.chat")]
    nick: Annotated[str, msgspec.Meta(pattern=_NICK, description="Name in the network")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 6697
    tls: bool = True
    tls_verify: bool = True
    username: Annotated[str, msgspec.Meta(pattern=_USERNAME)] = "vivesphere"
    realname: Annotated[str, msgspec.Meta(pattern=_ONE_LINE)] = "a ViveSphere bot"
    channels: Annotated[tuple[Annotated[str, msgspec.Meta(pattern=_CHANNEL)], ...], msgspec.Meta(max_length=50)] = ()
    sasl_username: Annotated[str, msgspec.Meta(pattern=r"^[^\s\x00]{1,100}$(?!\n)")] | None = None
    flood_burst: Annotated[int, msgspec.Meta(ge=1, le=20, description="Lines that may be sent at once")] = 4
    flood_interval: Annotated[float, msgspec.Meta(gt=0, le=60, description="Seconds between lines after that")] = 2.0
    max_lines: Annotated[int, msgspec.Meta(ge=1, le=200, description="Lines of one message; the rest is left out")] = 20


class _Connection:
    """What exists only while connected: the streams, the protocol's state, the flood control."""

    def __init__(self, config: IrcConfig, session: Session, login: Login, writer: asyncio.StreamWriter) -> None:
        self.protocol = IrcProtocol(login)
        self.writer = writer
        self.clock = session.clock
        self.settled = False
        self.heard_at = session.clock.monotonic()
        self.bucket = TokenBucket(1 / config.flood_interval, config.flood_burst, session.clock)
        self.troubles: list[str] = []
        self.may_begin = False

    async def turn(self) -> None:
        """Return when flood control lets one more line go."""
        while wait := self.bucket.take():
            await self.clock.sleep(wait)

    async def flush(self) -> None:
        """Send what the protocol has to say; it is small, and not held by flood control."""
        for line in self.protocol.take():
            self.write(line)
        await self.writer.drain()

    def write(self, line: bytes) -> None:
        # uvloop raises a RuntimeError at what is written after the end; asyncio's own transport only drops it.
        if self.writer.transport.is_closing():
            raise ConnectionResetError("the server has closed it")
        self.writer.write(line)


class IrcConnector:
    """One IRC login. `run` may be called again after it ended."""

    platform = "irc"

    def __init__(self, config: IrcConfig) -> None:
        self._config = config
        self._connection: _Connection | None = None

    @property
    def presence(self) -> Presence | None:
        connection = self._connection
        if connection is None or not connection.protocol.registered:
            return None
        protocol = connection.protocol
        return Presence(fold(protocol.network or self._config.host), protocol.nick)

    async def run(self, session: Session) -> None:
        config = self._config
        tls = await asyncio.to_thread(_tls_context, verify=config.tls_verify) if config.tls else None
        reader, writer = await session.connect(config.host, config.port, tls)
        connection = _Connection(config, session, _login(config, session.secret), writer)
        self._connection = connection
        try:
            connection.protocol.start()
            await connection.flush()
            await _until_one_ends(self._listen(connection, reader, session), self._watch(connection))
        except (LoginRefused, ServerClosed, ProtocolError) as error:
            raise (NeedsPerson if isinstance(error, LoginRefused) else ConnectionLost)(str(error)) from None
        finally:
            self._connection = None
            await _say_goodbye(connection)

    async def ready(self) -> None:
        connection = self._open()
        if not connection.may_begin:
            await connection.turn()
            connection.may_begin = True

    async def send(self, channel: str, text: str) -> None:
        connection = self._open()
        for place, line in enumerate(self._lines(connection.protocol, channel, text)):
            if connection.may_begin:
                connection.may_begin = False
            else:
                await connection.turn()
            if self._connection is not connection:
                raise _cut_off(place)
            try:
                connection.write(line)
                await connection.writer.drain()
            except OSError:
                raise _cut_off(place + 1) from None

    def _open(self) -> _Connection:
        if self._connection is None or not self._connection.settled:
            raise NotConnected("not connected to the IRC server")
        return self._connection

    def _lines(self, protocol: IrcProtocol, channel: str, text: str) -> list[bytes]:
        if protocol.is_channel(channel) and fold(channel) not in protocol.joined:
            raise SendRefused(f"the bot is not in {channel[:60]}")
        try:
            lines = protocol.say(channel, text)
            limit = self._config.max_lines
            if len(lines) > limit:
                lines[limit - 1 :] = protocol.say(channel, f"… ({len(lines) - limit + 1} more lines are not shown)")
        except ValueError as error:
            raise SendRefused(f"IRC cannot carry this message: {error}") from None
        if not lines:
            raise SendRefused("the message has no text")
        return lines

    async def _listen(self, connection: _Connection, reader: asyncio.StreamReader, session: Session) -> None:
        lines = LineBuffer()
        while data := await reader.read(4096):
            connection.heard_at = session.clock.monotonic()
            for text in lines.feed(data):
                events = connection.protocol.receive(parse(text))
                await connection.flush()
                for event in events:
                    await self._happened(connection, session, event)
        raise ConnectionLost("the server closed the connection")

    async def _happened(self, connection: _Connection, session: Session, event: ProtocolEvent) -> None:
        match event:
            case Settled():
                connection.settled = True
                await session.connected("; ".join(connection.troubles))
            case Trouble(detail):
                connection.troubles = [*connection.troubles[-4:], detail]
                if connection.settled:
                    await session.connected("; ".join(connection.troubles))
            case VersionAsked(answer):
                if not connection.bucket.take():
                    connection.write(answer)
            case Heard():
                await session.received(_incoming(event))

    async def _watch(self, connection: _Connection) -> None:
        """Notice a server that is gone without a word, a login that never ends, and a nick that may be free again."""
        clock = connection.clock
        await clock.sleep(LOGIN_SECONDS)
        if not connection.protocol.registered:
            raise ConnectionLost(f"the server did not finish the login within {LOGIN_SECONDS:.0f} s")
        while True:
            connection.protocol.regain()
            quiet = clock.monotonic() - connection.heard_at
            if quiet >= 2 * SILENCE_SECONDS:
                raise ConnectionLost(f"the server has not answered for {quiet:.0f} s")
            if quiet >= SILENCE_SECONDS:
                connection.protocol.ping("alive")
            await connection.flush()
            await clock.sleep(REGAIN_SECONDS / 2)


def check_config(config: IrcConfig, has_secret: bool) -> None:
    """Raises InvalidInput for fields that do not go together."""
    if has_secret and config.sasl_username is None:
        raise InvalidInput("A password for irc needs sasl_username: the account's name at the network's services.")
    if config.sasl_username is not None and not has_secret:
        raise InvalidInput("sasl_username needs the account's password as the secret.")
    if has_secret and not config.tls and config.host not in _LOOPBACK:
        raise InvalidInput("Without tls the password would cross the network in the clear: set tls to true.")


PLATFORM = Platform(
    name="irc",
    title="IRC",
    config=IrcConfig,
    build=IrcConnector,
    check=check_config,
    secret_label="SASL password",  # noqa: S106 - what the form calls the field, not a password
)


def _login(config: IrcConfig, secret: str | None) -> Login:
    return Login(
        nick=config.nick,
        username=config.username,
        realname=config.realname,
        channels=config.channels,
        sasl_username=config.sasl_username,
        password=secret,
        version=f"ViveSphere {version()}",
    )


def _incoming(heard: Heard) -> Incoming:
    # A nick can be taken by anybody; a services account cannot. `$a:` is how IRC writes accounts, and no nick begins with `$`.
    sender_id = f"$a:{fold(heard.account)}" if heard.account else fold(heard.nick)
    return Incoming(
        channel=heard.target,
        sender=heard.nick,
        sender_id=sender_id,
        text=heard.text,
        private=heard.private,
        from_bot=heard.from_bot,
    )


def _tls_context(*, verify: bool) -> ssl.SSLContext:
    """Reads the machine's certificates from disk, so it runs on a thread."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _cut_off(lines_sent: int) -> NotConnected | SendInterrupted:
    if lines_sent == 0:
        return NotConnected("the connection ended before the message was sent")
    return SendInterrupted(f"the connection ended after {lines_sent} lines of the message")


async def _until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    done.pop().result()


async def _say_goodbye(connection: _Connection) -> None:
    """QUIT and close; bounded, since the server may be gone. Runs when cancelled too."""
    connection.protocol.quit("stopped")
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS):
            await connection.flush()
            connection.writer.close()
            await connection.writer.wait_closed()
    connection.writer.transport.abort()
