"""Templates made of text and `{{ name.inner | filter }}`, evaluated piece by piece by minijinja.

Whole templates could make gigabytes of a few bytes (`{% set x = x ~ x %}`, loops, `'a' * 10**9`, `replace`), and fuel counts
steps, not bytes. So there are no statements and no operators: each piece is a name and a few filters that make about as much as
they are given, and what the pieces add up to is counted while they are put together.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from minijinja import Environment, TemplateError

from vivesphere.sdk import PluginError

LONGEST_TEMPLATE = 20_000
LARGEST_VALUES = 200_000
LONGEST_RESULT = 500_000
FUEL = 1_000

_FILTERS = "capitalize|default|first|int|join|last|length|lower|round|title|tojson|trim|upper"
_LITERAL = r"""(?:"[^"\\{}]{0,100}"|'[^'\\{}]{0,100}'|[0-9]{1,2})"""
_PIECE = re.compile(
    r"[A-Za-z_]\w*(?:\.\w+|\[[0-9]{1,6}\])*(?:\s*\|\s*(?:" + _FILTERS + r")(?:\(\s*" + _LITERAL + r"\s*\))?){0,5}",
    re.ASCII,
)

_environment = Environment(undefined_behavior="strict", fuel=FUEL, debug=False)


def render(template: str, values: Mapping[str, Any]) -> str:
    """The template with its pieces filled in. PluginError says which piece is wrong."""
    if "{%" in template:
        raise PluginError("A template has no statements ({% … %}), only values: {{ name }}.")
    if len(msgspec.json.encode(values)) > LARGEST_VALUES:
        raise PluginError(f"The values are larger than {LARGEST_VALUES} bytes.")
    first, *rest = template.split("{{")
    made, length = [first], len(first)
    for part in rest:
        piece, closed, text = part.partition("}}")
        if not closed:
            raise PluginError("A '{{' has no '}}'.")
        filled = _fill(piece.strip(), values)
        length += len(filled) + len(text)
        if length > LONGEST_RESULT:
            raise PluginError(f"The result would have more than {LONGEST_RESULT} characters.")
        made += (filled, text)
    return "".join(made)


def _fill(piece: str, values: Mapping[str, Any]) -> str:
    if not _PIECE.fullmatch(piece):
        raise PluginError(f"{piece[:80]!r} is not a name with filters, such as person.name | title.")
    try:
        value = _environment.eval_expr(f"values.{piece}", values=values)
    except TemplateError as error:
        reason = error.message.partition(" (in <")[0].replace("`values.", "`")
        raise PluginError(f"{piece!r} cannot be filled in: {reason}.") from error
    if value is None:
        raise PluginError(f"{piece!r} has no value.")
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
