"""What a plugin declares, and the decorators that make a declaration of a function."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from vivesphere.contracts.tools import ToolDeclaration
from vivesphere.sdk.arguments import arguments_struct, parameters_schema, takes_context

Effect = Literal["none", "read", "write"]
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function as a tool. `declaration` is what others see; `arguments` decodes what they send."""

    declaration: ToolDeclaration
    function: Function
    arguments: type[msgspec.Struct]
    wants_context: bool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def call(self, context: object, arguments: msgspec.Struct) -> Any:
        """What the function gives for decoded arguments: a value, or an awaitable of one."""
        named = {name: getattr(arguments, name) for name in self.arguments.__struct_fields__}
        return self.function(context, **named) if self.wants_context else self.function(**named)

    async def run(self, context: object, arguments: Mapping[str, Any]) -> Any:
        """Decode, call, wait. Raises msgspec.ValidationError, or whatever the function raises."""
        return await settled(self.call(context, msgspec.convert(arguments, self.arguments)))


@dataclass(frozen=True, slots=True)
class Command:
    """A function as a chat command. `usage` shows the arguments without prefix and name: `2d6+1`."""

    name: str
    help: str
    usage: str
    function: Function
    wants_context: bool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    async def run(self, context: object, message: object) -> Any:
        return await settled(self.function(context, message) if self.wants_context else self.function(message))


@dataclass(frozen=True, slots=True)
class Listener:
    """A function that hears events. `pattern` follows the rules of topics: `bots.message.received`, `plans.run.*`, `bots.>`."""

    pattern: str
    function: Function
    wants_context: bool = field(default=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    async def run(self, context: object, envelope: object) -> None:
        await settled(self.function(context, envelope) if self.wants_context else self.function(envelope))


def tool(name: str, *, effect: Effect = "none", timeout: float = 30.0) -> Callable[[Function], Tool]:
    """Make a tool of a function. Its docstring is the description, its type hints are the schema.

    `name` is `<plugin id>.<verb_noun>`; `timeout` is in seconds. `effect` says what running it does to the world: `none`,
    `read` (asks, changes nothing) or `write`. Describe a parameter with `Annotated[int, msgspec.Meta(ge=1, description="…")]`.
    """

    def declare(function: Function) -> Tool:
        struct = arguments_struct(function)
        declaration = ToolDeclaration(
            name=name,
            description=_docstring(function, f"the tool {name}"),
            parameters=parameters_schema(struct),
            effect=effect,
            timeout=timeout,
        )
        return Tool(declaration, function, struct, takes_context(function))

    return declare


def command(name: str, *, usage: str = "") -> Callable[[Function], Command]:
    """Make a chat command of a function that takes a Message and returns a Reply, a text, or None for silence.

    The first line of its docstring is the help. It may take the context first: `async def roll(context, message)`.
    """

    def declare(function: Function) -> Command:
        text = _docstring(function, f"the command {name}").partition("\n")[0]
        return Command(name, text, usage, function, takes_context(function))

    return declare


def listener(pattern: str) -> Callable[[Function], Listener]:
    """Let a function hear every event whose topic the pattern matches, as far as the plugin's permissions reach.

    It is given the Envelope; each listener has a bounded queue of its own, which drops the oldest when it is full.
    """

    def declare(function: Function) -> Listener:
        return Listener(pattern, function, takes_context(function))

    return declare


async def settled(outcome: Any) -> Any:
    """The value, awaited if it has to be: a plugin's functions may be `async` or not."""
    return await outcome if inspect.isawaitable(outcome) else outcome


def _docstring(function: Function, what: str) -> str:
    if not (text := inspect.getdoc(function)):
        raise TypeError(f"{what} needs a docstring: people read it as its description")
    return text
