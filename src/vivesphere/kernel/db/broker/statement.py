"""What the gate makes of a text."""

from typing import Literal

import msgspec

from vivesphere.kernel.db.errors import StatementRefused

Dialect = Literal["sqlite", "postgresql"]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is written for the database at hand. `parameters` are the names under which it wants its values; without
    `by_name` they were question marks, given in that order."""

    text: str
    writes: bool
    parameters: tuple[str, ...] = ()
    by_name: bool = False


def refused(construct: str, sentence: str) -> StatementRefused:
    """A refusal that names what it is about, cut to what a person reads at a glance."""
    return StatementRefused(shown(construct), sentence)


def shown(text: str, most: int = 40) -> str:
    """A piece of a stranger's text, printable and short."""
    line = " ".join(text.split()).encode("unicode_escape").decode()
    return line if len(line) <= most else f"{line[: most - 1]}…"
