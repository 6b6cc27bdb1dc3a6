"""The IRC session without a network: registration, SASL, nicks, channels, messages."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.modules.bots.connectors.irc_message import LINE_BYTES, parse
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
    sasl_plain,
)

PASSWORD = "correct horse"


class Wire:
    """The server's side of one protocol object."""

    def __init__(self, *, sasl: bool = False, channels: tuple[str, ...] = (), nick: str = "Vivi") -> None:
        user, password = ("vivi", PASSWORD) if sasl else (None, None)
        login = Login(nick=nick, username="u", realname="A bot", channels=channels, sasl_username=user, password=password)
        self.protocol = IrcProtocol(login)
        self.protocol.start()

    def sent(self) -> list[str]:
        return [line.decode().removesuffix("\r\n") for line in self.protocol.take()]

    def say(self, *lines: str) -> list[ProtocolEvent]:
        return [event for line in lines for event in self.protocol.receive(parse(line))]

    def welcomed(self) -> "Wire":
        self.say(":s 001 Vivi :Welcome")
        self.sent()
        return self


def test_it_opens_with_capabilities_nick_and_user() -> None:
    assert Wire().sent() == ["CAP LS 302", "NICK Vivi", "USER u 0 * :A bot"]


def test_capabilities_come_in_several_lines_and_only_known_ones_are_asked_for() -> None:
    wire = Wire()
    wire.sent()
    wire.say(":s CAP * LS * :message-tags foo=bar")
    assert wire.sent() == []
    wire.say(":s CAP * LS :account-tag")
    assert wire.sent() == ["CAP REQ :account-tag message-tags"]
    wire.say(":s CAP * ACK :account-tag message-tags")
    assert wire.sent() == ["CAP END"]


@pytest.mark.parametrize("line", [":s CAP * LS :foo", ":s CAP * NAK :message-tags"])
def test_without_common_capabilities_registration_goes_on(line: str) -> None:
    wire = Wire()
    wire.sent()
    wire.say(line)
    assert wire.sent() == ["CAP END"]


def test_capabilities_are_left_alone_after_registration() -> None:
    wire = Wire().welcomed()
    wire.say(":s CAP Vivi LS :message-tags", ":s CAP Vivi ACK :message-tags", ":s CAP Vivi NAK :x", ":s CAP Vivi NEW :x")
    assert wire.sent() == []


def test_sasl_plain() -> None:
    wire = Wire(sasl=True)
    wire.sent()
    wire.say(":s CAP * LS :sasl=EXTERNAL,PLAIN")
    assert wire.sent() == ["CAP REQ sasl"]
    wire.say(":s CAP * ACK :sasl ")
    assert wire.sent() == ["AUTHENTICATE PLAIN"]
    wire.say("AUTHENTICATE +")
    (answer,) = wire.sent()
    assert base64.b64decode(answer.removeprefix("AUTHENTICATE ")) == b"\0vivi\0correct horse"
    wire.say(":s 903 * :ok")
    assert wire.sent() == ["CAP END"]
    assert wire.say(":s 001 Vivi :Welcome") == [Settled()]
    wire.say(":s 903 Vivi :again")
    assert wire.sent() == []


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([":s CAP * LS :multi-prefix"], "offers no SASL"),
        ([":s CAP * LS :sasl=EXTERNAL"], "only with EXTERNAL"),
        ([":s 421 CAP :Unknown command"], "knows no SASL"),
        ([":s 421 * CAP :Unknown command"], "knows no SASL"),
        ([":s CAP * LS :sasl", ":s CAP * NAK :sasl"], "does not let us"),
        ([":s CAP * LS :sasl", ":s CAP * ACK :sasl", ":s 904 Vivi :SASL authentication failed"], "authentication failed"),
        ([":s 905 Vivi :SASL message too long"], "too long"),
        ([":s 908"], "does not say why"),
        ([":s 001 Vivi :Welcome"], "without the SASL login"),
    ],
)
def test_a_failed_sasl_login_needs_a_person(lines: list[str], reason: str) -> None:
    with pytest.raises(LoginRefused, match=reason):
        Wire(sasl=True).say(*lines)


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=700),
    st.sampled_from(["a", "ab", "abc"]),
)
def test_sasl_chunks_hold_400_bytes_and_a_full_last_one_is_followed_by_plus(password: str, user: str) -> None:
    *full, last = list(sasl_plain(user, password))
    assert all(len(chunk) == 400 for chunk in full)
    assert last == "+" or 0 < len(last) < 400
    whole = "".join(full) + ("" if last == "+" else last)
    assert base64.b64decode(whole).decode() == f"\0{user}\0{password}"


