"""One IRC line: reading it, writing it, and cutting text so that it fits (RFC 1459 §2.3, RFC 2812 §2.3, IRCv3 message tags)."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

LINE_BYTES = 512
"""One line with its CR LF, without message tags (RFC 2812 §2.3)."""

RECEIVED_BYTES = 8191 + LINE_BYTES
"""What a server may send in one line: tags and the rest (IRCv3 message tags, "Size limit")."""

_FORBIDDEN = re.compile(r"[\r\n\0]")
_COMMAND = re.compile(r"[A-Za-z]+|[0-9]{3}")
_TAG_KEY = re.compile(r"\+?([A-Za-z0-9.-]+/)?[A-Za-z0-9-]+")
_TAG_ESCAPES = {";": r"\:", " ": r"\s", "\\": r"\\", "\r": r"\r", "\n": r"\n"}
_TAG_PLAIN = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_NO_TAGS: Mapping[str, str] = MappingProxyType({})


class ProtocolError(Exception):
    """The peer sent what IRC does not allow."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is upper case; `prefix` is what stood after the first colon, empty if there was none."""

    command: str
    params: tuple[str, ...] = ()
    prefix: str = ""
    tags: Mapping[str, str] = _NO_TAGS

    @property
    def nick(self) -> str:
        """The nick in `nick!user@host`, or the server's name."""
        return self.prefix.partition("!")[0].partition("@")[0]

    def param(self, place: int) -> str:
        """The parameter at `place`, counted from 0; empty if the line has fewer."""
        return self.params[place] if place < len(self.params) else ""


class LineBuffer:
    """Cuts a stream of bytes into lines. Accepts a bare LF too, as RFC 1459 §8 asks of the tolerant."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Every whole line in order, without its end. Raises ProtocolError when a line does not end in time."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if text := line.rstrip(b"\r"):
                yield _decode(text)
        if len(self._rest) > RECEIVED_BYTES:
            raise ProtocolError(f"the server sent a line of more than {RECEIVED_BYTES} bytes")


def parse(text: str) -> Line:
    """Read one line without its end. Raises ProtocolError for what is no message."""
    rest = text
    tags: Mapping[str, str] = _NO_TAGS
    if rest.startswith("@"):
        raw, _, rest = rest[1:].partition(" ")
        tags = _parse_tags(raw)
    rest = rest.lstrip(" ")
    prefix = ""
    if rest.startswith(":"):
        prefix, _, rest = rest[1:].partition(" ")
    middle, trailing = _cut_trailing(rest.lstrip(" "))
    words = [word for word in middle.split(" ") if word]
    if not words or not _COMMAND.fullmatch(words[0]):
        raise ProtocolError(f"not an IRC message: {text[:80]!r}")
    params = (*words[1:], *trailing)
    return Line(command=words[0].upper(), params=params, prefix=prefix, tags=tags)


def write(line: Line) -> bytes:
    """One line with its CR LF. Raises ValueError if it could be read as anything else: that is how injection is kept out."""
    if not _COMMAND.fullmatch(line.command):
        raise ValueError(f"not an IRC command: {line.command!r}")
    words = [line.command.upper()]
    for place, param in enumerate(line.params):
        last = place == len(line.params) - 1
        words.append(_param(param, last=last))
    head = f":{_word(line.prefix)} " if line.prefix else ""
    body = (head + " ".join(words)).encode()
    if len(body) + 2 > LINE_BYTES:
        raise ValueError(f"an IRC line has at most {LINE_BYTES} bytes; this {line.command} has {len(body) + 2}")
    return _write_tags(line.tags) + body + b"\r\n"


def split_text(text: str, room: int) -> list[str]:
    """Cut text into lines of at most `room` bytes of UTF-8, at a space where there is one, never inside a code point.

    CR, LF and NUL end a line; empty lines are left out, since IRC cannot say nothing.
    """
    if room < 4:
        raise ValueError("there must be room for the longest code point, which has 4 bytes")
    lines: list[str] = []
    for paragraph in _FORBIDDEN.split(text):
        rest = paragraph.encode("utf-8", "replace")
        while rest.strip():
            piece = _cut(rest, room)
            if line := piece.decode().rstrip(" "):
                lines.append(line)
            rest = rest[len(piece) :].lstrip(b" ")
    return lines


def fold(name: str) -> str:
    """Lower case as IRC servers compare names: `{}|^` are the lower case of `[]\\~` (RFC 2812 §2.2)."""
    return name.lower().translate(_FOLD)


_FOLD = str.maketrans("[]\\~", "{}|^")


def _cut(text: bytes, room: int) -> bytes:
    if len(text) <= room:
        return text
    end = room
    while text[end] & 0xC0 == 0x80:  # a continuation byte: the code point began before
        end -= 1
    space = text.rfind(b" ", 0, end + 1)
    # A word longer than half a line is cut rather than left to a line of its own.
    return text[: space if space > room // 2 else end]


def _decode(text: bytes) -> str:
    """UTF-8, and Latin-1 for those who still speak it: every byte means something there."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _cut_trailing(text: str) -> tuple[str, tuple[str, ...]]:
    if text.startswith(":"):
        return "", (text[1:],)
    middle, colon, trailing = text.partition(" :")
    return middle, (trailing,) if colon else ()


def _param(param: str, *, last: bool) -> str:
    if last and (not param or param.startswith(":") or " " in param):
        if _FORBIDDEN.search(param):
            raise ValueError("an IRC parameter holds no CR, LF or NUL")
        return f":{param}"
    return _word(param)


def _word(word: str) -> str:
    if not word or word.startswith(":") or " " in word or _FORBIDDEN.search(word):
        raise ValueError(f"not a single IRC word: {word[:80]!r}")
    return word


def _parse_tags(raw: str) -> Mapping[str, str]:
    tags = {}
    for item in raw.split(";"):
        key, _, value = item.partition("=")
        if key:
            tags[key] = _unescape(value)
    return tags


def _unescape(value: str) -> str:
    # A backslash before any other character, or at the end, is dropped (IRCv3 message tags, "Escaping values").
    return re.sub(r"\\(.?)", lambda found: _TAG_PLAIN.get(found[1], found[1]), value)


def _write_tags(tags: Mapping[str, str]) -> bytes:
    if not tags:
        return b""
    items = []
    for key, value in tags.items():
        if not _TAG_KEY.fullmatch(key) or "\0" in value:
            raise ValueError(f"not a message tag: {key[:80]!r}")
        escaped = "".join(_TAG_ESCAPES.get(character, character) for character in value)
        items.append(f"{key}={escaped}" if escaped else key)
    return f"@{';'.join(items)} ".encode()
