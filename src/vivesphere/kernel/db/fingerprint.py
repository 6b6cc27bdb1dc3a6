"""A name for a statement that tells two of them apart and nothing of what stands in them."""

import hashlib
import re

LENGTH = 16

# Both dialects' ways to write a value, and comments, which may hold what somebody wanted to hide. What is not closed goes on to
# the end. SQLite takes "a" for text where no column has the name; the table's name is in a field of its own. The time taken is
# that of the length, whoever wrote the text.
_LITERAL = re.compile(
    r"""
    --[^\n]*                                       # comments
    | /\*.*?(?:\*/|\Z)
    | \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)            # PostgreSQL's text with back-slashes
    | (?:\b(?:[xXbBnN]|[uU]&))?'(?:[^']|'')*(?:'|\Z)
    | (?:\b[uU]&)?"(?:[^"]|"")*(?:"|\Z)
    | `(?:[^`]|``)*(?:`|\Z)
    | \[[^\]]*(?:\]|\Z)
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)      # PostgreSQL's dollar quotes
    | (?<![A-Za-z0-9_$\x80-\U0010ffff])\.?[0-9][0-9A-Za-z_.]*(?:(?<=[eE])[+-][0-9_]+)?
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s+")


def fingerprint(sql: str) -> str:
    """The first 16 hex digits of SHA-256 over the statement with a mark for every literal, in lower case and evenly spaced.

    Nothing of a literal goes in: even a guess at a value finds no fingerprint that confirms it.
    """
    bare = _SPACE.sub(" ", _LITERAL.sub(" ? ", sql)).strip().lower()
    return hashlib.sha256(bare.encode(errors="replace")).hexdigest()[:LENGTH]
