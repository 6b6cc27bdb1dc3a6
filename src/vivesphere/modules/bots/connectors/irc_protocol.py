"""The client's side of an IRC session without any I/O: lines go in, lines to send and events come out.

RFC 1459 and 2812, IRCv3 capability negotiation (CAP LS 302), SASL 3.1 PLAIN, message tags, account-tag, bot mode.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

import msgspec

from vivesphere.modules.bots.connectors.irc_message import LINE_BYTES, Line, fold, split_text, write

SASL_CHUNK = 400
"""AUTHENTICATE carries at most 400 bytes of base64; a last chunk of exactly 400 is followed by `+` (SASL 3.1)."""

_CAPABILITIES = frozenset({"message-tags", "account-tag"})
_JOIN_ERRORS = frozenset({"403", "405", "407", "437", "471", "473", "474", "475", "476", "477", "489", "520"})
_CHANNEL_SIGNS = ("#", "&", "+", "!")
# What a server may put before our text when it passes it on, as long as we have not seen our own mask:
# RFC 2812 §2.3.1 gives a host 63 characters; user names are cut at 10, with a `~` where identd did not answer.
_MASK_RESERVE = 1 + 11 + 1 + 63


class LoginRefused(Exception):
    """The server will not have us as we are configured. Trying again does not help; a person must change something."""


class ServerClosed(Exception):
    """The server said ERROR or refused us for now."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who we want to be. `password` is for SASL PLAIN, with `sasl_username`."""

    nick: str
    username: str
    realname: str
    channels: tuple[str, ...] = ()
    sasl_username: str | None = None
    password: str | None = None
    version: str = "ViveSphere"


class Settled(msgspec.Struct, frozen=True):
    """We are registered, and every channel we asked for has answered."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody said something. `target` is the channel, or the sender's nick in private."""

    nick: str
    target: str
    text: str
    private: bool
    account: str | None = None
    from_bot: bool = False


class Trouble(msgspec.Struct, frozen=True):
    """The connection holds, but something in it is not as configured."""

    detail: str


class VersionAsked(msgspec.Struct, frozen=True):
    """Somebody's client asks what we are. `answer` is the line to send if flood control allows: anyone may ask, often."""

    answer: bytes


ProtocolEvent = Settled | Heard | Trouble | VersionAsked