def test_sasl_of_exactly_400_bytes() -> None:
    assert [len(chunk) for chunk in sasl_plain("u", "p" * 297)] == [400, 1]


def test_authenticate_without_a_password_is_ignored() -> None:
    wire = Wire()
    wire.sent()
    wire.say("AUTHENTICATE +", ":s 421 * CAP :Unknown command")
    assert wire.sent() == []


def test_a_taken_nick_is_replaced_and_regained() -> None:
    wire = Wire()
    wire.sent()
    wire.say(":s 433 * Vivi :Nickname is already in use")
    assert wire.sent() == ["NICK Vivi_"]
    wire.say(":s 433 NICK :Vivi_")
    assert wire.sent() == ["NICK Vivi__"]
    wire.protocol.regain()
    assert wire.sent() == []
    wire.say(":s 001 Vivi__ :Welcome")
    assert wire.protocol.nick == "Vivi__"
    wire.protocol.regain()
    assert wire.sent() == ["NICK Vivi"]
    wire.say(":s 433 Vivi__ Vivi :in use")
    assert wire.sent() == []
    wire.say(":other!u@h QUIT :bye")
    assert wire.sent() == []
    wire.say(":vivi!u@h QUIT :bye")
    assert wire.sent() == ["NICK Vivi"]
    wire.say(":Vivi!u@h NICK Someone")
    assert wire.sent() == ["NICK Vivi"]
    wire.say(":stranger!u@h NICK other")
    wire.say(":Vivi__!u@h NICK :Vivi")
    assert wire.protocol.nick == "Vivi"
    wire.protocol.regain()
    assert wire.sent() == []


def test_the_server_may_rename_us_at_the_welcome() -> None:
    wire = Wire()
    wire.say(":s 001 VeryLong :Welcome")
    assert wire.protocol.nick == "VeryLong"


def test_a_long_nick_has_alternatives_for_old_servers_too_and_then_it_gives_up_for_now() -> None:
    wire = Wire(nick="VeryLongNick")
    wire.sent()
    tried = []
    for _ in range(11):
        wire.say(":s 437 * x :Nick temporarily unavailable")
        tried += wire.sent()
    with pytest.raises(ServerClosed, match="VeryLongNick"):
        wire.say(":s 437 * x :Nick temporarily unavailable")
    assert tried[:3] == ["NICK VeryLongNick_", "NICK VeryLongNick__", "NICK VeryLon01"]
    assert len(tried) == 11


def test_a_nick_the_server_does_not_allow_needs_a_person() -> None:
    with pytest.raises(LoginRefused, match="'Vivi'"):
        Wire().say(":s 432 * Vivi :Erroneous nickname")
    assert Wire().welcomed().say(":s 432 Vivi x :Erroneous nickname") == []


@pytest.mark.parametrize("line", [":s 465 Vivi :You are banned", ":s 464 Vivi :Password incorrect"])
def test_a_ban_needs_a_person(line: str) -> None:
    with pytest.raises(LoginRefused, match="refuses us"):
        Wire().say(line)


@pytest.mark.parametrize(("line", "reason"), [("ERROR :Closing Link", "Closing Link"), ("ERROR", "without a reason")])
def test_an_error_ends_the_connection(line: str, reason: str) -> None:
    with pytest.raises(ServerClosed, match=reason):
        Wire().say(line)


