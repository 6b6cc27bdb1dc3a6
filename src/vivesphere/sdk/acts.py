"""The idempotency key of the work at hand, so that a tool's acts are done at most once without its author thinking of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class _Work:
    __slots__ = ("acts", "key")

    def __init__(self, key: str) -> None:
        self.key = key
        self.acts = 0


_work: ContextVar[_Work | None] = ContextVar("vivesphere_work", default=None)


@contextmanager
def working_on(key: str | None) -> Iterator[None]:
    """What happens inside the block is the piece of work that `key` names; None: it has no name."""
    token = _work.set(None if key is None else _Work(key))
    try:
        yield
    finally:
        _work.reset(token)


def next_key() -> str | None:
    """The key for the next act: the work's own for its first, then `<key>#2`, … The same code counts the same way again."""
    work = _work.get()
    if work is None:
        return None
    work.acts += 1
    return work.key if work.acts == 1 else f"{work.key}#{work.acts}"
