"""Dicts whose keys strangers choose are capped: whoever makes names up must not be able to fill the memory."""

from typing import Any


def make_room(known: dict[Any, Any], most: int) -> None:
    """For one more entry: if there are `most`, the oldest goes."""
    if len(known) >= most:
        del known[next(iter(known))]
