"""The shape of a text, before anybody parses it: how long, how deep, of which words and signs.

The parser tries one reading after another. Its time can double with every level of nesting and every join (`DATE(DATE(…` took
17 s for 128 characters), and it runs in C, which nobody can interrupt. So what it is given is small in each of these ways.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from vivesphere.kernel.db.broker.lexicon import BEFORE_PARENTHESIS, CALLABLE, FIRST, FUNCTIONS, PHRASES, TYPES, UNASKED, WORDS
from vivesphere.kernel.db.broker.statement import refused
from vivesphere.kernel.db.errors import StatementRefused

LONGEST_TEXT = 16_000
"""Characters."""

MOST_TOKENS = 2_000
DEEPEST = 16
"""Parentheses and CASEs inside one another."""

MOST_JOINS = 10
MOST_SIGNS = 4
LONGEST_NAME = 63
"""Of NOT, - and + in a row."""

_SQLITE: Final = SQLite()

_AS_THEY_ARE: Final = frozenset(
    {
        *(TokenType.STRING, TokenType.NUMBER),
        *(TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA, TokenType.DOT, TokenType.STAR),
        *(TokenType.PLUS, TokenType.DASH, TokenType.SLASH, TokenType.MOD, TokenType.DPIPE),
        *(TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE),
    }
)
_ADVICE: Final = {
    ";": "one statement at a time: leave the semicolon out, and call again for the next",
    "::": "is PostgreSQL's alone: write CAST(value AS type)",
    **dict.fromkeys(UNASKED, "joins by columns that nobody named: join ON the columns"),
}


class Shape(NamedTuple):
    """The tokens for the parser, in which what is no word of the subset is a quoted name, and the values the text waits for:
    under the names it gave them, or `p1`, `p2`, … for its question marks."""

    tokens: list[Token]
    parameters: tuple[str, ...]
    by_name: bool


def shape_of(text: str) -> Shape:
    """Raises StatementRefused."""
    found = _found(text)
    closing = _closing(found)
    taken: list[Token] = []
    marks = 0
    named: list[str] = []
    for at, token in enumerate(found):
        kind = token.token_type
        if kind in _AS_THEY_ARE:
            taken.append(token)
        elif kind is TokenType.PLACEHOLDER:
            marks += 1
            taken += (Token(TokenType.COLON, ":"), Token(TokenType.VAR, f"p{marks}"))
        elif kind is TokenType.COLON:
            named.append(_parameter(found, at))
            taken.append(token)
        else:
            taken.append(_word_or_name(found, at, closing))
    if marks and named:
        raise refused(f":{named[0]}", "stands beside question marks: write all parameters the one way or the other")
    if named:
        return Shape(taken, tuple(dict.fromkeys(named)), by_name=True)
    return Shape(taken, tuple(f"p{number}" for number in range(1, marks + 1)), by_name=False)


def _found(text: str) -> list[Token]:
    """The tokens as they are written."""
    if len(text) > LONGEST_TEXT:
        raise refused(
            "the text",
            f"is longer than {LONGEST_TEXT:,} characters: give values as parameters, or write it in several statements",
        )
    if "\0" in text:
        raise refused("the text", "contains the character U+0000, which no database keeps: leave it out")
    try:
        found = _SQLITE.tokenize(text)
    except TokenError as error:
        raise refused("the text", "cannot be read: a quote or a comment is not closed, or a sign is none of SQL's") from error
    while found and found[-1].token_type is TokenType.SEMICOLON:
        found.pop()
    if not found:
        raise refused("the text", "is empty: write one SELECT, INSERT, UPDATE or DELETE")
    if (first := found[0].text.upper()) not in FIRST or found[0].token_type in _NOT_WORDS:
        raise refused(first, "is not for SQL from outside: write one SELECT, INSERT, UPDATE or DELETE, or WITH before one")
    if _is(found, 1, TokenType.OR):
        raise refused(f"{first} OR", "is SQLite's alone: write ON CONFLICT")
    if len(found) > MOST_TOKENS:
        raise refused("the text", f"has more than {MOST_TOKENS:,} words and signs: write it in several statements")
    return found


def _parameter(found: Sequence[Token], at: int) -> str:
    """The name behind a colon. What follows directly, without a space, is checked by the parser."""
    name = found[at + 1].text if at + 1 < len(found) else ""
    if not (name.isascii() and name.isidentifier()) or len(name) > LONGEST_NAME:
        raise refused(f":{name}", "is no parameter: write ? or :name, with a name of letters, digits and _")
    return name


def _closing(found: Sequence[Token]) -> dict[int, int]:
    """Where each parenthesis is closed. Refuses what is too deep, has too many joins or too many signs in a row."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    cases = joins = signs = 0
    for at, token in enumerate(found):
        match token.token_type:
            case TokenType.L_PAREN:
                opened.append(at)
            case TokenType.R_PAREN if opened:
                pairs[opened.pop()] = at
            case TokenType.CASE:
                cases += 1
            case TokenType.END:
                cases = max(0, cases - 1)
            case TokenType.JOIN:
                joins += 1
        signs = signs + 1 if token.token_type in _UNARY else 0
        if len(opened) + cases > DEEPEST:
            raise refused("the nesting", f"goes deeper than {DEEPEST} parentheses and CASEs: take it apart with WITH")
        if signs > MOST_SIGNS:
            raise refused(token.text, f"stands more than {MOST_SIGNS} times in a row: write it once")
    if joins > MOST_JOINS:
        raise refused("JOIN", f"stands more than {MOST_JOINS} times: ask in several statements")
    return pairs


