"""From a message to what it asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivesphere.contracts.plugins import CommandInfo
from vivesphere.modules.bots.router import (
    Complaint,
    Invocation,
    QuoteMissing,
    help_on,
    help_text,
    split_arguments,
    understand,
    unknown_text,
)

ROLL = CommandInfo(name="roll", plugin="dice", help="Rolls dice.", usage="2d6+1")
ECHO = CommandInfo(name="echo", plugin="echo", help="Says it again.")


def understood(text: str, *, private: bool = False) -> Invocation | Complaint | None:
    return understand(text, prefix="!", names=("Vivi", "vivi_irc", "Bot (x)"), private=private)


@pytest.mark.parametrize(
    "text",
    [
        "!roll 2d6",
        "  !ROLL   2d6  ",
        "!roll\n2d6",
        "Vivi: roll 2d6",
        "vivi, roll 2d6",
        "@Vivi roll 2d6",
        "@vivi: !roll 2d6",
        "VIVI_IRC: roll 2d6",
        "Bot (x): roll 2d6",
    ],
)
def test_a_command_is_heard_in_a_channel(text: str) -> None:
    assert understood(text) == Invocation("roll", ("2d6",))
    assert understood(text, private=True) == Invocation("roll", ("2d6",))


@pytest.mark.parametrize(
    "text", ["roll 2d6", "Vivi roll 2d6", "Vivian: roll", "hi !roll", "!", "! roll", "!!!", "!?", "", "Vivi:"]
)
def test_talk_in_a_channel_is_left_alone(text: str) -> None:
    assert understood(text) is None


def test_in_private_the_bare_name_works_too() -> None:
    assert understood("roll 2d6", private=True) == Invocation("roll", ("2d6",))


def test_whoever_speaks_to_the_bot_is_told_how() -> None:
    assert understood("???", private=True) == Complaint("I answer commands. Say !help to see what I can do.")
    assert understood("Vivi: ???") == Complaint("I answer commands. Say !help to see what I can do.")
    assert understood("!!!", private=True) is None


def test_a_missing_quote_is_explained() -> None:
    reply = understood('!echo "never closed')
    assert isinstance(reply, Complaint)
    assert "never closed" in reply.text


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", ()),
        ("a  b", ("a", "b")),
        ('"a b" c', ("a b", "c")),
        ('x="a b"', ("x=a b",)),
        ('""', ("",)),
        (r'"say \"hi\" \\ \n"', (r'say "hi" \ \n',)),
        ("don't stop", ("don't", "stop")),
        ("'a b' c", ("a b", "c")),
        ("'tis the season", ("'tis", "the", "season")),
        ("“a b”", ("a b",)),
        (r"a\ b \"c", ("a b", '"c')),
        ("end\\", ("end\\",)),
    ],
)
def test_arguments(text: str, arguments: tuple[str, ...]) -> None:
    assert split_arguments(text) == arguments


@given(st.lists(st.text()))
def test_quoted_arguments_come_back_whole(arguments: list[str]) -> None:
    quoted = " ".join('"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"' for argument in arguments)
    assert split_arguments(quoted) == tuple(arguments)


@given(st.text())
def test_nothing_but_a_missing_quote_is_ever_raised(text: str) -> None:
    try:
        split_arguments(text)
    except QuoteMissing:
        assert '"' in text or "“" in text
    understood(text, private=True)


def test_help() -> None:
    assert help_text([ROLL, ECHO], "!") == "I know !echo, !roll. Say !help <command> for more."
    assert "no commands" in help_text([], "!")
    assert help_on("!ROLL", [ROLL, ECHO], "!") == "!roll 2d6+1: Rolls dice."
    assert help_on("echo", [ROLL, ECHO], "?") == "?echo: Says it again."
    assert help_on("rol", [ROLL, ECHO], "!") == "I do not know !rol. Did you mean !roll?"


def test_unknown() -> None:
    assert unknown_text("rol", ("roll", "poll"), "!") == "I do not know !rol. Did you mean !roll or !poll?"
    assert unknown_text("x" * 50, (), "!") == f"I do not know !{'x' * 40}…. Say !help to see what I can do."
