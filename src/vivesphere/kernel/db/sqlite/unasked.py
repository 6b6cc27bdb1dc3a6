"""What SQLite does not ask its authorizer about: holes in the wall that only the text of a statement shows.

- The columns that USING and NATURAL join by: `… FULL JOIN letters USING (body)` reads them all.
- `INSERT INTO mine SELECT * FROM letters`, if both tables are made alike: SQLite copies the rows page by page ("transfer
  optimization") and never looks at the SELECT.

What is taken for one of them and is none, is refused as well: there are other ways to say it.
"""

import functools
import re
import sqlite3

_BY_COLUMNS = ("join by", "USING or NATURAL: join ON the columns")
_WHOLE_ROWS = ("copy", "* into a table: name the columns")

# Any text in which SQLite's tokenizer finds one of these keywords matches; some others match too, such as a literal 'using'.
_JOINS = re.compile(r"(?<![A-Za-z_])(using|natural)(?![A-Za-z0-9_])", re.IGNORECASE | re.ASCII)

_INTO = re.compile("into", re.IGNORECASE | re.ASCII)
# As SQLite's tokenizer takes a text apart: blanks (a byte order mark is one) and comments, quotes, words, signs.
_BLANK = r"\s+|\ufeff|--[^\n]*|/\*.*?(?:\*/|\Z)"
_QUOTED = r"'[^']*'?|\"[^\"]*\"?|`[^`]*`?|\[[^\]]*\]?"
_PIECE = re.compile(rf"(?P<blank>{_BLANK})|{_QUOTED}|[A-Za-z0-9_$\x80-\U0010ffff]+|.", re.DOTALL | re.ASCII)


class Unasked(sqlite3.DatabaseError):
    """`refusal` is what was wanted, as `Authorizer.refusal`."""

    sqlite_errorcode = sqlite3.SQLITE_AUTH

    def __init__(self, refusal: tuple[str, str]) -> None:
        super().__init__("not authorized")
        self.refusal = refusal


def check(sql: str) -> None:
    """Raises Unasked."""
    if (refusal := taken_unasked(sql)) is not None:
        raise Unasked(refusal)


@functools.lru_cache(maxsize=1024)
def taken_unasked(sql: str) -> tuple[str, str] | None:
    """What a statement may take without being asked about, or seems to."""
    if _JOINS.search(sql) is not None:
        return _BY_COLUMNS
    return _WHOLE_ROWS if "*" in sql and _INTO.search(sql) is not None and _copies_whole_rows(sql) else None


def _copies_whole_rows(sql: str) -> bool:
    into = False
    before = ""
    for found in _PIECE.finditer(sql):
        if found["blank"] is not None:
            continue
        piece = found[0].lower()
        if into and piece == "*" and before in {"select", "all"}:
            return True
        into = into or piece == "into"
        before = piece
    return False
