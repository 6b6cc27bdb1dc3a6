"""Tools of the category `json`."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vivesphere.kernel.bus.messages import JSON
from vivesphere.sdk import PluginError, tool

_INDEX = re.compile(r"0|[1-9][0-9]*")
_ESCAPES = re.compile(r"~(?![01])")


@tool("json.parse")
def parse(text: Annotated[str, Meta(max_length=1_000_000, description="A JSON document.")]) -> JSON:
    """Read a JSON document, and give the value it stands for."""
    try:
        return msgspec.json.decode(text)  # type: ignore[no-any-return]  # whatever stands in the document is JSON
    except msgspec.DecodeError as error:
        raise PluginError(f"The text is not JSON: {error}.") from error
    except RecursionError as error:
        raise PluginError("The text is nested too deeply.") from error


@tool("json.get_pointer")
def get_pointer(
    document: Annotated[Any, Meta(description="Any JSON value.")],
    pointer: Annotated[str, Meta(max_length=2000, description="A JSON pointer (RFC 6901): /items/0/name")],
) -> JSON:
    """Take one value out of a JSON document by its JSON pointer. The empty pointer is the whole document."""
    return resolve(document, pointer)


def resolve(document: JSON, pointer: str) -> JSON:
    """RFC 6901, section 4. PluginError names the part of the pointer that leads nowhere."""
    if pointer and not pointer.startswith("/"):
        raise PluginError("A JSON pointer is empty or begins with '/'.")
    if _ESCAPES.search(pointer):
        raise PluginError("In a JSON pointer '~' is written '~0', and '/' inside a name '~1'.")
    value = document
    passed = ""
    for token in pointer.split("/")[1:]:
        passed += f"/{token}"
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name) and len(name) < 10 and int(name) < len(value):
            value = value[int(name)]
        else:
            raise PluginError(f"There is nothing at {passed}.")
    return value
