"""Errors, told in one line that can be kept."""

import pytest

from vivesphere.kernel.errors import told


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no door"), "ValueError: no door"),
        (Unspeakable(), "Unspeakable, which cannot be told"),
        (ValueError("half a pair \ud800 and nothing \0"), "ValueError: half a pair ? and nothing ?"),
        (ValueError("x" * 20), "ValueError: xxx"),
    ],
)
def test_every_error_can_be_told_and_kept(error: Exception, words: str) -> None:
    assert told(error, 15 if "x" in words else 100) == words
    told(error).encode()
