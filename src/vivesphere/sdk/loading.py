"""From a plugin's folder to its declarations. This runs where the plugin's code lives."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from vivesphere.kernel.services import Health
from vivesphere.sdk import hookspecs
from vivesphere.sdk.context import PluginContext
from vivesphere.sdk.declarations import Command, Listener, Tool, settled

CODE = "plugin.py"
PACKAGE = "vivesphere_plugin_"

D = TypeVar("D", Tool, Command, Listener)


class DeclarationInvalid(Exception):
    """A hook gave back what it must not; the message names the hook."""


def make_plugins() -> pluggy.PluginManager:
    """One for each process that runs plugins."""
    plugins = pluggy.PluginManager(hookspecs.PROJECT)
    plugins.add_hookspecs(hookspecs)
    return plugins


class PluginCode:
    """A plugin's imported code, registered with pluggy. `plugin.py` may import its neighbours: `from .notation import roll`."""

    def __init__(self, plugins: pluggy.PluginManager, plugin_id: str, module: ModuleType) -> None:
        self._plugins = plugins
        self.id = plugin_id
        self.module = module
        self.tools = _declared(plugin_id, "tools", Tool, self._gather("tools"))
        self.commands = _declared(plugin_id, "commands", Command, self._gather("commands"))
        self.listeners = _declared(plugin_id, "listeners", Listener, self._gather("listeners"))

    @classmethod
    def load(cls, plugins: pluggy.PluginManager, folder: Path) -> "PluginCode":
        """Import `plugin.py` and ask it for its declarations. Raises whatever the plugin's code raises; nothing stays then."""
        try:
            module = _import(folder)
            plugins.register(module, name=folder.name)
            plugins.check_pending()
            return cls(plugins, folder.name, module)
        except BaseException:
            unload(plugins, folder.name)
            raise

    def unload(self) -> None:
        """Take it out of pluggy, and its modules out of the interpreter, so that the next load reads the files again."""
        unload(self._plugins, self.id)

    async def on_enable(self, context: PluginContext) -> None:
        await self._lifecycle("on_enable", context)

    async def on_disable(self, context: PluginContext) -> None:
        await self._lifecycle("on_disable", context)

    def health(self) -> Health:
        """What its `health` hook says; without one it is well."""
        said = self._call("health")
        return said[0] if said else Health()

    async def _lifecycle(self, hook: str, context: PluginContext) -> None:
        for outcome in self._call(hook, context=context):
            await settled(outcome)

    def _gather(self, hook: str) -> list[Any]:
        found = self._call(hook)
        return [each for declared in found for each in declared]

    def _call(self, hook: str, **arguments: Any) -> list[Any]:
        """The hook of this plugin alone. pluggy leaves out results that are None."""
        others = [other for other in self._plugins.get_plugins() if other is not self.module]
        caller = self._plugins.subset_hook_caller(hook, remove_plugins=others)
        results: list[Any] = caller(**arguments)
        return results


def unload(plugins: pluggy.PluginManager, plugin_id: str) -> None:
    if plugins.has_plugin(plugin_id):
        plugins.unregister(name=plugin_id)
    package = f"{PACKAGE}{plugin_id}"
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def _import(folder: Path) -> ModuleType:
    """The module is also a package, whose other modules are the files beside `plugin.py`."""
    name = f"{PACKAGE}{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / CODE, submodule_search_locations=[str(folder)])
    assert spec is not None  # noqa: S101 - narrows the type; a path that ends in .py always has a spec
    assert spec.loader is not None  # noqa: S101 - the same
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _declared(plugin_id: str, hook: str, kind: type[D], found: Sequence[Any]) -> tuple[D, ...]:
    for each in found:
        if not isinstance(each, kind):
            word = kind.__name__.lower()
            raise DeclarationInvalid(f"{hook}() of {plugin_id} returned {each!r}; make it a {word} with @{word}(…)")
    return tuple(found)
