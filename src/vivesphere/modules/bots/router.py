"""What a message asks for: pure functions from text to an invocation, and from the command list to help. No I/O."""

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

import msgspec

from vivesphere.contracts.plugins import CommandInfo

HELP = "help"

_COMMAND = re.compile(r"([a-z0-9][a-z0-9_.-]*)(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_QUOTES = {'"': '"', "\u201c": "\u201d"}
"""Phones turn straight quotes into curly ones, so both open and close an argument."""


class Invocation(msgspec.Struct, frozen=True, tag="invocation"):
    """A command somebody asked for: its name in lower case, and its arguments without quotes."""

    command: str
    arguments: tuple[str, ...] = ()


class Complaint(msgspec.Struct, frozen=True, tag="complaint"):
    """The message is meant for the bot but cannot be understood; `text` tells the sender why."""

    text: str


class QuoteMissing(Exception):
    """An argument's quote was opened and never closed."""


def understand(text: str, *, prefix: str, names: Collection[str], private: bool) -> Invocation | Complaint | None:
    """What the message asks of a bot that answers to `prefix` and `names`; None if it is not meant for the bot.

    In a channel a command needs the prefix (`!roll`) or a mention (`Vivi: roll`, `Vivi, roll`, `@Vivi roll`); in private the
    bare name works too.
    """
    said = text.strip()
    asked = _asked(said, prefix, names, private=private)
    if asked is None:
        return None
    command = _COMMAND.fullmatch(asked)
    if command is None:
        # "!!!" and "!?" are exclamations. Whoever speaks to the bot itself should not meet silence.
        return None if said.startswith(prefix) else Complaint(f"I answer commands. Say {prefix}{HELP} to see what I can do.")
    try:
        return Invocation(command[1].lower(), split_arguments(command[2] or ""))
    except QuoteMissing:
        return Complaint('A quote is opened but never closed. Put a second " after the argument, or write \\" for the sign.')


def split_arguments(text: str) -> tuple[str, ...]:
    """Cut at spaces as a shell does: "…" holds spaces, '…' too if it begins a word and closes one, \\ takes the next character.

    A single quote elsewhere is an apostrophe (don't), since this is a chat and not a shell. Raises QuoteMissing.
    """
    arguments: list[str] = []
    word: list[str] = []
    place, inside = 0, False
    while place < len(text):
        sign = text[place]
        if sign.isspace():
            if inside:
                arguments.append("".join(word))
            word, inside = [], False
            place += 1
            continue
        piece, place = _piece(text, place, begins=not inside)
        word.append(piece)
        inside = True
    if inside:
        arguments.append("".join(word))
    return tuple(arguments)


def _piece(text: str, place: int, *, begins: bool) -> tuple[str, int]:
    sign = text[place]
    if sign in _QUOTES:
        return _quoted(text, place + 1, _QUOTES[sign])
    if sign == "'" and begins and (closed := re.compile(r"'([^']*)'(?=\s|$)").match(text, place)):
        return closed[1], closed.end()
    if sign == "\\" and place + 1 < len(text):
        return text[place + 1], place + 2
    return sign, place + 1


def _quoted(text: str, place: int, closing: str) -> tuple[str, int]:
    held: list[str] = []
    while place < len(text):
        sign = text[place]
        if sign == closing:
            return "".join(held), place + 1
        if sign == "\\" and text[place + 1 : place + 2] in (closing, "\\"):
            place += 1
            sign = text[place]
        held.append(sign)
        place += 1
    raise QuoteMissing


def _asked(text: str, prefix: str, names: Collection[str], *, private: bool) -> str | None:
    if text.startswith(prefix):
        return text[len(prefix) :]
    for name in names:
        mentioned = re.match(rf"(?:@{re.escape(name)}[,:]?|{re.escape(name)}[,:])\s+", text, re.IGNORECASE)
        if mentioned:
            return text[mentioned.end() :].removeprefix(prefix)
    return text if private else None


def help_text(commands: Sequence[CommandInfo], prefix: str) -> str:
    """Every command by name, on one line: a channel is not flooded by a question."""
    if not commands:
        return "I know no commands yet: enable a plugin that brings some."
    names = ", ".join(f"{prefix}{name}" for name in sorted(command.name for command in commands))
    return f"I know {names}. Say {prefix}{HELP} <command> for more."


def help_on(command: str, commands: Sequence[CommandInfo], prefix: str) -> str:
    """One command's usage and help, or what is named alike."""
    wanted = command.removeprefix(prefix).lower()
    for known in commands:
        if known.name == wanted:
            usage = f" {known.usage}" if known.usage else ""
            return f"{prefix}{known.name}{usage}: {known.help}"
    return unknown_text(wanted, get_close_matches(wanted, [known.name for known in commands], n=3), prefix)


def unknown_text(command: str, suggestions: Sequence[str], prefix: str) -> str:
    """The reply to a command nobody has. What was typed is shortened: it may be anything."""
    said = command if len(command) <= 40 else f"{command[:40]}…"
    if suggestions:
        return f"I do not know {prefix}{said}. Did you mean {' or '.join(prefix + name for name in suggestions)}?"
    return f"I do not know {prefix}{said}. Say {prefix}{HELP} to see what I can do."
