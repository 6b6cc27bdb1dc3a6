"""Sentences about input: msgspec's words as a JSON pointer (RFC 6901) and a sentence, and names that may have been meant."""

import re
from collections.abc import Sequence

from vivesphere.kernel.errors import FieldError

_PLACE = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_NAMED = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]+)`")


def field_error(message: str, parent: str = "") -> FieldError:
    """Turns `Expected `int`, got `str` - at `$.steps[0].id`` into a pointer, below `parent`, and a sentence."""
    place = _PLACE.search(message)
    pointer = parent + (_pointer(place.group(1)) if place else "")
    said = message[: place.start()] if place else message
    if named := _NAMED.match(said):
        name = named.group(1)
        detail = "is required" if "missing" in said else "is not a field that is known here"
        return FieldError(f"{pointer}/{escaped(name)}", detail)
    return FieldError(pointer, said[:1].lower() + said[1:].replace("`", ""))


def escaped(name: str) -> str:
    """A member's name as a token of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def did_you_mean(near: Sequence[str]) -> str:
    """What to add to the sentence that says a name is unknown: names near to it, best first; nothing if there are none."""
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _pointer(place: str) -> str:
    """msgspec names no key of a free object: it writes `[...]`, and the pointer then names the object."""
    tokens = re.findall(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])", place)
    pointer = ""
    for name, number, unnamed in tokens:
        if unnamed:
            break
        pointer += f"/{escaped(name or number)}"
    return pointer
