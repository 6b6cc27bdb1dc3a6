"""Topic names and patterns, by the rules of NATS subjects: `*` is exactly one token, `>` one or more and stands last."""

import re
from functools import lru_cache

from vivesphere.kernel.bus.errors import TopicInvalid

MAX_TOKENS = 16
MAX_BYTES = 255

_TOKEN = re.compile(r"[a-z0-9_-]+")


@lru_cache(maxsize=4096)
def split_topic(topic: str) -> tuple[str, ...]:
    """The topic's tokens. Raises TopicInvalid for anything that is not a plain topic."""
    tokens = _split(topic)
    for token in tokens:
        if not _TOKEN.fullmatch(token):
            raise TopicInvalid(f"topic {topic[:80]!r}: token {token[:40]!r} is not made of a-z, 0-9, '_' and '-'")
    return tokens


@lru_cache(maxsize=4096)
def split_pattern(pattern: str) -> tuple[str, ...]:
    """The pattern's tokens. Raises TopicInvalid; `*` and `>` stand for whole tokens only, `>` only at the end."""
    tokens = _split(pattern)
    for place, token in enumerate(tokens, start=1):
        if token == "*" or (token == ">" and place == len(tokens)):
            continue
        if not _TOKEN.fullmatch(token):
            raise TopicInvalid(
                f"pattern {pattern[:80]!r}: token {token[:40]!r} is not '*', a last '>', or made of a-z, 0-9, '_' and '-'"
            )
    return tokens


def matches(pattern: str, topic: str) -> bool:
    """Whether the pattern names the topic. Both are checked first."""
    wanted, given = split_pattern(pattern), split_topic(topic)
    if wanted[-1] == ">":
        return len(given) >= len(wanted) and _all_match(wanted[:-1], given)
    return len(given) == len(wanted) and _all_match(wanted, given)


def covers(wider: str, pattern: str) -> bool:
    """Whether every topic that `pattern` names is named by `wider` too. Both are checked first."""
    outer, inner = split_pattern(wider), split_pattern(pattern)
    if outer[-1] == ">":
        return len(inner) >= len(outer) and _all_covered(outer[:-1], inner)
    return len(inner) == len(outer) and inner[-1] != ">" and _all_covered(outer, inner)


def _all_covered(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    return all(each in ("*", token) for each, token in zip(outer, inner, strict=False))


def _all_match(wanted: tuple[str, ...], given: tuple[str, ...]) -> bool:
    return all(want in ("*", have) for want, have in zip(wanted, given, strict=False))


def _split(name: str) -> tuple[str, ...]:
    if not name or len(name.encode()) > MAX_BYTES:
        raise TopicInvalid(f"a topic has 1 to {MAX_BYTES} bytes; {name[:40]!r} has {len(name.encode())}")
    tokens = tuple(name.split("."))
    if len(tokens) > MAX_TOKENS:
        raise TopicInvalid(f"a topic has at most {MAX_TOKENS} tokens; {name[:80]!r} has {len(tokens)}")
    return tokens
