"""From a function's type hints to the struct that decodes its arguments, and to the JSON Schema that describes them."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec

from vivesphere.kernel.bus.messages import JSON

CONTEXT = "context"
"""A first parameter of this name is given the plugin's context; it is no argument."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def takes_context(function: Callable[..., Any]) -> bool:
    """Whether the function's first parameter is called `context`."""
    return next(iter(inspect.signature(function).parameters), None) == CONTEXT


def arguments_struct(function: Callable[..., Any]) -> type[msgspec.Struct]:
    """A struct with a field for each parameter; unknown fields are refused. TypeError if a parameter cannot be one."""
    hints = get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name == CONTEXT:
            continue
        if parameter.kind not in _POSITIONAL or name not in hints:
            raise TypeError(f"the parameter {name!r} of {function.__name__} needs a name of its own and a type")
        required = parameter.default is inspect.Parameter.empty
        fields.append((name, hints[name]) if required else (name, hints[name], parameter.default))
    made: type[msgspec.Struct] = msgspec.defstruct(
        f"{function.__name__}_arguments", fields, kw_only=True, frozen=True, forbid_unknown_fields=True
    )
    return made


def parameters_schema(struct: type[msgspec.Struct]) -> dict[str, JSON]:
    """The struct's JSON Schema (draft 2020-12), of type `object` at the top; what it refers to lies under `$defs`."""
    (reference,), definitions = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    schema: dict[str, JSON] = definitions.pop(reference["$ref"].rpartition("/")[2])
    del schema["title"]
    if definitions:
        schema["$defs"] = definitions
    return schema