_UNARY: Final = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS})
_NOT_WORDS: Final = frozenset({TokenType.STRING, TokenType.IDENTIFIER})


def _word_or_name(found: Sequence[Token], at: int, closing: dict[int, int]) -> Token:
    token = found[at]
    if token.token_type is TokenType.IDENTIFIER:
        return _name(found, at, closing)
    word = token.text.upper()
    if word in WORDS:
        if _opens(found, at) and word not in BEFORE_PARENTHESIS:
            raise _no_function(word)
        return token
    before = found[at - 1].token_type if at else None
    if before is TokenType.COLON:
        return token
    if _opens(found, at) and word in CALLABLE:
        return token
    if word in TYPES and before is TokenType.ALIAS and _is(found, at + 1, TokenType.R_PAREN):
        return token
    if token.text.isidentifier() and word not in UNASKED:
        return _name(found, at, closing)
    if " ".join(word.split()) in PHRASES:
        return token
    raise refused(token.text, _ADVICE.get(word, "is not known here: the guide to SQL says what is"))


def _name(found: Sequence[Token], at: int, closing: dict[int, int]) -> Token:
    """A name, out of reach of the parser's other words. One before a parenthesis would be a function, but for a table's columns
    in INSERT and WITH."""
    token = found[at]
    if _opens(found, at) and not _is_target(found, at):
        end = closing.get(at + 1, at)
        heads_cte = found[at - 1].text.upper() in {"WITH", "RECURSIVE", ","}
        if not (heads_cte and _is(found, end + 1, TokenType.ALIAS) and _is(found, end + 2, TokenType.L_PAREN)):
            raise _no_function(token.text)
    return Token(TokenType.IDENTIFIER, token.text, token.line, token.col, token.start, token.end)


def _is_target(found: Sequence[Token], at: int) -> bool:
    """`INSERT INTO items`, or `INSERT INTO items AS i`."""
    aliased = _is(found, at - 1, TokenType.ALIAS) and _is(found, at - 3, TokenType.INTO)
    return aliased or _is(found, at - 1, TokenType.INTO)


def _opens(found: Sequence[Token], at: int) -> bool:
    return _is(found, at + 1, TokenType.L_PAREN)


def _is(found: Sequence[Token], at: int, kind: TokenType) -> bool:
    return 0 <= at < len(found) and found[at].token_type is kind


def _no_function(name: str) -> StatementRefused:
    return refused(f"{name}(", f"is no function here; there are {', '.join(sorted(FUNCTIONS)).lower()}, and CAST")
