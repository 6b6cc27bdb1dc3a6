"""Rules over `tx`: what becomes of a plugin is remembered and told in one commit."""

from collections.abc import Mapping

from vivesphere.contracts.plugins import PluginDisabled, PluginEnabled, PluginFailed
from vivesphere.kernel.db import ddl
from vivesphere.kernel.db.access import TableDescription
from vivesphere.kernel.db.definition import TableDefinition
from vivesphere.kernel.db.handle import Unit
from vivesphere.kernel.principals import Principal
from vivesphere.modules.plugins import repository
from vivesphere.modules.plugins.growth import growth
from vivesphere.modules.plugins.schemas import PluginState, PluginTable


def states(tx: Unit) -> dict[str, PluginState]:
    return repository.states(tx)


def settle(tx: Unit, state: PluginState) -> None:
    """Remember a plugin's state, and report it."""
    repository.remember(tx, state, tx.now())
    match state.status:
        case "enabled":
            tx.emit(PluginEnabled(plugin=state.id, version=state.version))
        case "disabled":
            tx.emit(PluginDisabled(plugin=state.id))
        case _:
            tx.emit(PluginFailed(plugin=state.id, detail=state.detail))


def grow_tables(tx: Unit, plugin: Principal, version: str, declared: Mapping[str, TableDefinition]) -> bool:
    """Make and grow the plugin's tables as they are declared; whether anything changed. Raises TableRefused."""
    known = repository.tables(tx, plugin)
    changed = False
    for name, wanted in declared.items():
        description = TableDescription(name=name, access_level="protected", owner=plugin, is_system=False)
        present = known.get(name)
        if present is None:
            ddl.create(tx, description, wanted, "rows")
        else:
            asked, wanted = growth(present, wanted, version)  # noqa: PLW2901 - from here on it is what the table becomes
            if asked.empty:
                continue
            ddl.alter(tx, description, present.definition, wanted, asked=asked, layout="rows")
        repository.keep_table(tx, plugin, PluginTable(name=name, version=version, definition=wanted), tx.now())
        changed = True
    return changed