class IrcProtocol:
    """One connection. Feed it `receive`, send what `take` gives, in that order."""

    def __init__(self, login: Login) -> None:
        self.nick = login.nick
        self.network = ""
        self.registered = False
        self.joined: dict[str, str] = {}
        self._login = login
        self._out: list[bytes] = []
        self._mask_rest: str | None = None
        self._offered: dict[str, str] = {}
        self._authenticated = False
        self._alternatives = _alternatives(login.nick)
        self._awaited: set[str] = {fold(name.partition(" ")[0]) for name in login.channels}
        self._settled = False
        self._handlers: Mapping[str, Callable[[Line], Iterator[ProtocolEvent]]] = {
            "PING": self._on_ping,
            "ERROR": self._on_error,
            "CAP": self._on_cap,
            "421": self._on_unknown_command,
            "AUTHENTICATE": self._on_authenticate,
            "903": self._on_authenticated,
            **dict.fromkeys(("902", "904", "905", "906", "908"), self._on_sasl_failed),
            "001": self._on_welcome,
            "005": self._on_support,
            "432": self._on_nick_refused,
            **dict.fromkeys(("433", "436"), self._on_nick_taken),
            **dict.fromkeys(("464", "465"), self._on_banned),
            **dict.fromkeys(_JOIN_ERRORS, self._on_join_refused),
            "JOIN": self._on_join,
            "PART": self._on_part,
            "KICK": self._on_kick,
            "NICK": self._on_nick,
            "QUIT": self._on_quit,
            "PRIVMSG": self._on_privmsg,
        }

    def start(self) -> None:
        """Queue what opens the session."""
        # CAP LS holds the registration open on servers that know it; the others say 421 and go on.
        self._send("CAP", "LS", "302")
        self._send("NICK", self.nick)
        self._send("USER", self._login.username, "0", "*", self._login.realname)

    def take(self) -> list[bytes]:
        """The lines to send now, each with its CR LF."""
        lines, self._out = self._out, []
        return lines

    def receive(self, line: Line) -> list[ProtocolEvent]:
        """Take one line from the server. Raises LoginRefused or ServerClosed."""
        handler = self._handlers.get(line.command)
        return [] if handler is None else list(handler(line))

    def ping(self, token: str) -> None:
        """Ask the server whether it is still there."""
        self._send("PING", token)

    def regain(self) -> None:
        """Ask for the wanted nick, if we go by another."""
        if self.registered and fold(self.nick) != fold(self._login.nick):
            self._send("NICK", self._login.nick)

    def quit(self, reason: str) -> None:
        self._send("QUIT", reason)

    def say(self, target: str, text: str) -> list[bytes]:
        """The lines that say `text` to a channel or nick, each short enough to reach everybody whole."""
        mask = len(self._mask_rest.encode()) if self._mask_rest is not None else _MASK_RESERVE
        # ":nick" + mask + " PRIVMSG " + target + " :" + text + CR LF
        room = LINE_BYTES - 1 - len(self.nick.encode()) - mask - 9 - len(target.encode()) - 2 - 2
        return [_privmsg(target, piece) for piece in split_text(text, room)]

    def is_channel(self, target: str) -> bool:
        return target.startswith(_CHANNEL_SIGNS)

    def _send(self, command: str, *params: str) -> None:
        self._out.append(write(Line(command=command, params=params)))

    def _is_me(self, nick: str) -> bool:
        return fold(nick) == fold(self.nick)

    def _on_ping(self, line: Line) -> Iterator[ProtocolEvent]:
        self._send("PONG", *line.params[-1:])
        yield from ()

    def _on_error(self, line: Line) -> Iterator[ProtocolEvent]:
        raise ServerClosed(f"the server closed the connection: {line.param(0) or 'without a reason'}")

    def _on_banned(self, line: Line) -> Iterator[ProtocolEvent]:
        raise LoginRefused(f"the server refuses us: {_reason(line)}")

    # Capabilities and SASL

    def _on_cap(self, line: Line) -> Iterator[ProtocolEvent]:
        match line.param(1).upper():
            case "LS" if not self.registered:
                self._hear_capabilities(line)
            case "ACK" if "sasl" in line.params[-1].split():
                self._send("AUTHENTICATE", "PLAIN")
            case "ACK" if not self.registered:
                self._send("CAP", "END")
            case "NAK" if self._login.password is not None and not self._authenticated:
                raise LoginRefused("the server offers SASL but does not let us use it")
            case "NAK" if not self.registered:
                self._send("CAP", "END")
        yield from ()

    def _hear_capabilities(self, line: Line) -> None:
        for item in line.params[-1].split():
            name, _, value = item.partition("=")
            self._offered[name] = value
        if line.param(2) == "*":  # more lines of the list follow
            return
        wanted = sorted(_CAPABILITIES & self._offered.keys())
        if self._login.password is not None:
            self._check_sasl()
            wanted.append("sasl")
        if wanted:
            self._send("CAP", "REQ", " ".join(wanted))
        else:
            self._send("CAP", "END")

    def _check_sasl(self) -> None:
        if "sasl" not in self._offered:
            raise LoginRefused("the server offers no SASL: remove sasl_username and the password, or use another server")
        mechanisms = self._offered["sasl"]
        if mechanisms and "PLAIN" not in mechanisms.upper().split(","):
            raise LoginRefused(f"the server offers SASL only with {mechanisms}, not with PLAIN")

    def _on_unknown_command(self, line: Line) -> Iterator[ProtocolEvent]:
        # Some servers put our nick before the command's name and some do not.
        if "CAP" in line.params and self._login.password is not None:
            raise LoginRefused("the server knows no SASL: remove sasl_username and the password, or use another server")
        yield from ()

    def _on_authenticate(self, line: Line) -> Iterator[ProtocolEvent]:
        if line.param(0) == "+" and self._login.password is not None:
            user = self._login.sasl_username or ""
            for chunk in sasl_plain(user, self._login.password):
                self._send("AUTHENTICATE", chunk)
        yield from ()

    def _on_authenticated(self, _line: Line) -> Iterator[ProtocolEvent]:
        self._authenticated = True
        if not self.registered:
            self._send("CAP", "END")
        yield from ()

    def _on_sasl_failed(self, line: Line) -> Iterator[ProtocolEvent]:
        raise LoginRefused(f"the server refuses the SASL login of {self._login.sasl_username}: {_reason(line)}")

    # Registration and nicks

    def _on_welcome(self, line: Line) -> Iterator[ProtocolEvent]:
        if self._login.password is not None and not self._authenticated:
            raise LoginRefused("the server let us in without the SASL login we are configured for")
        self.registered = True
        self.nick = line.param(0) or self.nick
        for channel in self._login.channels:
            self._send("JOIN", *channel.split(" "))
        yield from self._settle()

    def _on_support(self, line: Line) -> Iterator[ProtocolEvent]:
        for token in line.params[1:-1]:
            if token.startswith("NETWORK="):
                self.network = token.removeprefix("NETWORK=")
        yield from ()

    def _on_nick_refused(self, line: Line) -> Iterator[ProtocolEvent]:
        if not self.registered:
            raise LoginRefused(f"the server does not allow the nick {self.nick!r}: {_reason(line)}")
        yield from ()

    def _on_nick_taken(self, _line: Line) -> Iterator[ProtocolEvent]:
        if self.registered:  # trying to regain it did not work; there will be another time
            return
        taken = self.nick
        self.nick = next(self._alternatives, "")
        if not self.nick:
            raise ServerClosed(f"the nick {self._login.nick} and all its alternatives up to {taken} are taken")
        self._send("NICK", self.nick)
        yield from ()

    def _on_nick(self, line: Line) -> Iterator[ProtocolEvent]:
        if self._is_me(line.nick):
            self.nick = line.param(0) or self.nick
        elif fold(line.nick) == fold(self._login.nick):
            self.regain()
        yield from ()

    def _on_quit(self, line: Line) -> Iterator[ProtocolEvent]:
        if fold(line.nick) == fold(self._login.nick):
            self.regain()
        yield from ()

    # Channels

    def _on_join(self, line: Line) -> Iterator[ProtocolEvent]:
        if not self._is_me(line.nick):
            return
        channel = line.param(0)
        self.joined[fold(channel)] = channel
        self._awaited.discard(fold(channel))
        if "!" in line.prefix:
            self._mask_rest = line.prefix[len(line.nick) :]
        yield from self._settle()

    def _on_join_refused(self, line: Line) -> Iterator[ProtocolEvent]:
        refused = next((param for param in line.params if fold(param) in self._awaited), None)
        if refused is None:
            if line.command == "437" and not self.registered:  # "nick or channel is temporarily unavailable"
                yield from self._on_nick_taken(line)
            return
        self._awaited.discard(fold(refused))
        yield Trouble(f"cannot join {refused}: {_reason(line)}")
        yield from self._settle()

    def _on_part(self, line: Line) -> Iterator[ProtocolEvent]:
        if self._is_me(line.nick):
            self.joined.pop(fold(line.param(0)), None)
            yield Trouble(f"left {line.param(0)}")

    def _on_kick(self, line: Line) -> Iterator[ProtocolEvent]:
        if self._is_me(line.param(1)):
            self.joined.pop(fold(line.param(0)), None)
            yield Trouble(f"kicked from {line.param(0)} by {line.nick}: {line.param(2)}")

    def _settle(self) -> Iterator[ProtocolEvent]:
        if self.registered and not self._awaited and not self._settled:
            self._settled = True
            yield Settled()

    # Messages

    def _on_privmsg(self, line: Line) -> Iterator[ProtocolEvent]:
        target, text = line.param(0), line.param(1)
        # STATUSMSG: "@#channel" reaches only the channel's operators; we answer nobody else's secrets.
        if self._is_me(line.nick) or not text or not line.nick or target.startswith(("@", "%")):
            return
        private = not self.is_channel(target)
        if text.startswith("\x01"):
            yield from self._on_ctcp(line.nick, text)
            return
        yield Heard(
            nick=line.nick,
            target=line.nick if private else target,
            text=text,
            private=private,
            account=line.tags.get("account") or None,
            from_bot="bot" in line.tags or "draft/bot" in line.tags,
        )

    def _on_ctcp(self, nick: str, text: str) -> Iterator[ProtocolEvent]:
        if text.strip("\x01").partition(" ")[0].upper() == "VERSION":
            answer = f"\x01VERSION {self._login.version}\x01"
            yield VersionAsked(write(Line(command="NOTICE", params=(nick, answer))))


def sasl_plain(user: str, password: str) -> Iterator[str]:
    """The AUTHENTICATE parameters of SASL PLAIN (RFC 4616): base64 of NUL user NUL password, cut at 400 bytes."""
    text = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    for start in range(0, len(text), SASL_CHUNK):
        yield text[start : start + SASL_CHUNK]
    if len(text) % SASL_CHUNK == 0:
        yield "+"


def _alternatives(nick: str) -> Iterator[str]:
    # RFC 1459 servers know nicks of 9 characters only, so a long nick gives its last ones for the sign.
    return chain((f"{nick}_", f"{nick}__"), (f"{nick[:7]}{number:02}" for number in range(1, 10)))


def _privmsg(target: str, text: str) -> bytes:
    # The colon is always written: some servers, the one of the PyPI package `irc` among them, pass the text on as it came.
    head = write(Line(command="PRIVMSG", params=(target, "x")))
    return head[: -len(b"x\r\n")] + b":" + text.encode() + b"\r\n"


def _reason(line: Line) -> str:
    return line.params[-1] if line.params else "it does not say why"
