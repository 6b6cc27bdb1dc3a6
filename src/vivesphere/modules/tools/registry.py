"""The registry: every tool there is now, by name."""

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from vivesphere.contracts.tools import ToolDeclaration
from vivesphere.kernel.bus.messages import JSON
from vivesphere.modules.tools.errors import RegistrationRefused
from vivesphere.modules.tools.parameters import SchemaRefused, arguments_type
from vivesphere.sdk import Tool

LONGEST_TIMEOUT = 600.0
MOST_TOOLS_OF_A_PLUGIN = 200

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_WORD = re.compile(r"[a-z0-9]+")

Call = Callable[[msgspec.Struct, dict[str, JSON]], Any]
"""Runs a tool: takes the arguments decoded and as they came; gives the result, or an awaitable of it."""

AskPlugin = Callable[[str, dict[str, JSON]], Awaitable[JSON]]


@dataclass(frozen=True, slots=True)
class RegisteredTool:
    declaration: ToolDeclaration
    arguments: type[msgspec.Struct]
    call: Call


class Registry:
    """Builtin tools for good, a plugin's as long as it is enabled. A name is never given twice."""

    def __init__(self, builtin: Iterable[Tool], context: object) -> None:
        self._tools = {each.declaration.name: _bound(each, context) for each in builtin}
        self._categories = {name.partition(".")[0] for name in self._tools}

    def find(self, name: str) -> RegisteredTool | None:
        return self._tools.get(name)

    def near(self, name: str) -> tuple[str, ...]:
        """Names near to one that is not there, best first, three at most."""
        return tuple(difflib.get_close_matches(name[:100], self._tools, n=3, cutoff=0.5))

    def search(self, query: str) -> list[tuple[int, ToolDeclaration]]:
        """Tools that have every word of the query, best first: 0 at the name's start, 1 in it, 2 beside it. No words: all."""
        words = _WORD.findall(query.lower())
        found = [
            (rank, tool.declaration) for tool in self._tools.values() if (rank := _rank(tool.declaration, words)) is not None
        ]
        return sorted(found, key=lambda each: (each[0], each[1].name))

    def register(self, plugin: str, declared: Sequence[ToolDeclaration], ask: AskPlugin) -> tuple[str, ...]:
        """Put a plugin's tools in, all or none, in place of those it had. Raises RegistrationRefused."""
        if plugin in self._categories:
            raise RegistrationRefused(f"A plugin cannot have the id {plugin!r}: the server's own tools have that name.")
        if len(declared) > MOST_TOOLS_OF_A_PLUGIN:
            raise RegistrationRefused(f"{plugin} brings more than {MOST_TOOLS_OF_A_PLUGIN} tools.")
        made: dict[str, RegisteredTool] = {}
        for declaration in declared:
            if declaration.name in made:
                raise RegistrationRefused(f"{plugin} brings {declaration.name!r} twice.")
            made[declaration.name] = _proxy(plugin, declaration, ask)
        self.unregister(plugin)
        self._tools |= made
        return tuple(made)

    def unregister(self, plugin: str) -> tuple[str, ...]:
        """Take a plugin's tools out; gives their names."""
        gone = tuple(name for name, tool in self._tools.items() if tool.declaration.source == _source(plugin))
        for name in gone:
            del self._tools[name]
        return gone


def _source(plugin: str) -> str:
    return f"plugin:{plugin}"


def _bound(tool: Tool, context: object) -> RegisteredTool:
    return RegisteredTool(tool.declaration, tool.arguments, lambda arguments, _: tool.call(context, arguments))


def _proxy(plugin: str, declaration: ToolDeclaration, ask: AskPlugin) -> RegisteredTool:
    name = declaration.name
    if not name.startswith(f"{plugin}.") or not _NAME.fullmatch(name) or len(name) > 100:
        raise RegistrationRefused(
            f"The tool {name[:100]!r} must be named {plugin}.<verb_noun>, in lower-case letters, digits, '_' and '.'."
        )
    if declaration.effect not in ("none", "read", "write"):
        raise RegistrationRefused(f"The effect of {name} must be none, read or write, not {declaration.effect!r}.")
    if not 0 < declaration.timeout <= LONGEST_TIMEOUT:
        raise RegistrationRefused(f"The timeout of {name} must be between 0 and {LONGEST_TIMEOUT:g} seconds.")
    try:
        arguments = arguments_type(declaration.parameters)
    except SchemaRefused as error:
        raise RegistrationRefused(f"The parameters of {name} cannot be used: {error}.") from error
    sourced = msgspec.structs.replace(declaration, source=_source(plugin))
    return RegisteredTool(sourced, arguments, lambda _, given: ask(name, given))


def _rank(declaration: ToolDeclaration, words: Sequence[str]) -> int | None:
    name, description = declaration.name, declaration.description.lower()
    if all(word in name for word in words):
        return 0 if not words or name.startswith(words[0]) else 1
    return 2 if all(word in name or word in description for word in words) else None
