"""Every extension point, on one page.

A plugin's `plugin.py` implements what it needs with `@hookimpl`; nothing is required. The declaring hooks (`tools`, `commands`,
`listeners`) are called once, when the plugin is enabled, and are plain functions. The lifecycle hooks may be `async`.
"""

from collections.abc import Awaitable, Sequence

import pluggy

from vivesphere.kernel.services import Health
from vivesphere.sdk.context import PluginContext
from vivesphere.sdk.declarations import Command, Listener, Tool

PROJECT = "vivesphere"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tools() -> Sequence[Tool]:  # type: ignore[empty-body]  # a hookspec has no body
    """The tools it brings, made with `@tool`. Each name begins with the plugin's id and a dot."""


@hookspec
def commands() -> Sequence[Command]:  # type: ignore[empty-body]  # a hookspec has no body
    """The chat commands it answers, made with `@command`. A name belongs to one plugin: the second to claim it is refused."""


@hookspec
def listeners() -> Sequence[Listener]:  # type: ignore[empty-body]  # a hookspec has no body
    """The events it hears, made with `@listener`. It hears only what its permissions reach."""


@hookspec
def on_enable(context: PluginContext) -> Awaitable[None] | None:
    """Called once before anything else may reach the plugin. If it raises, the plugin is not enabled and goes to `error`."""


@hookspec
def on_disable(context: PluginContext) -> Awaitable[None] | None:
    """Called once before everything in the plugin's lifetime is released. What it raises is reported and stops nothing."""


@hookspec
def health() -> Health:  # type: ignore[empty-body]  # a hookspec has no body
    """How the plugin feels, whenever somebody asks; must answer at once. Without this hook it is well."""
