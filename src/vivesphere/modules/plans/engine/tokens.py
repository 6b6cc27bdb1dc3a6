"""The words of an expression. minijinja parses it too; here is read what minijinja does not tell before it evaluates."""

import re
from collections.abc import Iterator
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    STRING = "string"
    NUMBER = "number"
    NAME = "name"
    SIGN = "sign"


class Token(msgspec.Struct, frozen=True):
    kind: Kind
    text: str
    end: int
    """Where the token ends in the text it was read from."""


class Unreadable(Exception):
    """The text is not made of an expression's words; the message says what stands there."""


_WORD = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%~|.,:()\[\]{}<>=])
    )""",
    re.VERBOSE | re.DOTALL,
)

_OPENING = {"(": ")", "[": "]", "{": "}"}


def words(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens from `start` on, until the text ends."""
    position = start
    while position < len(text):
        found = _WORD.match(text, position)
        if found is None or found.lastgroup is None:
            rest = text[position:].strip()
            if not rest:
                return
            raise Unreadable("a quotation mark is never closed" if rest[0] in "'\"" else f"{rest[0]!r} means nothing here")
        position = found.end()
        yield Token(Kind(found.lastgroup), found.group(found.lastgroup), position)


def closing(text: str, start: int) -> int:
    """Where the `}}` stands that closes an expression beginning at `start`; braces and strings inside it are passed over."""
    expected: list[str] = []
    for token in words(text, start):
        if token.kind is not Kind.SIGN:
            continue
        if not expected and text.startswith("}}", token.end - 1):
            return token.end - 1
        if token.text in _OPENING:
            expected.append(_OPENING[token.text])
        elif expected and token.text == expected[-1]:
            expected.pop()
    raise Unreadable("'{{' is never closed with '}}'")
