"""How far a long work on the database has come, told to whoever waits for it."""

from typing import Protocol


class Progress(Protocol):
    """Called on the thread that works, often: `done` of `whole` (pages, bytes or rows) of what is named."""

    def __call__(self, what: str, done: int, whole: int, /) -> None: ...


def untold(_what: str, _done: int, _whole: int, /) -> None:
    """Nobody waits."""
