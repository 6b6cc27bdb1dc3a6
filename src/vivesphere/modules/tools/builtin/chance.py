"""Tools of the category `random`."""

import random
import uuid
from typing import Annotated

from msgspec import Meta

from vivesphere.sdk import PluginError, tool

Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]

_random = random.SystemRandom()


@tool("random.pick_number")
def pick_number(least: Whole = 1, most: Whole = 100) -> int:
    """A whole number between two others, both included, each equally likely."""
    if least > most:
        raise PluginError(f"There is no number from {least} to {most}; `least` must not be greater than `most`.")
    return _random.randint(least, most)


@tool("random.make_uuid")
def make_uuid() -> str:
    """A new random UUID (version 4, RFC 9562)."""
    return str(uuid.uuid4())
