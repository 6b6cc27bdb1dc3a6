"""The gate: what a text has to pass before the engine sees it. Depth, not the wall: the engine decides all the same.

sqlglot is heavy (12 MB, a quarter of a second), so the rooms that use it are loaded with the first statement that needs them.
"""

from typing import Protocol

from vivesphere.kernel.capped import make_room
from vivesphere.kernel.db.broker.statement import Dialect, Statement

CACHED_STATEMENTS = 512

LONGEST_CACHED = 4_000
"""Characters. Longer texts hold their values themselves, and seldom come twice."""


class Gate(Protocol):
    """Lets a text through as a statement for the database at hand. Called on database threads."""

    def admit(self, text: str, prefix: str, dialect: Dialect) -> Statement:
        """Bare table names get `prefix`. Raises StatementRefused."""
        ...

    def knows(self, text: str, prefix: str, dialect: Dialect) -> bool:
        """Whether `admit` would answer at once."""
        ...


class SqlGate:
    """The gate in use. What it let through it lets through again without reading it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Dialect], Statement] = {}

    def admit(self, text: str, prefix: str, dialect: Dialect) -> Statement:
        key = (text, prefix, dialect)
        known = self._known.get(key)
        if known is not None:
            return known
        from vivesphere.kernel.db.broker.reading import read  # noqa: PLC0415 - loads sqlglot, see above

        statement = read(text, prefix, dialect)
        if len(text) <= LONGEST_CACHED:
            make_room(self._known, CACHED_STATEMENTS)
            self._known[key] = statement
        return statement

    def knows(self, text: str, prefix: str, dialect: Dialect) -> bool:
        return (text, prefix, dialect) in self._known