def test_it_is_settled_once_every_channel_has_answered() -> None:
    wire = Wire(channels=("#One", "#two key", "#three"))
    wire.sent()
    assert wire.say(":s 001 Vivi :Welcome") == []
    assert wire.sent() == ["JOIN #One", "JOIN #two key", "JOIN #three"]
    assert wire.say(":Vivi!u@host JOIN #one", ":other!u@h JOIN #one") == []
    assert wire.say(":s 474 Vivi #two :Cannot join channel (+b)") == [Trouble("cannot join #two: Cannot join channel (+b)")]
    assert wire.say(":Vivi!u@host JOIN :#three", ":s 474 Vivi #other :no", ":s 437 Vivi #x :no") == [Settled()]
    assert set(wire.protocol.joined) == {"#one", "#three"}


def test_leaving_and_being_kicked_are_troubles() -> None:
    wire = Wire(channels=("#a", "#b")).welcomed()
    wire.say(":Vivi!u@h JOIN #a", ":Vivi JOIN #b")
    assert wire.say(":op!u@h KICK #a Vivi :out", ":op!u@h KICK #b other :out") == [Trouble("kicked from #a by op: out")]
    assert wire.say(":other!u@h PART #b", ":Vivi!u@h PART #b") == [Trouble("left #b")]
    assert wire.protocol.joined == {}


def test_the_network_tells_its_name() -> None:
    wire = Wire().welcomed()
    wire.say(":s 005 Vivi NICKLEN=30 NETWORK=Libera.Chat :are supported")
    assert wire.protocol.network == "Libera.Chat"


def test_a_ping_is_answered() -> None:
    wire = Wire().welcomed()
    wire.say("PING :a b", "PING")
    assert wire.sent() == ["PONG :a b", "PONG"]
    wire.protocol.ping("alive")
    wire.protocol.quit("so long")
    assert wire.sent() == ["PING alive", "QUIT :so long"]


def test_messages() -> None:
    wire = Wire().welcomed()
    assert wire.say("@account=Alice :al!u@h PRIVMSG #c :hi there") == [
        Heard(nick="al", target="#c", text="hi there", private=False, account="Alice")
    ]
    assert wire.say("@bot :b!u@h PRIVMSG vivi :x") == [Heard(nick="b", target="b", text="x", private=True, from_bot=True)]


@pytest.mark.parametrize(
    "line",
    [
        ":Vivi!u@h PRIVMSG #c :my own",
        ":al!u@h PRIVMSG @#c :for operators",
        ":al!u@h PRIVMSG #c",
        "PRIVMSG #c :from nobody",
        ":al!u@h NOTICE Vivi :never answered",
        ":al!u@h PRIVMSG Vivi :\x01PING 1\x01",
        ":al!u@h PRIVMSG #c :\x01ACTION waves\x01",
        ":s 372 Vivi :- motd",
    ],
)
def test_what_is_no_message_to_answer(line: str) -> None:
    wire = Wire().welcomed()
    assert wire.say(line) == []
    assert wire.sent() == []


def test_ctcp_version() -> None:
    asked = Wire().welcomed().say(":al!u@h PRIVMSG Vivi :\x01VERSION\x01")
    assert asked == [VersionAsked(b"NOTICE al :\x01VERSION ViveSphere\x01\r\n")]


@given(st.text(), st.booleans())
def test_what_is_said_reaches_others_whole(text: str, knows_mask: bool) -> None:
    wire = Wire(channels=("#chan",)).welcomed()
    mask = ":Vivi!u@" + "h" * (20 if knows_mask else 63)
    if knows_mask:
        wire.say(f"{mask} JOIN #chan")
    for line in wire.protocol.say("#chan", text):
        assert len(f"{mask} ".encode() + line) <= LINE_BYTES
        assert not set(b"\r\n\0") & set(line[:-2])
        assert parse(line.decode().removesuffix("\r\n")).params[0] == "#chan"


@pytest.mark.parametrize("target", ["#a b", "", "#a\r\nQUIT", ":x"])
def test_a_target_that_is_no_word_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="IRC"):
        Wire().protocol.say(target, "x")
